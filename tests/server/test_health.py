"""What /readyz asks: each part once at a time, and never for long."""

from __future__ import annotations

import threading

import pytest

from glancetui.errors import RegistryUnavailable
from glancetui.server import health
from glancetui.server.bridge import Pools
from glancetui.server.health import Part, Probes


@pytest.fixture
def pools() -> Pools:
    return Pools(1)


async def test_parts_are_told_with_what_is_wrong_and_the_log_why(
    pools: Pools, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise RegistryUnavailable("It is away at /a/path.")

    probes = Probes({"a": lambda: None, "b": away, "c": lambda: "It is full at /a/path."}, pools)
    assert await probes.look() == [
        Part(name="a", ready=True),
        Part(name="b", ready=False, error=RegistryUnavailable.told),
        Part(name="c", ready=False, error=health.PRIVATE),
    ]
    assert "b: It is away at /a/path." in caplog.text
    assert "c: It is full at /a/path." in caplog.text
    await probes.look()
    assert caplog.text.count("/a/path") == 2
    pools.close()


async def test_a_part_that_hangs_holds_one_thread_and_nobody(pools: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    go, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        assert go.wait(10)

    probes = Probes({"slow": hang, "quick": lambda: None}, pools)
    for _ in range(3):
        slow, quick = await probes.look()
        assert slow.error is not None
        assert "has not answered" in slow.error
        assert quick.ready
    assert asked == [1]
    go.set()
    monkeypatch.setattr(health, "PROBE_SECONDS", 5.0)
    assert (await probes.look())[0].ready
    pools.close()


async def test_a_defect_is_no_answer(pools: Pools) -> None:
    probes = Probes({"a": lambda: 1 // 0 or None}, pools)
    with pytest.raises(ZeroDivisionError):
        await probes.look()
    pools.close()
