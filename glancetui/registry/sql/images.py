"""Images: creating, changing, deleting, tags."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.errors import Duplicate, LimitExceeded, NotFound
from glancetui.model import Image, ImageLocation, ImageStatus
from glancetui.registry.interface import ImageChange, NewImage, Seen
from glancetui.registry.sql import notices, outbox, quotas
from glancetui.registry.sql.change import Change, State, Write
from glancetui.registry.sql.expressions import exactly, live, same_text
from glancetui.registry.sql.tables import (
    gt_tombstones,
    image_locations,
    image_members,
    image_properties,
    image_tags,
    images,
)
from glancetui.registry.values import UNLIMITED, Allowance

#: What the bytes said of an image; it goes with them.
NO_BYTES: Mapping[str, None] = dict.fromkeys(("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"))

_ADD_IMAGE = sa.insert(images)
_TOMBSTONE = sa.select(gt_tombstones.c.image_id).where(gt_tombstones.c.image_id == sa.bindparam("image_id"))
_ADD_PROPERTIES = sa.insert(image_properties)
_ADD_TAGS = sa.insert(image_tags)
_PROPERTIES = sa.select(image_properties.c.name, image_properties.c.value, image_properties.c.deleted).where(
    image_properties.c.image_id == sa.bindparam("image_id")
)
_SET_PROPERTY = sa.update(image_properties).where(
    image_properties.c.image_id == sa.bindparam("of_image"), image_properties.c.name == sa.bindparam("named")
)
_TAGS = sa.select(image_tags.c.value).where(image_tags.c.image_id == sa.bindparam("image_id"), live(image_tags))
_DROP_TAG = sa.update(image_tags).where(
    image_tags.c.image_id == sa.bindparam("of_image"),
    exactly(image_tags.c.value, sa.bindparam("tag")),
    live(image_tags),
)
_DROP_ALL = [
    sa.update(table).where(table.c.image_id == sa.bindparam("of_image"), live(table))
    for table in (image_properties, image_tags, image_members)
]
_ADD_LOCATION = sa.insert(image_locations)
_DROP_LOCATIONS = sa.update(image_locations).where(
    image_locations.c.image_id == sa.bindparam("of_image"), live(image_locations)
)
_DROP_LOCATION = _DROP_LOCATIONS.where(same_text(image_locations.c.value, sa.bindparam("url")))


def create(change: Change, new: NewImage, allowance: Allowance = UNLIMITED) -> Image:
    tags = tuple(sorted(set(new.tags)))
    row: dict[str, Any] = {  # Any: of the columns' types
        name: getattr(new, name)
        for name in (
            "id", "owner", "name", "visibility", "protected", "os_hidden",
            "container_format", "disk_format", "min_disk", "min_ram",
        )
    }  # fmt: skip
    row.update(status=ImageStatus.QUEUED.value, created_at=change.now, updated_at=change.now)
    if change.rows(_TOMBSTONE, {"image_id": new.id}):
        raise _used(new.id)
    try:
        change.run(_ADD_IMAGE, {**row, "deleted": False})
    except change.clashes as error:
        raise _used(new.id) from error
    quotas.check_new(change, new.owner, allowance)
    rows = _properties(change, new.id, new.properties), _tags(change, new.id, tags)
    change.tell("image.create", new.id, beside=rows)
    change.notify(new.id, "image.create")
    return Image(**row, properties=dict(new.properties), tags=tags)


def _used(image_id: str) -> Duplicate:
    return Duplicate(f"The id {image_id} is or was another image's. Choose another, or none.")


def apply(change: Change, seen: Seen, wanted: ImageChange) -> Image:
    state = change.unchanged(seen)
    columns: dict[str, Any] = {  # Any: values of the columns, of their types
        name: value
        for name in wanted.__struct_fields__
        if name not in {"properties", "tags", "locations", "quota", "keep"}
        and (value := getattr(wanted, name)) is not msgspec.UNSET
    }
    if columns.get("status") == ImageStatus.QUEUED:
        columns.update(NO_BYTES)
    if wanted.properties is not msgspec.UNSET:
        rows = change.rows(_PROPERTIES, {"image_id": seen.image_id})
        _replace_properties(change, seen.image_id, rows, wanted.properties)
    if wanted.tags is not msgspec.UNSET:
        _replace_tags(change, seen.image_id, set(wanted.tags))
    change.tell("image.update", seen.image_id, beside=change.updating(state, columns))
    change.notify(seen.image_id, "image.update")
    return change.image(seen.image_id)


def delete(change: Change, seen: Seen, keep: float | None = None) -> None:
    delete_row(change, change.unchanged(seen), keep)


def delete_row(change: Change, state: State, keep: float | None = None) -> None:
    image_id = state.image_id
    if change.notices.wants("image.delete"):
        payload = notices.of_image(change.image(image_id)) | notices.gone(change.now)
        change.notices.owe("image.delete", lambda: payload | {"status": ImageStatus.DELETED.value})
    owed = outbox.owe_locations(change, image_id, keep=keep)
    status = ImageStatus.DELETED if keep is None or not owed else ImageStatus.PENDING_DELETE
    gone = _gone(change, image_id)
    changes = [
        *(Write(statement, [gone]) for statement in _DROP_ALL),
        Write(_DROP_LOCATIONS, [{**gone, "status": status.value}]),
        *change.updating(state, {"status": status.value, "deleted": True, "deleted_at": change.now}),
    ]
    change.tell("image.delete", image_id, beside=changes)


def add_tag(change: Change, image_id: str, tag: str, quota: int) -> None:
    state = change.live(image_id)
    tags = _present_tags(change, image_id)
    if tag in tags:
        return
    if 0 <= quota <= len(tags):
        raise LimitExceeded(f"Image {image_id} has {len(tags)} tags; {quota} are allowed. Remove one first.")
    change.tell("image.update", image_id, beside=[_tags(change, image_id, [tag]), change.next_revision(state)])
    change.notify(image_id, "image.update")


def remove_tag(change: Change, image_id: str, tag: str) -> None:
    state = change.live(image_id)
    if not _drop_tag(change, image_id, tag):
        raise NotFound(f"Image {image_id} has no tag {tag}.")
    change.tell("image.update", image_id, beside=[change.next_revision(state)])
    change.notify(image_id, "image.update")


def drop_locations(change: Change, image_id: str, urls: Collection[str]) -> None:
    """These copies are the image's no more, and their bytes are owed to the outbox."""
    outbox.owe_locations(change, image_id, urls)
    for url in urls:
        change.run(_DROP_LOCATION, {**_gone(change, image_id), "status": "deleted", "url": url})


