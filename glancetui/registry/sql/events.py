"""Events: what happened, in order, committed with what they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from glancetui.registry.interface import Actor, Event
from glancetui.registry.sql.tables import gt_events

KEPT = 100_000
_PRUNE_EVERY = 1_000  # events; so that pruning costs nothing to speak of

_ADD = sa.insert(gt_events)
_PRUNE = sa.delete(gt_events).where(gt_events.c.number <= sa.bindparam("last_gone"))
_AFTER = (
    sa.select(
        gt_events.c.number,
        gt_events.c.kind,
        gt_events.c.image_id,
        gt_events.c.project,
        gt_events.c.node,
        gt_events.c.at,
    )
    .where(gt_events.c.number > sa.bindparam("after"))
    .order_by(gt_events.c.number)
    .limit(sa.bindparam("most"))
)
_LAST = sa.select(sa.func.max(gt_events.c.number))


def add(db: sa.Connection, kind: str, image_id: str | None, actor: Actor, node: str, now: datetime) -> None:
    """`node` stands in where the actor names none."""
    added = db.execute(
        _ADD,
        {
            "kind": kind,
            "image_id": image_id,
            "project": actor.project,
            "user_id": actor.user,
            "request_id": actor.request_id,
            "node": actor.node or node,
            "at": now,
        },
    )
    number = added.inserted_primary_key[0] if added.inserted_primary_key else 0
    if number % _PRUNE_EVERY == 0:
        db.execute(_PRUNE, {"last_gone": number - KEPT})


def after(db: sa.Connection, number: int, limit: int) -> Sequence[Event]:
    rows = db.execute(_AFTER, {"after": number, "most": limit})
    return [Event(number=row[0], kind=row[1], image_id=row[2], project=row[3], node=row[4], at=row[5]) for row in rows]


def last(db: sa.Connection) -> int:
    return db.execute(_LAST).scalar() or 0
