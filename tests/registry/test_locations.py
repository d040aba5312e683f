"""Changes of an image's locations, and jobs that add one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from msgspec import structs

from glancetui.errors import Conflict, Gone, LimitExceeded, NotFound, Stale
from glancetui.model import Image, ImageLocation
from glancetui.registry.interface import ImageChange, ImageQuery
from glancetui.registry.jobs import Job
from glancetui.registry.sql import SqlRegistry
from glancetui.registry.sql.database import utc_now
from glancetui.registry.values import Published
from tests.registry.making import ACTOR, ADMIN, active, begun, made, new_job, published, seen
from tests.registry.places import Place

LOCK = "os_glance_import_task"


def at(name: str, **metadata: object) -> ImageLocation:
    return ImageLocation(url=f"http://web/{name}", metadata=metadata)


def placed(registry: SqlRegistry, image: Image, *locations: ImageLocation, **more: object) -> Image:
    return registry.change_image(seen(image), ImageChange(locations=locations, **more), ACTOR)  # type: ignore[arg-type]


def three(registry: SqlRegistry) -> Image:
    return placed(registry, made(registry), at("a"), at("b", zone="1"), at("c"), status="active", size=5)


def owed(registry: SqlRegistry) -> list[str]:
    return sorted(entry.location.url for entry in registry.claim_outbox("w", 1, utc_now(), 10))


def names(image: Image) -> str:
    return "".join(location.url[-1] for location in image.locations)


def test_locations_make_an_image_active_in_one_change(registry: SqlRegistry) -> None:
    image = made(registry)
    registry.abandon_upload(begun(registry, image), "a failure before", ACTOR)
    after = placed(
        registry, registry.image(image.id, ADMIN), at("a", store="web"), status="active", size=5, name="new",
        os_hash_algo="sha512", os_hash_value="d" * 128,
    )  # fmt: skip
    assert (after.status, after.size, after.name, after.reason) == ("active", 5, "new", None)
    assert after.os_hash_value == "d" * 128
    [location] = after.locations
    assert (location.url, location.metadata, location.status) == ("http://web/a", {"store": "web"}, "active")
    assert location.id
    assert registry.image(image.id, ADMIN) == after
    assert registry.is_location("http://web/a")
    assert not registry.is_location("http://web/A")


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (2, 0, 1)])
def test_locations_are_put_in_order_and_nothing_is_owed(registry: SqlRegistry, order: tuple[int, ...]) -> None:
    image = three(registry)
    after = placed(registry, image, *(image.locations[index] for index in order))
    assert names(after) == "".join("abc"[index] for index in order)
    assert {each.url: each.metadata for each in after.locations} == {
        each.url: each.metadata for each in image.locations
    }
    assert owed(registry) == []


def test_what_is_left_out_is_owed_and_what_is_new_stands_where_it_was_put(registry: SqlRegistry) -> None:
    image = three(registry)
    first, _, third = image.locations
    after = placed(registry, image, first, at("d"), structs.replace(third, metadata={"new": "x"}))
    assert names(after) == "adc"
    assert after.locations[2].metadata == {"new": "x"}
    assert owed(registry) == ["http://web/b"]


def test_metadata_are_written_in_their_row(registry: SqlRegistry) -> None:
    image = three(registry)
    first, *others = image.locations
    after = placed(registry, image, structs.replace(first, metadata={"a": "b"}), *others)
    assert [location.id for location in after.locations] == [location.id for location in image.locations]
    assert after.locations[0].metadata == {"a": "b"}


ANY_JSON = {"zone": "b", "n": 3, "x": -1.5, "big": 2**64 - 1, "deep": {"a": [None, True, {"😀": "ü"}]}, "": []}


def test_metadata_are_any_json_and_come_back_as_they_were(registry: SqlRegistry, place: Place) -> None:
    image = placed(registry, made(registry), at("a", **ANY_JSON), at("b"), status="active", size=5)
    first, second = image.locations
    assert (first.metadata, second.metadata) == (ANY_JSON, {})
    assert registry.image(image.id, ADMIN) == image
    assert registry.page(ImageQuery(viewer=ADMIN, limit=5)) == [image]
    written = place.rows("SELECT meta_data FROM image_locations ORDER BY id")
    assert [json.loads(text) for (text,) in written] == [ANY_JSON, {}]
    after = placed(registry, image, first, structs.replace(second, metadata=ANY_JSON))
    assert [row.metadata for row in after.locations] == [ANY_JSON, ANY_JSON]
    assert [row.id for row in after.locations] == [first.id, second.id]
    again = placed(
        registry, after, structs.replace(first, metadata={"n": True}), structs.replace(second, metadata={"n": 1})
    )
    swapped = placed(
        registry, again, structs.replace(first, metadata={"n": 1}), structs.replace(second, metadata={"n": True})
    )
    assert [row.metadata["n"] is True for row in swapped.locations] == [False, True]


def test_a_change_of_locations_that_came_too_late_changes_nothing(registry: SqlRegistry) -> None:
    image = three(registry)
    left = placed(registry, image, *image.locations[:2])
    with pytest.raises(Stale):
        placed(registry, image, *image.locations[1:])
    assert registry.image(image.id, ADMIN) == left
    assert owed(registry) == ["http://web/c"]


def test_the_quota_counts_each_location_and_undoes_the_whole_change(registry: SqlRegistry) -> None:
    image = three(registry)
    with pytest.raises(LimitExceeded):
        placed(registry, image, *image.locations, at("d"), name="new", quota=19)
    assert registry.image(image.id, ADMIN) == image
    assert names(placed(registry, image, *image.locations, at("d"), quota=20)) == "abcd"


def test_a_location_is_known_while_any_image_has_it(registry: SqlRegistry) -> None:
    one, other = three(registry), three(registry)
    registry.delete_image(seen(one), ACTOR)
    assert registry.is_location("http://web/a")
    registry.delete_image(seen(other), ACTOR)
    assert not registry.is_location("http://web/a")


# -- jobs --------------------------------------------------------------------------------------------------------------


def started(registry: SqlRegistry, **spec: object) -> tuple[Image, Job]:
    image = made(registry)
    job = new_job(method="add-location", **{"stores": (), **spec})  # type: ignore[arg-type]
    return image, registry.begin_import(seen(image), structs.replace(job, task_type="location_import"), ACTOR)


def found(image: Image, **fields: object) -> Published:
    return structs.replace(published(image.id), location=at("a", store="web"), **fields)


CHECKED = {"hashing": True, "hash_algo": "sha512", "hash_value": "d" * 128}


@pytest.mark.parametrize(("spec", "status"), [({}, "queued"), ({"hashing": True}, "queued"), (CHECKED, "importing")])
def test_a_job_adds_a_location(registry: SqlRegistry, spec: dict[str, object], status: str) -> None:
    image, job = started(registry, **spec)
    before = registry.image(image.id, ADMIN)
    assert (before.status, before.properties) == (status, {LOCK: job.id})
    job = registry.add_location(job, found(image))
    assert [(copy.store, copy.url) for copy in job.copies] == [("web", "http://web/a")]
    registry.finish_job(job, "", utc_now())
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.size, after.os_hash_value, after.properties) == ("active", 5, "d" * 128, {})
    assert names(after) == "a"


@pytest.mark.parametrize("spec", [{}, CHECKED])
def test_a_job_that_fails_leaves_a_queued_image_with_the_reason(registry: SqlRegistry, spec: dict[str, object]) -> None:
    image, job = started(registry, **spec)
    registry.fail_job(job, "hash-mismatch", "It is another.", back_to="queued", message="x", kept_until=utc_now())
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.reason, after.properties, after.locations) == ("queued", "It is another.", {}, ())
    assert owed(registry) == []


TRIED = ImageLocation(url="http://web/tried", metadata={"store": "web"})


def refused(registry: SqlRegistry) -> Image:
    image, job = started(registry, **CHECKED)
    registry.fail_job(
        job, "hash-mismatch", "It is another.", back_to="queued", message="x", kept_until=utc_now(), refused=TRIED
    )
    return registry.image(image.id, ADMIN)


def test_what_was_refused_is_left_as_glance_leaves_it_and_counts_for_nothing(
    registry: SqlRegistry, place: Place
) -> None:
    image = refused(registry)
    assert (image.status, image.size, image.os_hash_value, image.reason) == ("queued", None, None, "It is another.")
    assert [(row.url, row.metadata) for row in image.locations] == [(TRIED.url, TRIED.metadata)]
    rows = place.rows(f"SELECT value, meta_data, status, deleted_at FROM image_locations WHERE image_id = '{image.id}'")
    assert [tuple(row) for row in rows] == [(TRIED.url, '{"store": "web"}', "active", None)]
    assert registry.bytes_stored(image.owner) == 0
    assert owed(registry) == []


@pytest.mark.parametrize("method", ["upload", "stage", "web-download", "add-location"])
def test_data_that_begin_to_come_replace_what_was_refused(registry: SqlRegistry, method: str) -> None:
    image = refused(registry)
    if method == "upload":
        begun(registry, image)
    elif method == "stage":
        registry.begin_stage(seen(image), "staging", image.id, "worker-1", 60, ACTOR)
    else:
        registry.begin_import(seen(image), new_job(method=method, stores=()), ACTOR)
    assert registry.image(image.id, ADMIN).locations == ()
    assert owed(registry) == ["http://web/tried"]


def test_a_job_that_is_overtaken_leaves_nothing_of_what_it_refused(registry: SqlRegistry) -> None:
    image, job = started(registry, **CHECKED)
    registry.take_over_job(job, "w2", 60)
    with pytest.raises(Stale):
        registry.fail_job(job, "x", "x", back_to="queued", message="x", kept_until=utc_now(), refused=TRIED)
    assert registry.image(image.id, ADMIN).locations == ()


def test_hashes_found_later_are_recorded_once(registry: SqlRegistry) -> None:
    image, job = started(registry, hashing=True)
    unread = found(image, checksum=None, os_hash_algo=None, os_hash_value=None, virtual_size=None)
    job = registry.add_location(job, unread)
    assert registry.image(image.id, ADMIN).os_hash_value is None
    registry.record_hashes(job, found(image))
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.size, after.checksum, after.os_hash_value) == ("active", 5, "c" * 32, "d" * 128)
    registry.record_hashes(job, found(image, os_hash_value="e" * 128))
    assert registry.image(image.id, ADMIN).os_hash_value == "d" * 128


def test_a_job_whose_hash_cannot_be_had_leaves_the_image_active(registry: SqlRegistry) -> None:
    image, job = started(registry, hashing=True)
    job = registry.add_location(job, found(image, os_hash_value=None))
    registry.fail_job(job, "store-unavailable", "Away.", back_to="queued", message="x", kept_until=utc_now())
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.properties, names(after)) == ("active", {}, "a")
    assert owed(registry) == []


def test_a_late_owner_adds_nothing(registry: SqlRegistry) -> None:
    image, job = started(registry)
    registry.take_over_job(job, "w2", 60)
    for late_step in (registry.add_location, registry.record_hashes):
        with pytest.raises(Stale):
            late_step(job, found(image))
    assert registry.image(image.id, ADMIN).locations == ()


def test_nothing_is_added_to_an_image_that_was_deleted_or_took_data_meanwhile(registry: SqlRegistry) -> None:
    image, job = started(registry)
    begun(registry, registry.image(image.id, ADMIN))
    with pytest.raises(Conflict):
        registry.add_location(job, found(image))
    registry.delete_image(seen(registry.image(image.id, ADMIN)), ACTOR)
    with pytest.raises(Gone):
        registry.add_location(job, found(image))


def test_a_location_beyond_the_quota_is_not_added(registry: SqlRegistry) -> None:
    active(registry)
    image, job = started(registry)
    with pytest.raises(LimitExceeded):
        registry.add_location(job, found(image, quota=9))
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.locations) == ("queued", ())
    assert registry.job(job.id).copies == ()


# -- what is kept for a while ------------------------------------------------------------------------------------------


def rows_of(place: Place, image: Image) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Status and deletedness of the image's row, and of its locations'."""
    shown = place.rows(f"SELECT status, deleted FROM images WHERE id = '{image.id}'")
    locations = place.rows(f"SELECT status, deleted FROM image_locations WHERE image_id = '{image.id}' ORDER BY id")
    return [(status, bool(gone)) for status, gone in shown], [(status, bool(gone)) for status, gone in locations]


