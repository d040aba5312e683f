from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from glancetui.errors import Conflict, Gone, LimitExceeded, NotFound, Stale
from glancetui.registry.interface import ImageChange, Intent
from glancetui.registry.sql import SqlRegistry
from glancetui.registry.sql.database import utc_now
from tests.registry.making import ACTOR, ADMIN, active, begun, made, published, seen


def test_an_upload_ends_in_an_active_image_and_no_intent(registry: SqlRegistry) -> None:
    image = made(registry)
    intent = begun(registry, image)
    assert registry.image(image.id, ADMIN).status == "saving"
    assert registry.intents_of("worker-1") == [intent]
    after = registry.publish_upload(intent, published(image.id), ACTOR)
    assert after == registry.image(image.id, ADMIN)
    assert (after.status, after.size, after.virtual_size, after.checksum) == ("active", 5, 7, "c" * 32)
    assert [(each.url, each.metadata) for each in after.locations] == [
        (f"file:///images/{image.id}", {"store": "file"})
    ]
    assert registry.intents_of("worker-1") == []


def test_only_a_queued_image_takes_data_and_only_as_it_was_seen(registry: SqlRegistry) -> None:
    image = made(registry)
    begun(registry, image)
    with pytest.raises(Stale):
        begun(registry, image)
    with pytest.raises(Conflict):
        begun(registry, registry.image(image.id, ADMIN))
    registry.delete_image(seen(registry.image(image.id, ADMIN)), ACTOR)
    with pytest.raises(NotFound):
        begun(registry, image)


def test_an_abandoned_upload_leaves_a_queued_image_that_knows_why(registry: SqlRegistry) -> None:
    image = made(registry)
    intent = begun(registry, image)
    registry.abandon_upload(intent, "the disk is full \U0001f4be", ACTOR)
    registry.abandon_upload(intent, "again", ACTOR)
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.size, after.checksum, after.reason) == (
        "queued",
        None,
        None,
        "the disk is full \U0001f4be",
    )
    again = registry.publish_upload(begun(registry, after), published(image.id), ACTOR)
    assert again.reason is None


def test_after_a_take_over_the_former_owner_can_do_nothing(registry: SqlRegistry) -> None:
    image = made(registry)
    late = begun(registry, image)
    ours = registry.take_over(late, "worker-2", 60)
    assert ours.fence == late.fence + 1
    for late_step in (
        lambda: registry.publish_upload(late, published(image.id), ACTOR),
        lambda: registry.abandon_upload(late, "late", ACTOR),
        lambda: registry.renew_intent(late, 60),
        lambda: registry.take_over(late, "worker-3", 60),
    ):
        with pytest.raises(Stale):
            late_step()
    assert registry.image(image.id, ADMIN).status == "saving"
    registry.abandon_upload(ours, "taken over", ACTOR)
    with pytest.raises(Stale):
        registry.publish_upload(late, published(image.id), ACTOR)
    assert registry.image(image.id, ADMIN).status == "queued"


def test_an_owner_who_renewed_since_is_not_taken_over(registry: SqlRegistry) -> None:
    intent = begun(registry, made(registry), lease=1)
    renewed = registry.renew_intent(intent, 60)
    with pytest.raises(Stale):
        registry.take_over(intent, "worker-2", 60)
    assert registry.take_over(renewed, "worker-2", 60).owner == "worker-2"


def test_an_upload_into_a_deleted_image_keeps_its_intent_until_it_is_abandoned(registry: SqlRegistry) -> None:
    image = made(registry)
    intent = begun(registry, image)
    registry.delete_image(seen(registry.image(image.id, ADMIN)), ACTOR)
    with pytest.raises(Gone):
        registry.publish_upload(intent, published(image.id), ACTOR)
    assert registry.intents_of("worker-1") == [intent]
    registry.abandon_upload(intent, "deleted", ACTOR)
    assert registry.intents_of("worker-1") == []
    with pytest.raises(NotFound):
        registry.image(image.id, ADMIN)


def test_expired_intents_are_those_whose_time_is_over(registry: SqlRegistry) -> None:
    early = begun(registry, made(registry), lease=1)
    begun(registry, made(registry), lease=1000)
    assert registry.expired_intents(utc_now() + timedelta(seconds=30), 10) == [early]
    assert registry.expired_intents(utc_now() - timedelta(seconds=30), 10) == []


def test_images_are_stuck_that_are_saving_without_an_intent(registry: SqlRegistry) -> None:
    begun(registry, made(registry))
    left = made(registry, os_hidden=True, properties={"a": "b"})
    left = registry.change_image(seen(left), ImageChange(status="saving"), ACTOR)
    made(registry)
    assert registry.stuck_images(10) == [left]


def test_an_object_is_known_while_an_intent_a_live_location_or_the_outbox_speaks_of_it(registry: SqlRegistry) -> None:
    image = active(registry)
    url = image.locations[0].url
    assert registry.knows_object("file", "whatever", url)
    pending = begun(registry, made(registry))
    assert registry.knows_object("file", pending.object_id, "file:///nowhere")
    assert not registry.knows_object("other", pending.object_id, "file:///nowhere")
    registry.delete_image(seen(image), ACTOR)
    [owed] = registry.claim_outbox("w", 1, utc_now(), 1)
    assert registry.knows_object("file", "whatever", url)
    registry.finish_outbox(owed)
    assert not registry.knows_object("file", "whatever", url)


def test_what_would_exceed_the_owners_quota_is_not_published_and_can_be_abandoned(registry: SqlRegistry) -> None:
    active(registry)
    image, others = made(registry), made(registry, owner="q")
    intent, foreign = begun(registry, image), begun(registry, others)
    with pytest.raises(LimitExceeded):
        registry.publish_upload(intent, published(image.id, quota=9), ACTOR)
    assert registry.image(image.id, ADMIN).status == "saving"
    assert registry.intents_of("worker-1") == [intent, foreign]
    assert registry.publish_upload(foreign, published(others.id, quota=9), ACTOR).status == "active"
    registry.abandon_upload(intent, "too much", ACTOR)
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.size, after.locations) == ("queued", None, ())
    assert registry.publish_upload(begun(registry, after), published(image.id, quota=10), ACTOR).status == "active"


def test_of_uploads_that_end_at_once_only_as_many_are_published_as_the_quota_allows(registry: SqlRegistry) -> None:
    intents = [begun(registry, made(registry)) for _ in range(8)]

    def publish(intent: Intent) -> bool:
        try:
            registry.publish_upload(intent, published(intent.image_id, quota=17), ACTOR)
        except LimitExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(publish, intents)) == 3
    assert registry.bytes_stored("p") == 15
