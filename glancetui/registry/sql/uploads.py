"""Bytes on their way in: intents, and the steps that turn them into locations or undo them.

An intent row stands for as long as there may be bytes that no location speaks of. Each step names the fence that it
was taken under, so that an owner who was given up for dead cannot act any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from glancetui.errors import Conflict, Gone, RegistryUnavailable, Stale
from glancetui.model import Image, ImageStatus
from glancetui.registry.interface import Intent, Published, Seen
from glancetui.registry.sql import quotas
from glancetui.registry.sql.change import Change, State
from glancetui.registry.sql.documents import decode_images, document, joined
from glancetui.registry.sql.expressions import exactly, live, same_text, walk_index
from glancetui.registry.sql.images import NO_BYTES, drop_all_locations, insert_location, merge_properties
from glancetui.registry.sql.tables import gt_images, gt_intents, gt_outbox, image_locations, images
from glancetui.registry.values import UNLIMITED, Allowance

_COLUMNS = tuple(gt_intents.c[name] for name in Intent.__struct_fields__)
STAGE_HOST = "os_glance_stage_host"  # the property that names the node with the staged data, as in Glance
_TAKING = frozenset({ImageStatus.SAVING, ImageStatus.UPLOADING})  # what an attempt to send data made of the image
_ADD = sa.insert(gt_intents)
_RECEIVING = (
    sa.select(gt_intents.c.id)
    .where(gt_intents.c.image_id == sa.bindparam("image"), gt_intents.c.job_id.is_(None))
    .limit(1)
)
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
_OF_JOB = sa.select(*_COLUMNS).where(gt_intents.c.job_id == sa.bindparam("job")).order_by(gt_intents.c.id)
_OF_OBJECT = (
    sa.select(gt_intents.c.id)
    .where(gt_intents.c.store == sa.bindparam("store"), gt_intents.c.object_id == sa.bindparam("object"))
    .limit(1)
)
_LOCATION_OF_URL = (
    sa.select(image_locations.c.id)
    .where(
        same_text(image_locations.c.value, sa.bindparam("url")),  # finds it by the index
        exactly(image_locations.c.value, sa.bindparam("url")),
        live(image_locations),
        image_locations.c.status != sa.literal_column("'deleted'"),
    )
    .limit(1)
)
_OWED = sa.select(gt_outbox.c.id).where(same_text(gt_outbox.c.url, sa.bindparam("url"))).limit(1)
VISIBILITIES: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{kind}'") for kind in ("private", "shared", "public", "community")
]
_STUCK = walk_index(
    sa.select(images.c.id)
    .where(
        images.c.visibility.in_(VISIBILITIES),
        images.c.deleted == sa.false(),
        images.c.os_hidden.in_([sa.false(), sa.true()]),
        images.c.status == sa.literal_column("'saving'"),
        ~sa.select(gt_intents.c.id)
        .where(gt_intents.c.image_id == images.c.id, gt_intents.c.job_id.is_(None))
        .correlate(images)
        .exists(),
    )
    .limit(sa.bindparam("most")),
    images,
    "gt_ix_images_visibility_status",
).subquery("stuck")
_STUCK_IMAGES = sa.select(document()).select_from(
    _STUCK.join(images, images.c.id == _STUCK.c.id).outerjoin(gt_images, gt_images.c.image_id == images.c.id)
)


def begin(
    change: Change,
    seen: Seen,
    store: str,
    object_id: str,
    owner: str,
    lease: float,
    status: ImageStatus,
    allowance: Allowance = UNLIMITED,
) -> Intent:
    """The image goes from queued to `status`: saving, or uploading where the data are staged."""
    state = change.unchanged(seen)
    if state.status != ImageStatus.QUEUED:
        raise Conflict(f"Image {seen.image_id} is {state.status}; only a queued image takes data.")
    drop_all_locations(change, seen.image_id)
    change.update(state, {"status": status.value})
    quotas.check_begun(change, seen.image_id, allowance, staging=status == ImageStatus.UPLOADING)
    change.tell("image.update", seen.image_id)
    change.notify(seen.image_id, "image.update")
    if status == ImageStatus.SAVING:
        change.notify(seen.image_id, "image.prepare", backend=store)
    return intend(change, seen.image_id, store, object_id, owner, lease)


def intend(
    change: Change, image_id: str, store: str, object_id: str, owner: str, lease: float, job_id: str | None = None
) -> Intent:
    """An intent, and nothing else."""
    row: dict[str, object] = {
        "image_id": image_id,
        "store": store,
        "object_id": object_id,
        "owner": owner,
        "fence": 1,
        "expires_at": change.moment + timedelta(seconds=lease),
        "job_id": job_id,
    }
    added = change.db.execute(_ADD, {**row, "created_at": change.moment}).inserted_primary_key
    if added is None:
        raise RegistryUnavailable("The database gave the upload's intent no number. Check the database.")
    return msgspec.convert({**row, "id": added[0]}, Intent)


def renew(db: sa.Connection, intent: Intent, lease: float, now: datetime) -> Intent:
    expires_at = now + timedelta(seconds=lease)
    _one(db.execute(_RENEW, {**_named(intent), "expires_at": expires_at}), intent)
    return msgspec.structs.replace(intent, expires_at=expires_at)


def publish(change: Change, intent: Intent, published: Published) -> Image:
    check_held(change.db, intent)
    state = present(change, intent.image_id)
    if state.status != ImageStatus.SAVING:
        raise Conflict(
            f"Image {intent.image_id} is {state.status}, no longer saving; the data that came in are dropped."
        )
    add_location(change, intent, published)
    found = {name: getattr(published, name) for name in NO_BYTES}
    change.update(state, {**found, "status": ImageStatus.ACTIVE.value})
    change.keep_reason(intent.image_id, None)
    change.tell("image.upload", intent.image_id)
    change.notify(intent.image_id, "image.upload", "image.activate", "image.update")
    image = change.image(intent.image_id)
    quotas.check_stored(change, image, published)
    return image


def add_location(change: Change, intent: Intent, published: Published) -> None:
    """The object of the intent becomes a location of its image; the intent has done its duty."""
    insert_location(change, intent.image_id, published.location)
    _clear(change.db, intent)


def finish_stage(
    change: Change,
    intent: Intent,
    size: int,
    host: str | None,
    quota: int | None = None,
    allowance: Allowance = UNLIMITED,
) -> Image:
    check_held(change.db, intent)
    state = present(change, intent.image_id)
    if state.status != ImageStatus.UPLOADING:
        raise Conflict(f"Image {intent.image_id} is {state.status}, no longer uploading; the data are dropped.")
    change.update(state, {"size": size})
    if host is not None:
        merge_properties(change, intent.image_id, {STAGE_HOST: host})
    change.keep_reason(intent.image_id, None)
    _clear(change.db, intent)
    change.tell("image.stage", intent.image_id)
    change.notify(intent.image_id, "image.update")
    image = change.image(intent.image_id)
    quotas.check_staged(change, image, quota, allowance)
    return image


def present(change: Change, image_id: str) -> State:
    """Raises Gone if the image was deleted."""
    state = change.state(image_id)
    if state is None or state.deleted or state.status in {ImageStatus.DELETED, ImageStatus.PENDING_DELETE}:
        raise Gone(f"Image {image_id} was deleted while its data came in.")
    return state


def receives_data(db: sa.Connection, image_id: str) -> bool:
    """Whether a client is sending the image's data just now."""
    return db.execute(_RECEIVING, {"image": image_id}).fetchone() is not None


