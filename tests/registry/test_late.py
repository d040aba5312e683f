"""A database that is away when the service starts is waited for; one that is wrong is not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError, RegistryUnavailable
from glancetui.registry import late
from glancetui.registry.sql import SqlRegistry, open_registry

SENTENCE = "The database cannot be used now: it is full."


class Opening:
    """Raises what it is told, then opens a real one."""

    def __init__(self, folder: Path, *errors: Exception) -> None:
        self._settings = DatabaseSettings(connection=f"sqlite:///{folder}/glance.sqlite", upgrade=True)
        self._errors = list(errors)

    def __call__(self) -> SqlRegistry:
        if self._errors:
            raise self._errors.pop(0)
        return open_registry(self._settings, "n")


@pytest.fixture(autouse=True)
def _short_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "FIRST_NAP", 0.05)


def test_a_database_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    registry = late.opened(Opening(tmp_path))
    assert type(registry) is SqlRegistry
    registry.close()


def test_one_that_is_away_answers_with_the_reason_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    registry = late.opened(Opening(tmp_path, RegistryUnavailable(SENTENCE), RegistryUnavailable(SENTENCE)))
    with pytest.raises(RegistryUnavailable, match=SENTENCE):
        registry.check()
    deadline = time.monotonic() + 10
    while True:
        try:
            assert registry.last_event() == 0
            break
        except RegistryUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    while "can be used now" not in caplog.text:  # it is said just after it is so
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert caplog.text.count(SENTENCE) == 1
    registry.close()


def test_one_that_needs_an_operator_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wrong schema"):
        late.opened(Opening(tmp_path, ConfigError("wrong schema")))


def test_one_that_comes_back_wrong_says_so_and_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = late.opened(Opening(tmp_path, RegistryUnavailable(SENTENCE), ConfigError("wrong schema")))
    deadline = time.monotonic() + 10
    while "wrong schema" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    said: set[str] = set()
    while time.monotonic() < deadline:
        try:
            registry.check()
            break
        except RegistryUnavailable as error:
            said.add(str(error))
            time.sleep(0.01)
    assert said <= {SENTENCE, "wrong schema"}
    registry.check()
    registry.close()


def test_closing_ends_the_waiting(tmp_path: Path) -> None:
    registry = late.opened(Opening(tmp_path, *[RegistryUnavailable(SENTENCE)] * 1000))
    registry.close()
    with pytest.raises(RegistryUnavailable):
        registry.check()
