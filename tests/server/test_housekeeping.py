"""The thread that cleans up in each worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glancetui.errors import RegistryUnavailable
from glancetui.images.importing.staging import Staging
from glancetui.images.patrol import Patrol
from glancetui.server.housekeeping import Housekeeping
from tests.images.data_path import OWNER, House, house


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


@pytest.fixture
def keeper(home: House) -> Iterator[Housekeeping]:
    patrol = Patrol(home.registry, home.catalogue)
    staging = Staging(home.catalogue, None, "here", None)
    worker = str(home.worker)
    built = Housekeeping(home.registry, home.recovery(), home.outbox(), patrol, staging, worker, lease=60)
    yield built
    built.stop(10)


def eventually(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_woken_thread_removes_bytes_long_before_its_next_round(home: House, keeper: Housekeeping) -> None:
    keeper.start()
    for number in range(3):
        image = home.uploaded(b"data %d" % number)
        home.images.delete(OWNER, image.id)
        keeper.wake()
        eventually(lambda: home.files() == [], 3)


def test_what_an_earlier_process_owed_is_done_at_start(home: House, keeper: Housekeeping) -> None:
    home.images.delete(OWNER, home.uploaded(b"data").id)
    keeper.start()
    eventually(lambda: home.files() == [])


def test_a_thread_that_ends_gives_its_leases_back(home: House, keeper: Housekeeping) -> None:
    home.images.delete(OWNER, home.uploaded(b"data").id)
    keeper.start()
    eventually(lambda: home.files() == [])  # recovery and patrol come before the outbox
    names = ("recovery", "patrol")
    assert [home.registry.acquire_lease(name, "the next", 60) for name in names] == [None, None]
    keeper.stop(10)
    assert None not in [home.registry.acquire_lease(name, "the next", 60) for name in names]


@pytest.mark.parametrize("error", [RegistryUnavailable("the database is away"), RuntimeError("a defect")])
def test_a_failing_piece_neither_ends_the_thread_nor_keeps_the_others(
    home: House, keeper: Housekeeping, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail() -> None:
        raise error

    keeper._recovery.run_once = fail  # type: ignore[method-assign,assignment]
    keeper.start()
    home.images.delete(OWNER, home.uploaded(b"data").id)
    keeper.wake()
    eventually(lambda: home.files() == [])
    assert str(error) in caplog.text


def test_it_stops_at_once_and_twice(keeper: Housekeeping) -> None:
    keeper.start()
    began = time.monotonic()
    keeper.stop(10)
    keeper.stop(10)
    assert time.monotonic() - began < 4
    assert "housekeeping" not in [thread.name for thread in threading.enumerate()]


def test_one_that_was_never_started_stops_too(keeper: Housekeeping) -> None:
    keeper.stop()
