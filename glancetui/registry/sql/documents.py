"""Images as JSON documents that the database builds and msgspec decodes straight into values.

One row comes back however many images there are: for each row fetched the driver gives up the interpreter's lock and
has to wait for it again.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.model import Image, ImageLocation
from glancetui.registry.sql import sqlite
from glancetui.registry.sql.tables import gt_images, image_locations, image_properties, image_tags, images

PLAIN = (
    "id", "status", "visibility", "created_at", "name", "protected", "os_hidden", "checksum", "os_hash_algo",
    "os_hash_value", "owner", "size", "virtual_size", "container_format", "disk_format", "min_disk", "min_ram",
)  # fmt: skip


def document() -> sa.ColumnElement[Any]:
    """One row of `images` (outer-joined with `gt_images`), with all that hangs on it, as a JSON object."""
    return sqlite.json_object(
        **{name: images.c[name] for name in PLAIN},
        updated_at=sa.func.coalesce(images.c.updated_at, images.c.created_at),
        properties=_properties(),
        tags=_tags(),
        locations=_locations(),
        revision=sa.func.coalesce(gt_images.c.revision, sa.literal_column("0")),
        reason=gt_images.c.reason,
    )


def _properties() -> sa.ColumnElement[Any]:
    table = image_properties
    return (
        sa.select(sqlite.json_map_of(table.c.name, table.c.value))
        .where(table.c.image_id == images.c.id, sqlite.live(table))
        .correlate(images)
        .scalar_subquery()
    )


def _tags() -> sa.ColumnElement[Any]:
    # Distinct, because nothing in the schema keeps two writers from adding the same tag.
    values = (
        sa.select(image_tags.c.value)
        .where(image_tags.c.image_id == images.c.id, sqlite.live(image_tags))
        .distinct()
        .order_by(image_tags.c.value)
        .correlate(images)
        .subquery("tags")
    )
    return sa.select(sqlite.json_array_of(values.c.value)).scalar_subquery()


def _locations() -> sa.ColumnElement[Any]:
    table = image_locations
    rows = (
        sa.select(table.c.id, table.c.value, table.c.meta_data, table.c.status)
        .where(table.c.image_id == images.c.id, sqlite.live(table), table.c.status == sa.text("'active'"))
        .order_by(table.c.id)
        .correlate(images)
        .subquery("locations")
    )
    entry = sqlite.json_object(
        url=rows.c.value, metadata=sqlite.json_text(rows.c.meta_data), status=rows.c.status, id=rows.c.id
    )
    return sa.select(sqlite.json_array_of(entry)).scalar_subquery()


# Not strict: SQLite has no booleans, only 0 and 1.
_IMAGE = msgspec.json.Decoder(Image, strict=False)
_IMAGES = msgspec.json.Decoder(list[Image], strict=False)


class _AnyLocation(msgspec.Struct, frozen=True):
    url: str
    status: str
    id: int
    metadata: object = None

    def value(self) -> ImageLocation:
        entries = self.metadata if isinstance(self.metadata, dict) else {}
        return ImageLocation(
            url=self.url,
            metadata={
                name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
                for name, value in entries.items()
            },
            status=self.status,
            id=self.id,
        )


def decode_image(text: str) -> Image:
    try:
        return _IMAGE.decode(text)
    except msgspec.ValidationError:
        return _decode_odd(msgspec.json.decode(text))


def decode_images(text: str) -> list[Image]:
    try:
        return _IMAGES.decode(text)
    except msgspec.ValidationError:
        return [_decode_odd(document) for document in msgspec.json.decode(text)]


def _decode_odd(document: dict[str, Any]) -> Image:
    """An image whose locations carry metadata that are not plain strings; Glance allows any JSON there."""
    locations = msgspec.convert(document.pop("locations"), list[_AnyLocation])
    image = msgspec.convert(document, Image, strict=False)
    return msgspec.structs.replace(image, locations=tuple(location.value() for location in locations))
