"""Side effects that committed changes owe: objects to remove."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.model import Location
from glancetui.registry.interface import OutboxEntry
from glancetui.registry.sql.change import Change, Write
from glancetui.registry.sql.expressions import exactly, live
from glancetui.registry.sql.tables import gt_outbox, image_locations, images

DELETE_OBJECT = "delete-object"

_OWED = sa.select(image_locations.c.value, image_locations.c.meta_data).where(
    image_locations.c.image_id == sa.bindparam("image_id"),
    live(image_locations),
    image_locations.c.status != sa.literal_column("'deleted'"),
)
_ADD = sa.insert(gt_outbox)
_ANY_DUE = sa.select(sa.func.min(gt_outbox.c.due_at) <= sa.bindparam("now", type_=sa.DateTime))
_DUE = (
    sa.select(
        gt_outbox.c.id, gt_outbox.c.kind, gt_outbox.c.image_id, gt_outbox.c.store, gt_outbox.c.url, gt_outbox.c.attempts
    )
    .where(gt_outbox.c.due_at <= sa.bindparam("now"))
    .order_by(gt_outbox.c.due_at, gt_outbox.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)  # what another worker is claiming now is not waited for
)
_CLAIM = sa.update(gt_outbox).where(gt_outbox.c.id == sa.bindparam("entry"))
_FINISH = sa.delete(gt_outbox).where(gt_outbox.c.id == sa.bindparam("entry"))
_PENDING: sa.ColumnElement[str] = sa.literal_column("'pending_delete'")
_DELETED: sa.ColumnElement[str] = sa.literal_column("'deleted'")
#: What was kept for a while is gone: the location, and with the last of them the image, as Glance's scrubber has it.
_GONE = (
    sa.update(image_locations)
    .where(
        image_locations.c.image_id == sa.bindparam("image"),
        image_locations.c.status == _PENDING,
        exactly(image_locations.c.value, sa.bindparam("url")),
    )
    .values(status=_DELETED)
)
_ALL_GONE = (
    sa.update(images)
    .where(
        images.c.id == sa.bindparam("image"),
        images.c.status == _PENDING,
        ~sa.select(image_locations.c.id)
        .where(image_locations.c.image_id == sa.bindparam("image"), image_locations.c.status == _PENDING)
        .exists(),
    )
    .values(status=_DELETED)
)
_POSTPONE = (
    sa.update(gt_outbox)
    .where(gt_outbox.c.id == sa.bindparam("entry"))
    .values(attempts=gt_outbox.c.attempts + 1, claimed_by=None)
)


def owe_locations(change: Change, image_id: str, urls: Collection[str] | None = None, keep: float | None = None) -> int:
    """An entry for each live location of the image, or only for those at `urls`, due in `keep` seconds. How many."""
    rows = [
        {
            "kind": DELETE_OBJECT,
            "image_id": image_id,
            "store": store_of(meta_data),
            "url": url,
            "attempts": 0,
            "due_at": change.moment + timedelta(seconds=keep or 0),
            "created_at": change.moment,
        }
        for url, meta_data in change.rows(_OWED, {"image_id": image_id})
        if urls is None or url in urls
    ]
    change.write(Write(_ADD, rows))
    return len(rows)


def store_of(meta_data: str | None) -> str:
    """The backend a location names; empty where it names none, as with a single store. `backend` is an older word."""
    try:
        named: Any = msgspec.json.decode(meta_data or "{}")  # Any: whatever JSON others wrote there
    except msgspec.DecodeError:
        return ""
    store = (named.get("store") or named.get("backend")) if isinstance(named, dict) else None
    return store if isinstance(store, str) else ""


def any_due(db: sa.Connection, now: datetime) -> bool:
    return bool(db.execute(_ANY_DUE, {"now": now}).scalar())


def claim(db: sa.Connection, owner: str, lease: float, now: datetime, limit: int) -> Sequence[OutboxEntry]:
    rows = db.execute(_DUE, {"now": now, "most": limit}).fetchall()
    until = now + timedelta(seconds=lease)
    if rows:
        db.execute(_CLAIM, [{"entry": row[0], "claimed_by": owner, "due_at": until} for row in rows])
    return [
        OutboxEntry(id=number, kind=kind, image_id=image_id, location=Location(store=store, url=url), attempts=attempts)
        for number, kind, image_id, store, url, attempts in rows
    ]


def finish(db: sa.Connection, entry: OutboxEntry) -> None:
    db.execute(_FINISH, {"entry": entry.id})
    gone = {"image": entry.image_id, "url": entry.location.url}
    if db.execute(_GONE, gone).rowcount:
        db.execute(_ALL_GONE, gone)


def postpone(db: sa.Connection, entry: OutboxEntry, until: datetime, error: str) -> None:
    db.execute(_POSTPONE, {"entry": entry.id, "due_at": until, "error": error})
