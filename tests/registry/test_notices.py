"""Notifications that changes owe: written with them, in their order, and only those that are wanted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from glancetui.config.settings import OwedNotifications
from glancetui.errors import Stale
from glancetui.registry.interface import ImageChange
from glancetui.registry.metadefs import NamespaceFields, NewNamespace
from glancetui.registry.sql import SqlRegistry, notices, open_registry
from tests.registry.making import ACTOR, ADMIN, active, begun, made, seen
from tests.registry.places import Place

OWED = OwedNotifications(disabled=frozenset({"image.member.update", "metadef_tag"}))


@pytest.fixture
def registry(place: Place) -> Iterator[SqlRegistry]:
    opened = open_registry(place.settings(), "node-1", OWED)
    yield opened
    opened.close()


def told(registry: SqlRegistry) -> list[tuple[str, Any]]:
    """Kind and payload of all that wait, which are then forgotten."""
    waiting = registry.notifications(1000)
    registry.finish_notifications([each.id for each in waiting])
    return [(each.kind, json.loads(each.payload)) for each in waiting]


def test_an_images_life_is_told_in_order(registry: SqlRegistry) -> None:
    image = active(registry, name="x", properties={"a": "b"})
    registry.add_tag(image.id, "t", -1, ACTOR)
    registry.add_member(image.id, "q", -1, ACTOR)
    registry.set_member_status(image.id, "q", "accepted", ACTOR)
    registry.remove_member(image.id, "q", ACTOR)
    registry.delete_image(seen(registry.image(image.id, ADMIN)), ACTOR)
    found = told(registry)
    assert [kind for kind, _ in found] == [
        "image.create", "image.update", "image.prepare", "image.upload", "image.activate", "image.update",
        "image.update", "image.member.create", "image.member.delete", "image.delete",
    ]  # fmt: skip
    payloads = dict(found)
    assert payloads["image.create"]["properties"] == {"a": "b"}
    assert payloads["image.prepare"]["backend"] == "file"
    assert payloads["image.member.delete"]["deleted"] is True
    assert (payloads["image.delete"]["tags"], payloads["image.delete"]["status"]) == (["t"], "deleted")
    assert "file:///" not in json.dumps(payloads)
    assert told(registry) == []


def test_a_download_is_told_where_it_is_wanted(registry: SqlRegistry, place: Place) -> None:
    registry.note_download("i", "p", 5, ACTOR)
    registry.note_download("i", "p", 3, ACTOR, whole=False, address="192.0.2.1")
    assert [each.priority for each in registry.notifications(9)] == ["INFO", "ERROR"]
    whole = {
        "bytes_sent": 5, "image_id": "i", "owner_id": "p", "receiver_tenant_id": ACTOR.project,
        "receiver_user_id": ACTOR.user,
    }  # fmt: skip
    part = {**whole, "bytes_sent": 3, "destination_ip": "192.0.2.1"}
    assert told(registry) == [("image.send", whole), ("image.send", part)]
    for owed in (None, OwedNotifications(disabled=frozenset({"image.send"}))):
        other = open_registry(place.settings(), "node-1", owed)
        other.note_download("i", "p", 5, ACTOR)
        other.close()
    assert told(registry) == []


def test_an_upload_that_failed_is_told_as_an_error(registry: SqlRegistry) -> None:
    image = made(registry)
    intent = begun(registry, image)
    told(registry)
    registry.abandon_upload(intent, "it broke", ACTOR)
    [error, update] = registry.notifications(10)
    assert (error.kind, error.priority, "it broke" in error.payload) == ("image.upload", "ERROR", True)
    assert (update.kind, update.priority) == ("image.update", "INFO")


def test_what_was_not_committed_is_not_told(registry: SqlRegistry) -> None:
    image = made(registry)
    registry.change_image(seen(image), ImageChange(name="a"), ACTOR)
    with pytest.raises(Stale):
        registry.change_image(seen(image), ImageChange(name="b"), ACTOR)
    assert [kind for kind, _ in told(registry)] == ["image.create", "image.update"]


def test_definitions_are_told_but_for_what_is_disabled(registry: SqlRegistry) -> None:
    fields = NamespaceFields(name="N", owner="p")
    registry.create_metadef_namespace(NewNamespace(fields=fields, tags=("t",)), ACTOR)
    registry.change_metadef_namespace("N", NamespaceFields(name="M", owner="p"), ACTOR)
    registry.delete_metadef_namespace("M", ACTOR)
    found = told(registry)
    assert [kind for kind, _ in found] == [f"metadef_namespace.{what}" for what in ("create", "update", "delete")]
    assert [(payload["namespace"], payload["namespace_old"]) for _, payload in found] == [
        ("N", "N"), ("M", "N"), ("M", "M"),
    ]  # fmt: skip
    assert [payload["deleted"] for _, payload in found] == [False, False, True]


def test_without_notifications_nothing_is_written(place: Place) -> None:
    with_none = place.open()
    active(with_none)
    assert with_none.notifications(10) == []
    with_none.close()


def test_changes_at_once_are_told_once_each_and_those_of_an_image_in_order(registry: SqlRegistry) -> None:
    images = [made(registry) for _ in range(3)]

    def tag(number: int) -> None:
        registry.add_tag(images[number % 3].id, f"t{number}", -1, ACTOR)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tag, range(24)))
    found = told(registry)
    assert Counter(kind for kind, _ in found) == {"image.create": 3, "image.update": 24}
    for image in images:
        counts = [len(payload["tags"]) for _, payload in found if payload["id"] == image.id]
        assert counts == list(range(9))


def test_only_so_many_wait_and_what_is_dropped_is_said(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notices, "_PRUNE_EVERY", 10)
    registry = open_registry(place.settings(), "node-1", OwedNotifications(kept=15))
    for number in range(30):
        made(registry, name=str(number))
    names = [json.loads(each.payload)["name"] for each in registry.notifications(100)]
    assert 15 <= len(names) <= 25
    assert names == [str(number) for number in range(30 - len(names), 30)]
    assert "notifications were dropped" in caplog.text
    registry.close()
