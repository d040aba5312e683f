"""How much a project has, and whether it may have more: asked in the transaction that takes it, and alone.

What many requests do at once ends as if they had come one after the other.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from glancetui.errors import LimitExceeded
from glancetui.model import Image
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.expressions import live
from glancetui.registry.sql.tables import image_locations, image_properties, images
from glancetui.registry.values import Allowance, Published, Usage

MIB = 1 << 20
#: Beyond their number of locations, the images that take part in an import say so in this property, as in Glance.
TO_STORES = "os_glance_importing_to_stores"

_OWNED = (images.c.owner == sa.bindparam("owner"), images.c.deleted == sa.false())
_STAGED = images.c.status.in_([sa.literal_column("'uploading'"), sa.literal_column("'importing'")])
_TAKING = images.c.status.in_([sa.literal_column(f"'{status}'") for status in ("saving", "uploading", "importing")])
_THERE = images.c.status.not_in([sa.literal_column(f"'{status}'") for status in ("killed", "pending_delete")])
_COPYING = images.c.id.in_(
    sa.select(image_properties.c.image_id).where(
        image_properties.c.name == TO_STORES, image_properties.c.value != "", live(image_properties)
    )
)
_COPIES = (
    sa.select(sa.func.sum(images.c.size))
    .select_from(images.join(image_locations, image_locations.c.image_id == images.c.id))
    .where(images.c.deleted == sa.false(), live(image_locations))
)
_COPIES_BY = {
    True: _COPIES.where(images.c.owner.is_(None)),
    False: _COPIES.where(images.c.owner == sa.bindparam("owner")),
}
_WAITING = sa.select(sa.func.sum(images.c.size)).where(
    images.c.deleted == sa.false(),
    _STAGED,
    images.c.id != sa.bindparam("besides"),
    ~sa.select(image_locations.c.id)
    .where(image_locations.c.image_id == images.c.id, live(image_locations))
    .correlate(images)
    .exists(),
)
_WAITING_BY = {
    True: _WAITING.where(images.c.owner.is_(None)),
    False: _WAITING.where(images.c.owner == sa.bindparam("owner")),
}
_IN_STAGING = sa.select(sa.func.sum(images.c.size)).where(*_OWNED, _THERE, sa.or_(_STAGED, _COPYING))
_COUNT = sa.select(sa.func.count()).select_from(images).where(*_OWNED, _THERE)
_COUNT_TAKING = sa.select(sa.func.count()).select_from(images).where(*_OWNED, _THERE, sa.or_(_TAKING, _COPYING))


# -- what there is -----------------------------------------------------------------------------------------------------


def bytes_stored(db: sa.Connection, owner: str | None, besides: str | None = None) -> int:
    """Copies, and staged data of images that have no copy yet; an image being imported counts once."""
    nobodys = owner is None
    return _sum(db, _COPIES_BY[nobodys], owner=owner) + _sum(
        db, _WAITING_BY[nobodys], owner=owner, besides=besides or ""
    )


def usage(db: sa.Connection, owner: str) -> Usage:
    return Usage(
        stored=_copies(db, owner),
        staged=_sum(db, _IN_STAGING, owner=owner),
        images=_sum(db, _COUNT, owner=owner),
        uploading=_sum(db, _COUNT_TAKING, owner=owner),
    )


def _copies(db: sa.Connection, owner: str) -> int:
    return _sum(db, _COPIES_BY[False], owner=owner)


def _sum(db: sa.Connection, statement: sa.Select[Any], **named: object) -> int:  # Any: as SQLAlchemy types sums
    return int(db.execute(statement, named).scalar() or 0)  # servers sum in decimals


# -- whether it may be more --------------------------------------------------------------------------------------------


def check_new(change: Change, owner: str | None, allowance: Allowance) -> None:
    """The image is there already, and counts."""
    if owner is None or allowance.count_total is None:
        return
    _alone(change, owner)
    _hold("image_count_total", "images", allowance.count_total, _sum(change.db, _COUNT, owner=owner) - 1, 1)


def check_begun(change: Change, image_id: str, allowance: Allowance, *, staging: bool) -> None:
    """Data are about to come for an image whose status says so already."""
    owner = _limited_owner(change, image_id, allowance)
    if owner is None:
        return
    _check_uploading(change, owner, allowance)
    if staging:
        _check_staging(change, owner, allowance)
    else:
        _check_size(change, owner, allowance, besides=0)


def check_import(change: Change, image_id: str, allowance: Allowance, *, staged: bool) -> None:
    """An import begins; where its data are `staged`, they were counted when they came."""
    owner = _limited_owner(change, image_id, allowance)
    if owner is None:
        return
    _check_size(change, owner, allowance, besides=0)
    if not staged:
        _check_staging(change, owner, allowance)
        _check_uploading(change, owner, allowance)


def check_quota(change: Change, image: Image, quota: int | None) -> None:
    """The image has more copies than before. `quota` in bytes; None: none."""
    if quota is not None:
        _alone(change, image.owner)
        _check_quota(bytes_stored(change.db, image.owner), quota)


def check_stored(change: Change, image: Image, published: Published) -> None:
    """The image has one more copy."""
    check_quota(change, image, published.quota)
    if image.owner is not None and published.allowance.size_total is not None:
        _alone(change, image.owner)
        _check_size(change, image.owner, published.allowance, besides=published.size)


def check_staged(change: Change, image: Image, quota: int | None, allowance: Allowance) -> None:
    """The data of the image have come into the staging folder, all of them."""
    check_quota(change, image, quota)
    if image.owner is not None and allowance.stage_total is not None:
        _alone(change, image.owner)
        _check_staging(change, image.owner, allowance, besides=image.size or 0)


def _limited_owner(change: Change, image_id: str, allowance: Allowance) -> str | None:
    """The owner, who from here on is alone; None where nothing limits it."""
    if allowance.size_total is None and allowance.stage_total is None and allowance.count_uploading is None:
        return None
    owner = change.image(image_id).owner
    if owner is not None:
        _alone(change, owner)
    return owner


def _alone(change: Change, owner: str | None) -> None:
    change.alone(f"quota of {owner}")


def _check_quota(stored: int, quota: int) -> None:
    if stored > quota:
        raise LimitExceeded(
            f"With this image the project would have {stored} bytes stored; {quota} are allowed. "
            "Delete other images or ask the operator for more."
        )


def _check_uploading(change: Change, owner: str, allowance: Allowance) -> None:
    limit = allowance.count_uploading
    if limit is not None:
        taking = _sum(change.db, _COUNT_TAKING, owner=owner)
        _hold("image_count_uploading", "images that take data at once", limit, taking - 1, 1)


def _check_size(change: Change, owner: str, allowance: Allowance, besides: int) -> None:
    """`besides`: bytes that are new, and not held against the limit but as they were declared."""
    limit = allowance.size_total
    if limit is not None:
        stored = _copies(change.db, owner) - besides
        _hold("image_size_total", "MiB of images", limit, stored // MIB, allowance.declared // MIB)


def _check_staging(change: Change, owner: str, allowance: Allowance, besides: int = 0) -> None:
    limit = allowance.stage_total
    if limit is not None:
        staged = _sum(change.db, _IN_STAGING, owner=owner) - besides
        _hold("image_stage_total", "MiB of staged data", limit, staged // MIB, allowance.declared // MIB)


def _hold(name: str, what: str, limit: int, used: int, more: int) -> None:
    """What was announced, `more`, is held against the limit; 0 where nobody knows. Raises LimitExceeded in the words of
    OpenStack's services, which operators and tests know."""
    if used + more > limit:
        raise LimitExceeded(
            f"{name} is over limit of {limit} due to current usage {used} and delta {more} ({what}). Delete images "
            "that are not needed, wait for running uploads and imports to end, or ask the operator for more."
        )
