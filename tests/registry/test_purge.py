"""Purging: what was deleted long ago goes, its ids are never given again, and what still owes something stays."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from glancetui.errors import Duplicate
from glancetui.model import Image
from glancetui.registry.interface import ImageChange
from glancetui.registry.sql import SqlRegistry, purge
from glancetui.registry.sql.database import utc_now
from tests.registry.making import ACTOR, ADMIN, active, begun, made, seen
from tests.registry.places import Place

NONE = dict.fromkeys(("images", "tasks", "image_locations", "image_members", "image_properties", "image_tags"), 0)
LATER = utc_now() + timedelta(days=40)


def deleted(registry: SqlRegistry, **fields: object) -> Image:
    image = made(registry, **fields)
    registry.delete_image(seen(image), ACTOR)
    return image


def counts(place: Place) -> dict[str, int]:
    return {name: int(place.rows(f"SELECT COUNT(*) FROM {name}")[0][0]) for name in (*NONE, "gt_images", "task_info")}


def test_only_what_was_deleted_long_ago_goes_and_a_dry_run_counts_it(registry: SqlRegistry, place: Place) -> None:
    kept = made(registry, tags=("a", "b"), properties={"k": "v", "l": "w"})
    kept = registry.change_image(seen(kept), ImageChange(tags=("a",), properties={"k": "v"}), ACTOR)
    for _ in range(3):
        deleted(registry, tags=("x", "y"), properties={"k": "v"})
    with registry._database.reading() as db:
        assert purge.purgeable(db, 30) == NONE
        planned = purge.purgeable(db, 30, now=LATER)
    assert purge.purge(registry._database, 30) == NONE
    assert planned == NONE | {"images": 3, "image_properties": 1, "image_tags": 1}
    assert purge.purge(registry._database, 30, now=LATER) == planned
    assert counts(place) == NONE | {
        "images": 1, "image_properties": 1, "image_tags": 1, "gt_images": 1, "task_info": 0
    }  # fmt: skip
    assert registry.image(kept.id, ADMIN) == kept


def test_the_id_of_a_purged_image_is_never_given_again(registry: SqlRegistry) -> None:
    image = deleted(registry)
    purge.purge(registry._database, 30, now=LATER)
    with pytest.raises(Duplicate, match="is or was another image's"):
        made(registry, id=image.id)
    assert purge.purge(registry._database, 30, now=LATER) == NONE


def test_images_whose_bytes_are_still_somewhere_stay(registry: SqlRegistry, place: Place) -> None:
    owed = active(registry)
    registry.delete_image(seen(owed), ACTOR)
    being_written = made(registry)
    begun(registry, being_written)
    registry.delete_image(seen(registry.image(being_written.id, ADMIN)), ACTOR)
    scrubbed = deleted(registry)
    place.rows("UPDATE images SET status = 'pending_delete' WHERE id = :id", id=scrubbed.id)
    assert purge.purge(registry._database, 30, now=LATER) == NONE
    assert counts(place)["images"] == 3


def test_tasks_go_with_what_they_said(registry: SqlRegistry, place: Place) -> None:
    for task, gone in (("old", True), ("new", False)):
        place.rows(
            "INSERT INTO tasks (id, type, status, owner, created_at, deleted_at, deleted) "
            "VALUES (:id, 'import', 'success', 'p', '2020-01-01', :at, :gone)",
            id=task, at="2020-01-02" if gone else None, gone=gone,
        )  # fmt: skip
        place.rows("INSERT INTO task_info (task_id, input) VALUES (:id, '{}')", id=task)
    assert purge.purge(registry._database, 30) == NONE | {"tasks": 1}
    assert place.rows("SELECT task_id FROM task_info") == [("new",)]


def test_at_most_so_many_of_a_table_the_oldest_first(registry: SqlRegistry, place: Place) -> None:
    images = [deleted(registry, id=str(uuid.UUID(int=number))) for number in range(5, 0, -1)]
    for days, image in enumerate(images):
        place.rows(
            "UPDATE images SET deleted_at = :at WHERE id = :id", at=f"2020-01-{10 - days:02} 00:00:00", id=image.id
        )
    with registry._database.reading() as db:
        assert purge.purgeable(db, 30, 2)["images"] == 2
    assert purge.purge(registry._database, 30, 2)["images"] == 2
    left = place.rows("SELECT id FROM images ORDER BY id DESC")
    assert left == [(image.id,) for image in images[:3]]
    assert purge.purge(registry._database, 30, 0)["images"] == 0


def test_many_go_in_pieces(registry: SqlRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    for _ in range(5):
        deleted(registry)
    assert purge.purge(registry._database, 30, now=LATER)["images"] == 5
