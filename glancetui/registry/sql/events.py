"""Events: what happened, in order, committed with what they tell of.

SQLite has one writer, so that events are numbered as they are written, and whoever has read up to a number has read all
before it. Where several write at once a number given in a transaction becomes visible when that commits, perhaps after
a later one: there an event is written without a number, and numbers are given to events that are committed, by whoever
wants to read them. Only these take turns; writers do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from glancetui.registry.interface import Actor, Event
from glancetui.registry.sql.tables import gt_events, gt_new_events, gt_sequences

KEPT = 100_000
NUMBERED_AT_ONCE = 1_000
_PRUNE_EVERY = 1_000  # events; so that pruning costs nothing to speak of

_ADD = sa.insert(gt_events)
ADD_NEW = sa.insert(gt_new_events)
_PRUNE = sa.delete(gt_events).where(gt_events.c.number <= sa.bindparam("last_gone"))
_ANY_NEW = sa.select(gt_new_events.c.id).limit(1)
_TURN = sa.select(gt_sequences.c.last).where(gt_sequences.c.name == "events").with_for_update()
_NEW = sa.select(gt_new_events).order_by(gt_new_events.c.id).limit(sa.bindparam("most"))
_NEXT = sa.update(gt_sequences).where(gt_sequences.c.name == "events").values(last=sa.bindparam("given"))
_FORGET = sa.delete(gt_new_events).where(gt_new_events.c.id.in_(sa.bindparam("numbered", expanding=True)))
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


def told(kind: str, image_id: str | None, actor: Actor, node: str, now: datetime) -> dict[str, object]:
    """An event's row. `node` stands in where the actor names none."""
    return {
        "kind": kind,
        "image_id": image_id,
        "project": actor.project,
        "user_id": actor.user,
        "request_id": actor.request_id,
        "node": actor.node or node,
        "at": now,
    }


def add_numbered(db: sa.Connection, row: Mapping[str, object]) -> None:
    """Where one writes at a time."""
    added = db.execute(_ADD, row)
    number = added.inserted_primary_key[0] if added.inserted_primary_key else 0
    if number % _PRUNE_EVERY == 0:
        db.execute(_PRUNE, {"last_gone": number - KEPT})


def any_new(db: sa.Connection) -> bool:
    return db.execute(_ANY_NEW).first() is not None


def number_new(db: sa.Connection) -> int:
    """Give numbers to committed events, at most NUMBERED_AT_ONCE; how many got one.

    All numbers of one turn become visible together, and before those of the next. On Galera, where locks do not reach
    other nodes, two turns at once both write the sequence's row, so that one of them is rolled back.
    """
    last = db.execute(_TURN).scalar_one()
    rows = db.execute(_NEW, {"most": NUMBERED_AT_ONCE}).mappings().all()
    if not rows:
        return 0
    numbered = [{**row, "number": last + place} for place, row in enumerate(rows, 1)]
    ids = [row.pop("id") for row in numbered]
    db.execute(_ADD, numbered)
    db.execute(_FORGET, {"numbered": ids})
    given = last + len(rows)
    db.execute(_NEXT, {"given": given})
    if given // _PRUNE_EVERY > last // _PRUNE_EVERY:
        db.execute(_PRUNE, {"last_gone": given - KEPT})
    return len(rows)


def after(db: sa.Connection, number: int, limit: int) -> Sequence[Event]:
    rows = db.execute(_AFTER, {"after": number, "most": limit})
    return [Event(number=row[0], kind=row[1], image_id=row[2], project=row[3], node=row[4], at=row[5]) for row in rows]


def last(db: sa.Connection) -> int:
    return db.execute(_LAST).scalar() or 0
