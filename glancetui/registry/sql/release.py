"""Giving a database back to Glance: what is ours goes, what Glance would miss is put there.

The version of our schema goes first, so that no service of ours starts on what is half released; doing it again removes
the rest.
"""

from __future__ import annotations

import logging

import msgspec
import sqlalchemy as sa

from glancetui.errors import ConfigError
from glancetui.registry.sql.database import Database, utc_now
from glancetui.registry.sql.ddl import GLANCES_VERSIONS, drop_index, drop_table, indexes_of_ours, set_version, told
from glancetui.registry.sql.state import GLANCES_HEAD, VERSION_TABLE, Kind, State, look
from glancetui.registry.sql.tables import gt_intents, gt_jobs, gt_leases, gt_outbox, gt_tombstones

log = logging.getLogger(__name__)

_WORKING = (
    sa.select(gt_leases.c.owner)
    .where(gt_leases.c.owner.is_not(None), gt_leases.c.expires_at > sa.bindparam("now"))
    .distinct()
)


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, or was done. The counts are of what is forgotten with our tables."""

    state: State
    statements: tuple[str, ...]  # SQL, in order
    tombstones: int = 0
    uploads: int = 0  # begun and neither finished nor undone
    removals: int = 0  # objects of deleted images that are still in their stores
    imports: int = 0  # begun and neither finished nor failed
    workers: tuple[str, ...] = ()  # that gave a sign of life lately


def plan(db: sa.Connection) -> Release:
    """What releasing would do; changes nothing. Raises ConfigError for a database that has nothing of ours, or what a
    newer program made."""
    return _release(db, run=False)


def release(database: Database, *, force: bool = False) -> Release:
    """All or nothing, or on MariaDB and MySQL resumable. Raises ConfigError; without `force` also where the service
    works, or has left work undone that only our tables speak of."""
    with database.writing() as db, database.dialect.migrating(db):
        if not force:
            refuse_undone(plan(db))
        done = _release(db, run=True)
    log.info("Released the database to Glance: %d statements.", len(done.statements))
    return done


def _release(db: sa.Connection, *, run: bool) -> Release:
    state = look(db)
    if state.kind not in {Kind.CURRENT, Kind.OLDER, Kind.HALF_ADOPTED}:
        raise ConfigError(f"There is nothing here to release: the database is {state}.")
    lost = {
        "tombstones": _count(db, state, gt_tombstones),
        "uploads": _count(db, state, gt_intents),
        "removals": _count(db, state, gt_outbox),
        "imports": _count(db, state, gt_jobs, gt_jobs.c.state.in_(["pending", "running"])),
    }
    workers = _workers(db, state)
    statements = told(db, lambda: _remove(db, state), run=run)
    return Release(state=state, statements=statements, workers=workers, **lost)


def refuse_undone(planned: Release) -> None:
    """Raises ConfigError."""
    if planned.workers:
        raise ConfigError(
            f"The service works on this database ({', '.join(planned.workers)}). Stop every `glancetui serve` and try "
            "again in a minute; if none runs any more, say --force."
        )
    if planned.uploads or planned.removals or planned.imports:
        raise ConfigError(
            f"The service has left work undone: {planned.uploads} uploads to undo, {planned.imports} imports to end, "
            f"{planned.removals} objects of deleted images to remove. Run `glancetui serve` until it is done, or say "
            "--force: the objects then stay in their stores, and images stay in saving or importing."
        )


def _remove(db: sa.Connection, state: State) -> None:
    ours = sorted(name for name in state.tables if name.startswith("gt_"))
    if not state.glance:  # the tables were made by us, not by Glance
        set_version(db, GLANCES_VERSIONS, GLANCES_HEAD)
    if VERSION_TABLE in ours:
        drop_table(db, VERSION_TABLE)
    for table, index in list(indexes_of_ours(db)):
        drop_index(db, table, index)
    for name in ours:
        if name != VERSION_TABLE:
            drop_table(db, name)


def _count(db: sa.Connection, state: State, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    if table.name not in state.tables:
        return 0
    return db.execute(sa.select(sa.func.count()).select_from(table).where(*conditions)).scalar_one()


def _workers(db: sa.Connection, state: State) -> tuple[str, ...]:
    if gt_leases.name not in state.tables:
        return ()
    return tuple(db.execute(_WORKING, {"now": utc_now()}).scalars())
