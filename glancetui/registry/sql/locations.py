"""A change of an image that names a new list of its locations."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from glancetui.model import Image, ImageLocation, ImageStatus
from glancetui.registry.interface import ImageChange, Seen
from glancetui.registry.sql import images, outbox, quotas
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.expressions import live
from glancetui.registry.sql.tables import image_locations

_PRESENT = (
    sa.select(image_locations.c.id, image_locations.c.value)
    .where(
        image_locations.c.image_id == sa.bindparam("image"),
        live(image_locations),
        image_locations.c.status == sa.literal_column("'active'"),
    )
    .order_by(image_locations.c.id)
)
_OF_ROW = sa.update(image_locations).where(image_locations.c.id == sa.bindparam("row"))


def apply(change: Change, seen: Seen, wanted: ImageChange) -> Image:
    """As `images.apply`, which writes all but the locations."""
    image = images.apply(change, seen, wanted)
    if wanted.locations is msgspec.UNSET:
        return image
    _replace(change, image, wanted.locations, wanted.keep)
    if wanted.status == ImageStatus.ACTIVE:
        change.keep_reason(image.id, None)
    left = change.image(image.id)
    quotas.check_quota(change, left, wanted.quota)
    return left


def _replace(change: Change, image: Image, wanted: Sequence[ImageLocation], keep: float | None) -> None:
    """Rows are shown in the order of their numbers: from the first that is not where it was, all are written anew."""
    present = change.db.execute(_PRESENT, {"image": image.id}).fetchall()
    kept = 0
    for row, location in zip(present, wanted, strict=False):
        if row.id != location.id:
            break
        kept += 1
    before = {location.id: images.metadata_text(location) for location in image.locations}
    for location in wanted[:kept]:
        if before.get(location.id) != images.metadata_text(location):
            _describe(change, location)
    staying = {location.url for location in wanted}
    outbox.owe_locations(change, image.id, {row.value for row in present} - staying, keep)
    gone = {"deleted": True, "deleted_at": change.now, "updated_at": change.now}
    for row in present[kept:]:
        status = "deleted" if keep is None or row.value in staying else "pending_delete"
        change.db.execute(_OF_ROW, {"row": row.id, **gone, "status": status})
    for location in wanted[kept:]:
        images.insert_location(change, image.id, location)


def _describe(change: Change, location: ImageLocation) -> None:
    told = {"meta_data": images.metadata_text(location), "updated_at": change.now}
    change.db.execute(_OF_ROW, {"row": location.id, **told})
