"""Images as JSON documents that the database builds and msgspec decodes straight into values.

On SQLite one row comes back however many images there are: for each row fetched its driver gives up the interpreter's
lock and has to wait for it again. Servers send a row for each image: what they can put into one value is limited.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from glancetui.model import Image, ImageLocation
from glancetui.registry.sql import mariadb, postgresql, sqlite
from glancetui.registry.sql.expressions import Json, live
from glancetui.registry.sql.tables import gt_images, image_locations, image_properties, image_tags, images

#: By SQLAlchemy's names of databases.
JSON: Mapping[str, Json] = {
    "sqlite": sqlite.SqliteJson(),
    "mysql": mariadb.MariaJson(),
    "postgresql": postgresql.PostgresJson(),
}

PLAIN = (
    "id", "status", "visibility", "created_at", "name", "protected", "os_hidden", "checksum", "os_hash_algo",
    "os_hash_value", "owner", "size", "virtual_size", "container_format", "disk_format", "min_disk", "min_ram",
)  # fmt: skip


class _Document(FunctionElement[str]):
    inherit_cache = True
    type = sa.String()


@compiles(_Document)
def _spelled(_element: _Document, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(_built(compiler.dialect.name), **options)


def document() -> sa.ColumnElement[str]:
    """One row of `images` (outer-joined with `gt_images`), with all that hangs on it, as a JSON object."""
    return _Document()


def aggregated(each: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """All rows' documents as one array, in the order of the rows: SQLite only."""
    return sa.func.json_group_array(each)


def joined(rows: Sequence[Sequence[str]]) -> str:
    """The documents of many rows as one array."""
    return f"[{','.join([row[0] for row in rows])}]"


@functools.cache
def _built(database: str) -> sa.ColumnElement[Any]:
    json = JSON[database]
    whole = json.object(**own_members(), properties=_properties(json), tags=_tags(json), locations=_locations(json))
    return whole if database != "postgresql" else sa.cast(whole, sa.Text)  # its driver would decode JSON


def own_members() -> dict[str, sa.ColumnElement[Any]]:
    """What a document says of the image's own row and of ours beside it."""
    return {
        **{name: images.c[name] for name in PLAIN},
        "updated_at": sa.func.coalesce(images.c.updated_at, images.c.created_at),
        "revision": sa.func.coalesce(gt_images.c.revision, sa.literal_column("0", sa.Integer)),
        "reason": gt_images.c.reason,
    }


def _properties(json: Json) -> sa.ColumnElement[Any]:
    table = image_properties
    return json.map_of(table.c.name, table.c.value, (table.c.image_id == images.c.id, live(table)), images)


def _tags(json: Json) -> sa.ColumnElement[Any]:
    # Distinct, because nothing in the schema keeps two writers from adding the same tag.
    table = image_tags
    return json.set_of(table.c.value, (table.c.image_id == images.c.id, live(table)), images)


def _locations(json: Json) -> sa.ColumnElement[Any]:
    table = image_locations
    return json.array_of(
        ("id", "value", "meta_data", "status"),
        table,
        (table.c.image_id == images.c.id, live(table), table.c.status == sa.text("'active'")),
        images,
        lambda row: json.object(url=row.value, metadata=json.embedded(row.meta_data), status=row.status, id=row.id),
    )


# Not strict: SQLite has no booleans, only 0 and 1.
_IMAGE = msgspec.json.Decoder(Image, strict=False)
_IMAGES = msgspec.json.Decoder(list[Image], strict=False)


class _AnyLocation(msgspec.Struct, frozen=True):
    url: str
    status: str
    id: int
    metadata: object = None

    def value(self) -> ImageLocation:
        found = _json_of(self.metadata) if isinstance(self.metadata, str) else self.metadata
        metadata = found if isinstance(found, dict) else {}
        return ImageLocation(url=self.url, metadata=metadata, status=self.status, id=self.id)


_LOCATION = msgspec.json.Decoder(_AnyLocation)


def _json_of(text: str) -> object:
    try:
        found: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return found


def decode_location(text: str) -> ImageLocation:
    """Of a location's document whose metadata are text, as the database holds them."""
    return _LOCATION.decode(text).value()


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
    """An image whose locations carry something else than an object for metadata, or nothing.

    PostgreSQL sends all but plain strings as text, since it cannot tell whether that is JSON.
    """
    locations = msgspec.convert(document.pop("locations"), list[_AnyLocation])
    image = msgspec.convert(document, Image, strict=False)
    return msgspec.structs.replace(image, locations=tuple(location.value() for location in locations))
