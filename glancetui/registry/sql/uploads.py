"""Bytes on their way in: intents, and the steps that turn them into locations or undo them.

An intent row stands for as long as there may be bytes that no location speaks of. Each step names the fence that it
was taken under, so that an owner who was given up for dead cannot act any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from glancetui.errors import Conflict, Gone, LimitExceeded, RegistryUnavailable, Stale
from glancetui.model import Image, ImageStatus
from glancetui.registry.interface import Intent, Published, Seen
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.documents import decode_images, document, joined
from glancetui.registry.sql.expressions import live, same_text, walk_index
from glancetui.registry.sql.images import NO_BYTES, bytes_stored
from glancetui.registry.sql.tables import gt_images, gt_intents, gt_outbox, image_locations, images

_COLUMNS = tuple(gt_intents.c[name] for name in Intent.__struct_fields__)
_ADD = sa.insert(gt_intents)
_SAME = (
    (gt_intents.c.id == sa.bindparam("intent"))
    & (gt_intents.c.fence == sa.bindparam("seen_fence"))
    & (gt_intents.c.owner == sa.bindparam("seen_owner"))
)
_HELD = sa.select(gt_intents.c.id).where(_SAME)
_PRESENT = sa.select(gt_intents.c.id).where(gt_intents.c.id == sa.bindparam("intent"))
_CLEAR = sa.delete(gt_intents).where(_SAME)
_RENEW = sa.update(gt_intents).where(_SAME)
_TAKE_OVER = sa.update(gt_intents).where(
    _SAME, gt_intents.c.expires_at == sa.bindparam("seen_expiry", type_=sa.DateTime)
)
_EXPIRED = (
    sa.select(*_COLUMNS)
    .where(gt_intents.c.expires_at <= sa.bindparam("now"))
    .order_by(gt_intents.c.expires_at, gt_intents.c.id)
    .limit(sa.bindparam("most"))
)
_OF_OWNER = sa.select(*_COLUMNS).where(gt_intents.c.owner == sa.bindparam("whose")).order_by(gt_intents.c.id)
_ADD_LOCATION = sa.insert(image_locations)
_OF_OBJECT = (
    sa.select(gt_intents.c.id)
    .where(gt_intents.c.store == sa.bindparam("store"), gt_intents.c.object_id == sa.bindparam("object"))
    .limit(1)
)
_LOCATION_OF_URL = (
    sa.select(image_locations.c.id)
    .where(
        same_text(image_locations.c.value, sa.bindparam("url")),
        live(image_locations),
        image_locations.c.status != sa.literal_column("'deleted'"),
    )
    .limit(1)
)
_OWED = sa.select(gt_outbox.c.id).where(gt_outbox.c.url == sa.bindparam("url")).limit(1)
_VISIBILITIES: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{kind}'") for kind in ("private", "shared", "public", "community")
]
_STUCK = walk_index(
    sa.select(images.c.id)
    .where(
        images.c.visibility.in_(_VISIBILITIES),
        images.c.deleted == sa.false(),
        images.c.os_hidden.in_([sa.false(), sa.true()]),
        images.c.status == sa.literal_column("'saving'"),
        ~sa.select(gt_intents.c.id).where(gt_intents.c.image_id == images.c.id).correlate(images).exists(),
    )
    .limit(sa.bindparam("most")),
    images,
    "gt_ix_images_visibility_status",
).subquery("stuck")
_STUCK_IMAGES = sa.select(document()).select_from(
    _STUCK.join(images, images.c.id == _STUCK.c.id).outerjoin(gt_images, gt_images.c.image_id == images.c.id)
)


def begin(change: Change, seen: Seen, store: str, object_id: str, owner: str, lease: float) -> Intent:
    state = change.unchanged(seen)
    if state.status != ImageStatus.QUEUED:
        raise Conflict(f"Image {seen.image_id} is {state.status}; only a queued image takes data.")
    change.update(state, {"status": ImageStatus.SAVING.value})
    row: dict[str, object] = {
        "image_id": seen.image_id,
        "store": store,
        "object_id": object_id,
        "owner": owner,
        "fence": 1,
        "expires_at": change.moment + timedelta(seconds=lease),
    }
    added = change.db.execute(_ADD, {**row, "created_at": change.moment}).inserted_primary_key
    if added is None:
        raise RegistryUnavailable("The database gave the upload's intent no number. Check the database.")
    change.tell("image.update", seen.image_id)
    return msgspec.convert({**row, "id": added[0]}, Intent)


def renew(db: sa.Connection, intent: Intent, lease: float, now: datetime) -> Intent:
    expires_at = now + timedelta(seconds=lease)
    _one(db.execute(_RENEW, {**_named(intent), "expires_at": expires_at}), intent)
    return msgspec.structs.replace(intent, expires_at=expires_at)


def publish(change: Change, intent: Intent, published: Published) -> Image:
    _check_held(change.db, intent)
    state = change.state(intent.image_id)
    if state is None or state.deleted or state.status in {ImageStatus.DELETED, ImageStatus.PENDING_DELETE}:
        raise Gone(f"Image {intent.image_id} was deleted while its data came in.")
    if state.status != ImageStatus.SAVING:
        raise Conflict(
            f"Image {intent.image_id} is {state.status}, no longer saving; the data that came in are dropped."
        )
    change.db.execute(
        _ADD_LOCATION,
        {
            "image_id": intent.image_id,
            "value": published.location.url,
            "meta_data": msgspec.json.encode(published.location.metadata).decode(),
            "status": published.location.status,
            "created_at": change.now,
            "updated_at": change.now,
            "deleted": False,
        },
    )
    found = {name: getattr(published, name) for name in NO_BYTES}
    change.update(state, {**found, "status": ImageStatus.ACTIVE.value})
    change.keep_reason(intent.image_id, None)
    _clear(change.db, intent)
    change.tell("image.upload", intent.image_id)
    image = change.image(intent.image_id)
    if published.quota is not None:
        _check_quota(change, image, published.quota)
    return image


def _check_quota(change: Change, image: Image, quota: int) -> None:
    """In the transaction that publishes, and alone: no other upload of the owner can come between."""
    change.alone(f"quota of {image.owner}")
    if (stored := bytes_stored(change.db, image.owner)) > quota:
        raise LimitExceeded(
            f"With this image the project would have {stored} bytes stored; {quota} are allowed. "
            "Delete other images or ask the operator for more."
        )


def abandon(change: Change, intent: Intent, reason: str) -> None:
    if change.db.execute(_PRESENT, {"intent": intent.id}).fetchone() is None:
        return
    _check_held(change.db, intent)
    state = change.state(intent.image_id)
    if state is not None and not state.deleted and state.status == ImageStatus.SAVING:
        change.update(state, {**NO_BYTES, "status": ImageStatus.QUEUED.value})
        change.keep_reason(intent.image_id, reason)
        change.tell("image.update", intent.image_id)
    _clear(change.db, intent)


def take_over(db: sa.Connection, intent: Intent, owner: str, lease: float, now: datetime) -> Intent:
    ours: dict[str, object] = {
        "owner": owner,
        "fence": intent.fence + 1,
        "expires_at": now + timedelta(seconds=lease),
    }
    # The expiry is compared too: an owner who renewed since the intent was read is alive.
    _one(db.execute(_TAKE_OVER, {**_named(intent), **ours, "seen_expiry": intent.expires_at}), intent)
    return msgspec.structs.replace(intent, **ours)


def expired(db: sa.Connection, now: datetime, limit: int) -> Sequence[Intent]:
    return [Intent(**row._mapping) for row in db.execute(_EXPIRED, {"now": now, "most": limit})]


def of_owner(db: sa.Connection, owner: str) -> Sequence[Intent]:
    return [Intent(**row._mapping) for row in db.execute(_OF_OWNER, {"whose": owner})]


def stuck(db: sa.Connection, limit: int) -> Sequence[Image]:
    rows = db.execute(_STUCK_IMAGES, {"most": limit})
    return decode_images(joined(rows.fetchall()))


def knows_object(db: sa.Connection, store: str, object_id: str, url: str) -> bool:
    # In the order in which an object passes from hand to hand: what moves on between two questions is still found.
    named = {"store": store, "object": object_id, "url": url}
    return any(db.execute(asked, named).fetchone() is not None for asked in (_OF_OBJECT, _LOCATION_OF_URL, _OWED))


def _named(intent: Intent) -> dict[str, object]:
    return {"intent": intent.id, "seen_fence": intent.fence, "seen_owner": intent.owner}


def _check_held(db: sa.Connection, intent: Intent) -> None:
    if db.execute(_HELD, _named(intent)).fetchone() is None:
        raise _stale(intent)


def _clear(db: sa.Connection, intent: Intent) -> None:
    # Counted, since another may have taken the intent over after it was looked at.
    _one(db.execute(_CLEAR, _named(intent)), intent)


def _one(result: sa.CursorResult[object], intent: Intent) -> None:
    if result.rowcount != 1:
        raise _stale(intent)


def _stale(intent: Intent) -> Stale:
    return Stale(f"The upload of image {intent.image_id} is in other hands now, or over.")
