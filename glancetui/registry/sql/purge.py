"""Removing rows that were soft-deleted long ago. A purged image leaves its id behind: it is never given again.

Glance's own purge leaves images to a second command, because with the row it forgets the id (OSSN-0075). What still has
bytes to be removed (`pending_delete`, Glance's scrubber) is kept, however old it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from glancetui.model import ImageStatus
from glancetui.registry.sql.database import Database, utc_now
from glancetui.registry.sql.tables import (
    gt_images,
    gt_intents,
    gt_outbox,
    gt_tombstones,
    image_locations,
    image_members,
    image_properties,
    image_tags,
    images,
    task_info,
    tasks,
)

BATCH = 500  # rows of a table in one transaction, so that nobody waits long
_CHILDREN = (image_locations, image_members, image_properties, image_tags)
_PENDING = ImageStatus.PENDING_DELETE.value

Counts = dict[str, int]  # table → rows, images first


def purgeable(db: sa.Connection, days: int, most: int = -1, now: datetime | None = None) -> Counts:
    """What `purge` would remove."""
    before = (now or utc_now()) - timedelta(days=days)
    found = {
        table.name: db.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one()
        for table, rows in _old(before).items()
    }
    return {name: count if most < 0 else min(count, most) for name, count in found.items()}


def purge(database: Database, days: int, most: int = -1, now: datetime | None = None) -> Counts:
    """Removes rows deleted more than `days` ago, at most `most` of a table (-1: all), the oldest first.

    A row that hangs on an image goes with it and is not counted apart. May be cut short and done again.
    """
    before = (now or utc_now()) - timedelta(days=days)
    done: Counts = {}
    for table in _old(before):
        done[table.name] = sum(_batches(database, table, before, most, now or utc_now()))
    return done


def _batches(database: Database, table: sa.Table, before: datetime, most: int, now: datetime) -> Iterator[int]:
    left = most
    while left:
        size = BATCH if left < 0 else min(BATCH, left)
        removed = database.write(partial(_remove_some, table=table, before=before, most=size, now=now))
        yield removed
        if removed < size:
            return
        left -= removed if left > 0 else 0


def _old(before: datetime) -> Mapping[sa.Table, sa.Select[Any]]:
    """Table → ids of its rows to remove. Images before what hangs on others, so that nothing is counted twice."""
    return {table: _selected(table, before) for table in (images, tasks, *_CHILDREN)}


def _selected(table: sa.Table, before: datetime) -> sa.Select[Any]:
    rows = sa.select(table.c.id).where(table.c.deleted == sa.true(), table.c.deleted_at < before)
    rows = rows.order_by(table.c.deleted_at, table.c.id)
    if table is images:
        return rows.where(images.c.status != _PENDING, ~_owing())
    if table is tasks:
        return rows
    # What hangs on a deleted image goes, and waits, with it.
    of_live = sa.exists().where(images.c.id == table.c.image_id, images.c.deleted == sa.false())
    rows = rows.where(of_live)
    return rows.where(table.c.status != _PENDING) if table is image_locations else rows


def _owing() -> sa.ColumnElement[bool]:
    """Whether bytes of the image are still somewhere, or about to be."""
    pending = sa.exists().where(image_locations.c.image_id == images.c.id, image_locations.c.status == _PENDING)
    owed = sa.exists().where(gt_outbox.c.image_id == images.c.id)
    begun = sa.exists().where(gt_intents.c.image_id == images.c.id)
    return sa.or_(pending, owed, begun)


def _remove_some(db: sa.Connection, *, table: sa.Table, before: datetime, most: int, now: datetime) -> int:
    ids = list(db.execute(_selected(table, before).limit(most)).scalars())
    _remove(db, table, ids, now)
    return len(ids)


def _remove(db: sa.Connection, table: sa.Table, ids: Sequence[object], now: datetime) -> None:
    if not ids:
        return
    if table is images:
        db.execute(sa.delete(gt_tombstones).where(gt_tombstones.c.image_id.in_(ids)))  # Glance may have used one again
        db.execute(sa.insert(gt_tombstones), [{"image_id": image_id, "purged_at": now} for image_id in ids])
        for hanging in (*_CHILDREN, gt_images):
            db.execute(sa.delete(hanging).where(hanging.c.image_id.in_(ids)))
    if table is tasks:
        db.execute(sa.delete(task_info).where(task_info.c.task_id.in_(ids)))
    db.execute(sa.delete(table).where(table.c.id.in_(ids)))
