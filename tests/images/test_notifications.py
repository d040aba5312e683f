"""The sender of notifications: order, leases, and a broker that fails half-way, as no real one does on demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.config.settings import DatabaseSettings, OwedNotifications
from glancetui.errors import Unavailable
from glancetui.images.notifications import LEASE_NAME, Notifications
from glancetui.registry.interface import Notification
from glancetui.registry.sql import SqlRegistry, open_registry
from tests.images.data_path import empty_database
from tests.images.waiting import until
from tests.registry.making import made


class Failing:
    """Takes `takes` notifications, then none until more is allowed."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.got: list[str] = []
        self.closed = False

    def send(self, notification: Notification) -> None:
        if len(self.got) >= self.takes:
            raise Unavailable("It is full.")
        self.got.append(notification.message_id)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    file = tmp_path / "registry.sqlite"
    file.write_bytes(empty_database())
    opened = open_registry(DatabaseSettings(connection=f"sqlite:///{file}"), "node", OwedNotifications())
    yield opened
    opened.close()


def test_what_a_broker_did_not_take_is_sent_again_from_there(registry: SqlRegistry) -> None:
    for _ in range(40):
        made(registry)
    waiting = [each.message_id for each in registry.notifications(100)]
    broker = Failing(5)
    sender = Notifications(registry, broker, "worker")
    with pytest.raises(Unavailable):
        sender.run_once()
    assert [each.message_id for each in registry.notifications(100)] == waiting[5:]
    broker.takes = 100
    assert sender.run_once() == 35
    assert broker.got == waiting
    assert registry.notifications(1) == []


def test_only_who_holds_the_lease_sends(registry: SqlRegistry) -> None:
    made(registry)
    assert registry.acquire_lease(LEASE_NAME, "another", 60) is not None
    broker = Failing(100)
    sender = Notifications(registry, broker, "worker")
    assert (sender.run_once(), broker.got) == (0, [])
    registry.release_lease(LEASE_NAME, "another")
    assert (sender.run_once(), len(broker.got)) == (1, 1)


def test_it_goes_on_by_itself_and_gives_the_lease_back(registry: SqlRegistry, caplog: pytest.LogCaptureFixture) -> None:
    broker = Failing(0)
    sender = Notifications(registry, broker, "worker")
    sender.start()
    made(registry)
    until(lambda: "Notifications wait in the database: It is full." in caplog.text, 10)
    broker.takes = 1
    until(lambda: len(broker.got) == 1, 10)
    sender.stop(10)
    assert broker.closed
    assert registry.acquire_lease(LEASE_NAME, "another", 1) is not None
