"""One image as rows, for databases on which aggregating what hangs on it costs more than reading it.

MySQL's optimizer takes longer over the three subqueries of a document than over everything else of one image. A page of
images is read as documents there too: the optimizer's time is then shared by all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.model import Image
from glancetui.registry.sql.documents import decode_image, decode_location, own_members
from glancetui.registry.sql.expressions import live, walk_index
from glancetui.registry.sql.mariadb import MariaJson
from glancetui.registry.sql.tables import gt_images, image_locations, image_properties, image_tags, images

_BASE, _PROPERTY, _TAG, _LOCATION = range(4)


def in_pieces(shown: sa.ColumnElement[bool]) -> sa.CompoundSelect[Any]:
    """The image `image_id`. What hangs on it comes also where `shown` does not hold: `assembled` then gives None."""
    json = MariaJson()
    base = sa.select(_number(_BASE), json.row(**own_members()))
    of_location = {"id": "id", "url": "value", "metadata": "meta_data", "status": "status"}
    location = json.row(**{name: image_locations.c[column] for name, column in of_location.items()})
    source = images.outerjoin(gt_images, gt_images.c.image_id == images.c.id)
    active = image_locations.c.status == sa.literal_column("'active'")
    return sa.union_all(
        base.select_from(source).where(images.c.id == _image_id(), shown),
        _of_image(_PROPERTY, json.member(image_properties.c.name, image_properties.c.value), image_properties),
        _of_image(_TAG, json.text(image_tags.c.value), image_tags),
        _of_image(_LOCATION, location, image_locations).where(active),
    )


def assembled(rows: Sequence[Sequence[Any]]) -> Image | None:
    """Rows come in any order."""
    texts: tuple[list[str], ...] = ([], [], [], [])
    for kind, text in rows:
        texts[kind].append(text)
    if not texts[_BASE]:
        return None
    properties, tags = (",".join(texts[kind]) for kind in (_PROPERTY, _TAG))
    image = decode_image(f'{texts[_BASE][0][:-1]},"properties":{{{properties}}},"tags":[{tags}]}}')
    locations = [decode_location(text) for text in texts[_LOCATION]]
    return msgspec.structs.replace(
        image,
        properties=dict(sorted(image.properties.items())),
        tags=tuple(sorted(set(image.tags))),
        locations=tuple(sorted(locations, key=lambda location: location.id or 0)),
    )


def _of_image(kind: int, piece: sa.ColumnElement[Any], table: sa.Table) -> sa.Select[Any]:
    rows = sa.select(_number(kind), piece).where(table.c.image_id == _image_id(), live(table))
    return walk_index(rows, table, f"ix_{table.name}_image_id")


def _image_id() -> sa.BindParameter[str]:
    return sa.bindparam("image_id", type_=sa.String())


def _number(kind: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(kind), sa.Integer)