def abandon(change: Change, intent: Intent, reason: str) -> None:
    if change.db.execute(_PRESENT, {"intent": intent.id}).fetchone() is None:
        return
    check_held(change.db, intent)
    state = change.state(intent.image_id)
    # A job's copy is not the image's fate: what becomes of the image is said when the job ends.
    if intent.job_id is None and state is not None and not state.deleted and state.status in _TAKING:
        change.update(state, {**NO_BYTES, "status": ImageStatus.QUEUED.value})
        change.keep_reason(intent.image_id, reason)
        change.tell("image.update", intent.image_id)
        if state.status == ImageStatus.SAVING:
            message = f"The upload of image {intent.image_id} failed: {reason}"
            change.notices.owe("image.upload", lambda: message, "ERROR")
        change.notify(intent.image_id, "image.update")
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


def of_job(db: sa.Connection, job_id: str) -> Sequence[Intent]:
    return [Intent(**row._mapping) for row in db.execute(_OF_JOB, {"job": job_id})]


def stuck(db: sa.Connection, limit: int) -> Sequence[Image]:
    rows = db.execute(_STUCK_IMAGES, {"most": limit})
    return decode_images(joined(rows.fetchall()))


def is_location(db: sa.Connection, url: str) -> bool:
    return db.execute(_LOCATION_OF_URL, {"url": url}).fetchone() is not None


def knows_object(db: sa.Connection, store: str, object_id: str, url: str) -> bool:
    # In the order in which an object passes from hand to hand: what moves on between two questions is still found.
    named = {"store": store, "object": object_id, "url": url}
    return any(db.execute(asked, named).fetchone() is not None for asked in (_OF_OBJECT, _LOCATION_OF_URL, _OWED))


def _named(intent: Intent) -> dict[str, object]:
    return {"intent": intent.id, "seen_fence": intent.fence, "seen_owner": intent.owner}


def check_held(db: sa.Connection, intent: Intent) -> None:
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