def drop_all_locations(change: Change, image_id: str) -> None:
    """What a queued image still has of an attempt that failed is replaced by the data that are about to come."""
    if outbox.owe_locations(change, image_id):
        change.run(_DROP_LOCATIONS, {**_gone(change, image_id), "status": "deleted"})


def _gone(change: Change, image_id: str) -> dict[str, object]:
    return {"of_image": image_id, "deleted": True, "deleted_at": change.now, "updated_at": change.now}


def insert_location(change: Change, image_id: str, location: ImageLocation) -> None:
    change.run(
        _ADD_LOCATION,
        {
            "image_id": image_id,
            "value": location.url,
            "meta_data": metadata_text(location),
            "status": location.status,
            "created_at": change.now,
            "updated_at": change.now,
            "deleted": False,
        },
    )


def metadata_text(location: ImageLocation) -> str:
    """As Glance writes it: in ASCII, so that every database can hold it."""
    return json.dumps(location.metadata)


def merge_properties(change: Change, image_id: str, wanted: Mapping[str, str], dropped: Collection[str] = ()) -> None:
    """Sets some properties and drops others; the rest stay as they are."""
    rows = change.rows(_PROPERTIES, {"image_id": image_id})
    kept = {name: value for name, value, deleted in rows if not deleted and name not in dropped}
    _replace_properties(change, image_id, rows, {**kept, **wanted})


def property_of(change: Change, image_id: str, name: str) -> str | None:
    rows = change.rows(_PROPERTIES, {"image_id": image_id})
    return next((value for found, value, deleted in rows if found == name and not deleted), None)


def _properties(change: Change, image_id: str, properties: Mapping[str, str | None]) -> Write:
    rows = [
        {"image_id": image_id, "name": name, "value": value, **_fresh(change)} for name, value in properties.items()
    ]
    return Write(_ADD_PROPERTIES, rows)


def _tags(change: Change, image_id: str, tags: Iterable[str]) -> Write:
    return Write(_ADD_TAGS, [{"image_id": image_id, "value": tag, **_fresh(change)} for tag in tags])


def _fresh(change: Change) -> dict[str, object]:
    return {"created_at": change.now, "updated_at": change.now, "deleted": False}


def _replace_properties(
    change: Change, image_id: str, rows: Sequence[Sequence[Any]], wanted: Mapping[str, str | None]
) -> None:
    """`rows`: name, value, deleted of all that there are. Removed ones keep theirs; one of a removed name comes back in
    its row, since names are unique for ever."""
    there = {row[0] for row in rows}
    change.write(_properties(change, image_id, {name: value for name, value in wanted.items() if name not in there}))
    for name, value, deleted in rows:
        of = {"of_image": image_id, "named": name, "updated_at": change.now}
        if name in wanted and (deleted or value != wanted[name]):
            change.run(_SET_PROPERTY, {**of, "value": wanted[name], "deleted": False, "deleted_at": None})
        elif name not in wanted and not deleted:
            change.run(_SET_PROPERTY, {**of, "value": value, "deleted": True, "deleted_at": change.now})


def _replace_tags(change: Change, image_id: str, wanted: set[str]) -> None:
    present = _present_tags(change, image_id)
    change.write(_tags(change, image_id, sorted(wanted - present)))
    for tag in present - wanted:
        _drop_tag(change, image_id, tag)


def _present_tags(change: Change, image_id: str) -> set[str]:
    return {row[0] for row in change.rows(_TAGS, {"image_id": image_id})}


def _drop_tag(change: Change, image_id: str, tag: str) -> bool:
    return change.run(_DROP_TAG, {**_gone(change, image_id), "tag": tag}) > 0
