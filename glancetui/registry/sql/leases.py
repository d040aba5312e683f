"""Named leases with fencing numbers: at most one holder, and a late one can be told by its number."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import exc

from glancetui.registry.sql.dialect import Undone
from glancetui.registry.sql.tables import gt_leases

_ONE = sa.select(gt_leases.c.owner, gt_leases.c.fence, gt_leases.c.expires_at).where(
    gt_leases.c.name == sa.bindparam("lease")
)
_LOCKED = _ONE.with_for_update()
_ADD = sa.insert(gt_leases)
_SET = sa.update(gt_leases).where(gt_leases.c.name == sa.bindparam("lease"))
_FREE = _SET.where(gt_leases.c.owner == sa.bindparam("holder")).values(owner=None)


def held_by_other(db: sa.Connection, name: str, owner: str, now: datetime) -> bool:
    row = db.execute(_ONE, {"lease": name}).fetchone()
    return row is not None and row[0] not in {None, owner} and row[2] > now


def acquire(db: sa.Connection, name: str, owner: str, seconds: float, now: datetime) -> int | None:
    """The fence grows with each change of hands, and when a holder let its lease run out."""
    until = now + timedelta(seconds=seconds)
    row = db.execute(_LOCKED, {"lease": name}).fetchone()
    if row is None:
        return _first(db, {"name": name, "owner": owner, "fence": 1, "expires_at": until})
    holder, fence, expires_at = row
    if holder not in {None, owner} and expires_at > now:
        return None
    fence += not (holder == owner and expires_at > now)
    db.execute(_SET, {"lease": name, "owner": owner, "fence": fence, "expires_at": until})
    return int(fence)


def _first(db: sa.Connection, row: dict[str, object]) -> int:
    try:
        db.execute(_ADD, row)
    except exc.IntegrityError as error:
        raise Undone("Another process made the lease at the same moment. Try again.") from error
    return 1


def hold(db: sa.Connection, name: str, now: datetime) -> None:
    """Until this transaction ends, no other goes beyond here with the same name, however long that is."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    if db.execute(_LOCKED, {"lease": digest}).fetchone() is None:
        _first(db, {"name": digest, "owner": None, "fence": 1, "expires_at": now})


def release(db: sa.Connection, name: str, owner: str) -> None:
    db.execute(_FREE, {"lease": name, "holder": owner})