def test_data_of_a_deleted_image_are_kept_for_a_while(registry: SqlRegistry, place: Place) -> None:
    image = three(registry)
    registry.delete_image(seen(image), ACTOR, 1000)
    with pytest.raises(NotFound):
        registry.image(image.id, ADMIN)
    assert owed(registry) == []
    assert rows_of(place, image) == ([("pending_delete", True)], [("pending_delete", True)] * 3)
    entries = registry.claim_outbox("w", 1, utc_now() + timedelta(seconds=1001), 10)
    registry.finish_outbox(entries[0])
    assert rows_of(place, image)[0] == [("pending_delete", True)]
    for entry in entries:
        registry.finish_outbox(entry)
    assert rows_of(place, image) == ([("deleted", True)], [("deleted", True)] * 3)


def test_an_image_without_data_is_deleted_at_once(registry: SqlRegistry, place: Place) -> None:
    image = made(registry)
    registry.delete_image(seen(image), ACTOR, 1000)
    assert rows_of(place, image) == ([("deleted", True)], [])


def test_a_removed_location_is_kept_for_a_while_and_the_image_stays(registry: SqlRegistry, place: Place) -> None:
    image = three(registry)
    after = placed(registry, image, *image.locations[1:], keep=1000)
    assert names(after) == "bc"
    assert rows_of(place, image)[1][0] == ("pending_delete", True)
    (entry,) = registry.claim_outbox("w", 1, utc_now() + timedelta(seconds=1001), 10)
    registry.finish_outbox(entry)
    shown, locations = rows_of(place, image)
    assert (shown, locations[0]) == ([("active", False)], ("deleted", True))
    assert registry.image(image.id, ADMIN) == after
