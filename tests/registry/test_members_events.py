from __future__ import annotations

from datetime import timedelta

import pytest

from glancetui.errors import Duplicate, LimitExceeded, NotFound
from glancetui.registry.interface import ImageChange
from glancetui.registry.sql import SqlRegistry, events
from glancetui.registry.sql.database import utc_now
from tests.registry.making import ACTOR, active, made, seen


def test_members_come_and_go_and_come_back(registry: SqlRegistry) -> None:
    image = made(registry)
    member = registry.add_member(image.id, "q", 2, ACTOR)
    assert (member.status, registry.members(image.id)) == ("pending", [member])
    with pytest.raises(Duplicate):
        registry.add_member(image.id, "q", 2, ACTOR)
    accepted = registry.set_member_status(image.id, "q", "accepted", ACTOR)
    assert registry.member(image.id, "q") == accepted
    assert accepted.status == "accepted"
    registry.remove_member(image.id, "q", ACTOR)
    for step in (
        lambda: registry.member(image.id, "q"),
        lambda: registry.set_member_status(image.id, "q", "rejected", ACTOR),
        lambda: registry.remove_member(image.id, "q", ACTOR),
        lambda: registry.add_member("nothing", "q", 2, ACTOR),
    ):
        with pytest.raises(NotFound):
            step()
    assert registry.add_member(image.id, "q", 2, ACTOR).status == "pending"


def test_members_whose_names_a_collation_takes_for_one_are_several(registry: SqlRegistry) -> None:
    image = made(registry)
    for name in ("q", "Q", "q "):
        registry.add_member(image.id, name, 9, ACTOR)
    assert registry.set_member_status(image.id, "Q", "accepted", ACTOR).member_id == "Q"
    registry.remove_member(image.id, "q", ACTOR)
    left = {member.member_id: member.status for member in registry.members(image.id)}
    assert left == {"Q": "accepted", "q ": "pending"}


def test_members_have_a_quota(registry: SqlRegistry) -> None:
    image = made(registry)
    registry.add_member(image.id, "q", 1, ACTOR)
    with pytest.raises(LimitExceeded):
        registry.add_member(image.id, "r", 1, ACTOR)
    registry.add_member(image.id, "r", -1, ACTOR)


def test_each_change_has_its_event_in_order(registry: SqlRegistry) -> None:
    image = active(registry)
    registry.add_member(image.id, "q", 1, ACTOR)
    registry.delete_image(seen(image), ACTOR)
    found = registry.events_after(0, 100)
    assert [each.kind for each in found] == [
        "image.create", "image.update", "image.upload", "member.create", "image.delete",
    ]  # fmt: skip
    assert [each.number for each in found] == sorted(each.number for each in found)
    assert {(each.image_id, each.project, each.node) for each in found} == {(image.id, "p", "node-1")}
    assert registry.events_after(found[1].number, 2) == found[2:4]
    assert registry.last_event() == found[-1].number


def test_old_events_are_pruned(registry: SqlRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEPT", 10)
    monkeypatch.setattr(events, "_PRUNE_EVERY", 20)
    for _ in range(41):
        made(registry)
    numbers = [each.number for each in registry.events_after(0, 100)]
    assert numbers == list(range(numbers[0], 42))
    assert 10 <= len(numbers) <= 30


def test_an_outbox_entry_is_one_workers_until_its_claim_ends(registry: SqlRegistry) -> None:
    registry.delete_image(seen(active(registry)), ACTOR)
    now = utc_now() + timedelta(seconds=1)
    [entry] = registry.claim_outbox("w1", 60, now, 10)
    assert registry.claim_outbox("w2", 60, now, 10) == []
    assert registry.claim_outbox("w2", 60, now + timedelta(seconds=61), 10) == [entry]
    registry.postpone_outbox(entry, now + timedelta(seconds=300), "store is down")
    assert registry.claim_outbox("w1", 60, now + timedelta(seconds=299), 10) == []
    [again] = registry.claim_outbox("w1", 60, now + timedelta(seconds=301), 10)
    assert again.attempts == 1
    registry.finish_outbox(again)
    assert registry.claim_outbox("w1", 60, now + timedelta(days=1), 10) == []


def test_a_lease_has_one_holder_and_each_change_of_hands_a_higher_fence(registry: SqlRegistry) -> None:
    now = [utc_now()]
    registry._clock = lambda: now[0]
    first = registry.acquire_lease("l", "a", 10)
    assert first is not None
    assert registry.acquire_lease("l", "a", 10) == first
    assert registry.acquire_lease("l", "b", 10) is None
    now[0] += timedelta(seconds=11)
    second = registry.acquire_lease("l", "b", 10)
    assert second is not None
    assert second > first
    registry.release_lease("l", "a")
    assert registry.acquire_lease("l", "a", 10) is None
    registry.release_lease("l", "b")
    third = registry.acquire_lease("l", "a", 10)
    assert third is not None
    assert third > second


def test_a_tag_that_changes_is_an_update(registry: SqlRegistry) -> None:
    image = made(registry)
    registry.change_image(seen(image), ImageChange(), ACTOR)
    registry.add_tag(image.id, "t", 1, ACTOR)
    registry.add_tag(image.id, "t", 1, ACTOR)
    assert [each.kind for each in registry.events_after(0, 9)] == ["image.create", "image.update", "image.update"]
