"""Taking over a database of Glance: our tables and indexes are put beside its own, of which no row is touched.

One transaction where the database can undo such statements. Where it cannot, the version of our schema is written last:
an adoption that was cut short is not taken for a finished one, and doing it again adds what is missing.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, cast

import msgspec
import sqlalchemy as sa

from glancetui.errors import ConfigError
from glancetui.model import ImageStatus
from glancetui.registry.sql.database import Database, utc_now
from glancetui.registry.sql.ddl import VERSIONS, set_version, told
from glancetui.registry.sql.state import GLANCES_HEAD, HEAD, Kind, State, look
from glancetui.registry.sql.tables import OURS, images, metadata, tasks

log = logging.getLogger(__name__)

#: After so long Glance itself takes an import for dead, and lets another begin.
RECENT = timedelta(minutes=60)
UNFINISHED = re.compile(r"_expand\d+$")
OLDER = re.compile(r"^(liberty|mitaka\d+|(ocata|pike|queens|rocky|train|ussuri|xena|yoga|zed|2023_1)_contract\d+)$")
_WRITING = (ImageStatus.SAVING, ImageStatus.UPLOADING, ImageStatus.IMPORTING)
_SHOWN = 5  # of the images in flight

_IN_FLIGHT = (
    sa.select(images.c.id, images.c.status, sa.func.coalesce(images.c.updated_at, images.c.created_at))
    .where(images.c.status.in_(_WRITING), images.c.deleted == sa.false())
    .order_by(images.c.created_at, images.c.id)
)
_RUNNING_TASKS = (
    sa.select(tasks.c.image_id, tasks.c.status, sa.func.coalesce(tasks.c.updated_at, tasks.c.created_at))
    .join(images, images.c.id == tasks.c.image_id)
    .where(
        tasks.c.status.in_(("pending", "processing")),
        tasks.c.deleted == sa.false(),
        images.c.deleted == sa.false(),
        images.c.status == ImageStatus.ACTIVE.value,  # a copy to another store; the others are in flight by status
    )
    .order_by(tasks.c.created_at, tasks.c.id)
)


class InFlight(msgspec.Struct, frozen=True):
    """An image that Glance was giving data to."""

    image_id: str
    doing: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.image_id} ({self.doing} since {self.since:%Y-%m-%d %H:%M:%S} UTC)"


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, or was done."""

    state: State
    statements: tuple[str, ...]  # SQL, in order
    in_flight: tuple[InFlight, ...] = ()


def plan(db: sa.Connection) -> Adoption:
    """What adopting would do; changes nothing. Raises ConfigError for a database that cannot be adopted."""
    return _adoption(db, run=False)


def adopt(database: Database, *, force: bool = False) -> Adoption:
    """All or nothing, or on MariaDB and MySQL resumable. Raises ConfigError with the reason; without `force` also where
    Glance may still be writing."""
    with database.writing() as db, database.dialect.migrating(db):
        if not force:
            refuse_recent(plan(db))
        done = _adoption(db, run=True)
    log.info("Adopted the database of Glance, schema revision %s: %d statements.", GLANCES_HEAD, len(done.statements))
    return done


def _adoption(db: sa.Connection, *, run: bool) -> Adoption:
    state = look(db)
    _refuse(state)
    _compare_tables(db)
    in_flight = tuple(_in_flight(db))
    return Adoption(state=state, statements=told(db, lambda: _make(db), run=run), in_flight=in_flight)


def _make(db: sa.Connection) -> None:
    """Our migrations, which pass over what is there: Glance's tables, and what an earlier attempt made."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with Operations.context(MigrationContext.configure(db)):
        for migration in migrations():
            migration.upgrade()
    set_version(db, VERSIONS, HEAD)


class Migration(Protocol):
    revision: str

    def upgrade(self) -> None: ...


def migrations() -> list[Migration]:
    """In order."""
    folder = Path(__file__).parent / "migrations" / "versions"
    names = sorted(file.stem for file in folder.glob("v*.py"))
    return [
        cast("Migration", importlib.import_module(f"glancetui.registry.sql.migrations.versions.{name}"))
        for name in names
    ]


def refuse_recent(adoption: Adoption, now: datetime | None = None) -> None:
    """Raises ConfigError where an image or import was under way within RECENT."""
    since = (now or utc_now()) - RECENT
    recent = [str(each) for each in adoption.in_flight if each.since > since]
    if recent:
        more = f" and {len(recent) - _SHOWN} more" if len(recent) > _SHOWN else ""
        raise ConfigError(
            f"Glance was giving data to images within the last hour: {', '.join(recent[:_SHOWN])}{more}. Stop every "
            "glance-api, let it finish first if you can; if none runs any more, say --force."
        )


def _refuse(state: State) -> None:
    match state.kind:
        case Kind.EMPTY:
            raise ConfigError("There is nothing to adopt: the database is empty. `glancetui db upgrade` fills it.")
        case Kind.HALF_MADE:
            raise ConfigError(f"This is not a database of Glance's, it is {state}. `glancetui db upgrade` goes on.")
        case Kind.CURRENT | Kind.OLDER | Kind.NEWER:
            raise ConfigError(f"The database is glancetui's already: {state}.")
        case Kind.FOREIGN:
            raise ConfigError(f"This is not a database of Glance's, but {state}.")
    if state.glance == (GLANCES_HEAD,):
        return
    found = " and ".join(state.glance)
    if any(UNFINISHED.search(revision) for revision in state.glance) or len(state.glance) > 1:
        raise ConfigError(
            f"A migration of Glance's schema was begun and not finished (it is at {found}). Finish it: "
            "`glance-manage db migrate`, then `glance-manage db contract`."
        )
    if OLDER.match(found):
        raise ConfigError(
            f"Glance's schema is at {found}, an older release's; this program knows {GLANCES_HEAD}. "
            "Run `glance-manage db sync` of a Glance from 2024.1 to 2026.2 first."
        )
    raise ConfigError(
        f"Glance's schema is at {found}, which this program does not know (it knows {GLANCES_HEAD}). "
        "Upgrade glancetui, or leave the database to the Glance that made it."
    )


def _compare_tables(db: sa.Connection) -> None:
    """Raises ConfigError where a table of Glance's lacks what we read, or has what we could not fill."""
    found = sa.inspect(db).get_multi_columns(filter_names=list(metadata.tables))
    columns = {name: {column["name"]: column for column in listed} for (_, name), listed in found.items()}
    for name, table in metadata.tables.items():
        if name in OURS:
            continue
        if name not in columns:
            raise ConfigError(f"The database lacks Glance's table {name}. Restore it, or run `glance-manage db sync`.")
        missing = sorted({column.name for column in table.columns} - set(columns[name]))
        if missing:
            raise ConfigError(f"Glance's table {name} lacks {', '.join(missing)}. Restore it from a copy.")
        foreign = [
            column
            for column, seen in columns[name].items()
            if column not in table.columns and not seen["nullable"] and seen.get("default") is None
        ]
        if foreign:
            raise ConfigError(
                f"The table {name} has a column {foreign[0]} that Glance does not have and that must be filled. "
                "Give it a default first."
            )


def _in_flight(db: sa.Connection) -> Iterator[InFlight]:
    for statement, words in ((_IN_FLIGHT, "{}"), (_RUNNING_TASKS, "a task is {}")):
        for image_id, doing, since in db.execute(statement):
            yield InFlight(image_id, words.format(doing), since)
