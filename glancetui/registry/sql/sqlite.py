"""What is SQLite's alone: pragmas, the one writer, JSON functions, index hints, how times are spelled."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError, GlancetuiError, RegistryUnavailable
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.expressions import Columns, Conditions, walk_index

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # an answered commit survives a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8000",  # KiB; per connection, so small: mapped pages are shared by all
    "PRAGMA mmap_size=268435456",
    "PRAGMA journal_size_limit=67108864",
)
_STATEMENTS_KEPT = 512  # prepared statements per connection: listing has many shapes
_FIRST_NAP, _LONGEST_NAP = 0.0001, 0.001  # seconds; a write takes about half a millisecond


class HintingCompiler(SQLiteCompiler):
    """SQLAlchemy drops hints for SQLite; here they stand behind the table's name (`INDEXED BY`)."""

    def get_from_hint_text(self, table: object, text: str | None) -> str | None:  # noqa: ARG002 - the caller's signature
        return text


def path_of(url: sa.URL) -> Path:
    """The database file that `url` names. Raises ConfigError if there is none, or no folder for it."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError("[database] connection names no file: give sqlite:////path/to/glance.sqlite.")
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise ConfigError(f"The folder {path.parent} of the database does not exist. Create it.")
    return path


def create_file(path: Path) -> bool:
    """Make an empty file that only its owner may read; false if it is there already. Raises ConfigError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(f"The database {path} cannot be created: {error.strerror}.") from error
    return True


class Sqlite(Dialect):
    """One file in WAL mode. Writers of all processes queue at a lock beside it before they begin."""

    kind = "sqlite"
    concurrent = False
    one_row_pages = True
    changed_by_opening = True  # the journal's kind, the lock files
    begin_reading = "BEGIN"  # one view for all statements of a page
    begin_writing = "BEGIN IMMEDIATE"

    def __init__(self, url: sa.URL, settings: DatabaseSettings) -> None:
        super().__init__(settings)
        self.path = path_of(url)
        self.name = str(self.path)
        self._writer: Writer | None = None

    def exists(self) -> bool:
        return self.path.exists()

    def create(self) -> None:
        create_file(self.path)

    def open_engine(self) -> sa.Engine:
        self._writer = Writer(self.path, self.settings.busy_seconds)
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(self.path)),
            poolclass=sa.QueuePool,
            pool_size=self.settings.max_pool_size,
            max_overflow=self.settings.max_overflow,
            pool_timeout=self.settings.busy_seconds,
            pool_use_lifo=True,  # the connection used last has the warmest cache
            pool_reset_on_return=None,  # `reading` and `writing` end each transaction themselves
            connect_args={
                "check_same_thread": False,
                "isolation_level": None,  # otherwise the driver begins transactions too, before some statements
                "timeout": self.settings.busy_seconds,  # for writers that are not ours; ours queue at `Writer`
                "cached_statements": _STATEMENTS_KEPT,
            },
        )
        engine.dialect.statement_compiler = HintingCompiler
        sa.event.listen(engine, "connect", _on_connect)
        return engine

    def writer(self) -> AbstractContextManager[None]:
        if self._writer is None:
            raise TypeError("The database is not open.")
        return self._writer.hold()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def for_looking(self) -> Dialect:
        return _SqliteForLooking(sa.URL.create("sqlite", database=str(self.path)), self.settings)

    def hand_back(self) -> None:
        """One file again, with the journal that SQLite gives a new database."""
        with closing(sqlite3.connect(self.path)) as db:
            db.execute("PRAGMA journal_mode=DELETE").close()
        for lock in _lock_files(self.path):
            lock.unlink(missing_ok=True)

    def rows(self, db: sa.Connection, statement: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        cursor = _driver(db).execute(statement, values)
        try:
            found: Sequence[Sequence[Any]] = cursor.fetchall()  # Any: as the columns are
        finally:
            cursor.close()  # a statement left unfinished would hold its view of the database
        return found

    def affect(self, db: sa.Connection, statement: str, values: Sequence[object]) -> int:
        cursor = _driver(db).execute(statement, values)
        cursor.close()
        return cursor.rowcount

    def run(self, db: sa.Connection, statement: str) -> None:
        _driver(db).execute(statement).close()

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]:
        return (sqlite3.Error,)

    @property
    def clashes(self) -> tuple[type[Exception], ...]:
        return (sqlite3.IntegrityError,)

    def meaning(self, error: Exception) -> GlancetuiError | None:
        if type(error) in _AWAY:  # of their subclasses, the others are mistakes of ours
            return RegistryUnavailable(f"The database cannot be used now: {error}.")
        return None

    def damage(self, db: sa.Connection) -> list[str]:
        """The findings of SQLite's integrity check and of its check of foreign keys."""
        findings = [str(row[0]) for row in db.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]
        orphans = db.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        return findings + [
            f"Row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there." for row in orphans
        ]

    def found_by_id(
        self, keys: sa.Select[Any], table: sa.Table, ids: sa.Select[Any], conditions: Conditions
    ) -> sa.Select[Any]:
        found = keys.where(table.c.id.in_(ids.correlate(None)), *conditions)
        return walk_index(found, table, f"gt_ix_{table.name}_id")


class _SqliteForLooking(Sqlite):
    """A connection of its parent's would turn the journal of Glance's database into ours."""

    def open_engine(self) -> sa.Engine:
        # Not mode=ro: that cannot roll back what a killed Glance left half written, and refuses to read then.
        return sa.create_engine(f"sqlite:///file:{quote(str(self.path))}?mode=rw&uri=true", poolclass=sa.NullPool)


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


_AWAY = frozenset({sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError})


def _driver(db: sa.Connection) -> sqlite3.Connection:
    connection = db.connection.driver_connection
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError("Not a connection of SQLite's driver.")
    return connection


class Writer:
    """A queue of one place across threads and processes: SQLite's own waits in steps of up to 100 ms, seen at p99.

    Two locks beside the database. Who holds `turn` is next and alone watches `write`; so a process that has just
    written cannot overtake one that waits.
    """

    def __init__(self, path: Path, wait: float) -> None:
        self._wait = wait
        self._thread = threading.Lock()
        self._turn, self._write = (_open_lock(file) for file in _lock_files(path))

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Raises RegistryUnavailable when the place is not free in time."""
        deadline = time.monotonic() + self._wait
        if not self._thread.acquire(timeout=self._wait):
            raise _busy(self._wait)
        try:
            self._lock(self._turn, deadline)
            try:
                self._lock(self._write, deadline)
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)
            try:
                yield
            finally:
                fcntl.flock(self._write, fcntl.LOCK_UN)
        finally:
            self._thread.release()

    def close(self) -> None:
        os.close(self._turn)
        os.close(self._write)

    def _lock(self, file: int, deadline: float) -> None:
        nap = _FIRST_NAP
        while not _try_lock(file):
            if time.monotonic() > deadline:
                raise _busy(self._wait)
            time.sleep(nap)
            nap = min(nap * 1.5, _LONGEST_NAP)


def _lock_files(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + ".turn"), path.with_name(path.name + ".lock")


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"The lock file {path} cannot be opened: {error.strerror}.") from error


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(wait: float) -> RegistryUnavailable:
    return RegistryUnavailable(f"The database was busy with other writers for {wait:g} seconds. Try again.")


# -- JSON --------------------------------------------------------------------------------------------------------------


class SqliteJson:
    """Implements `expressions.Json`. Aggregates take rows in the order in which a subquery yields them."""

    def object(self, **members: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # Names as literals: as parameters, 24 of them would be bound for each call.
        return sa.func.json_object(*(part for name, value in members.items() for part in (_word(name), value)))

    def map_of(
        self, name: sa.ColumnElement[Any], value: sa.ColumnElement[Any], where: Conditions, of: sa.Table
    ) -> sa.ColumnElement[Any]:
        return sa.select(sa.func.json_group_object(name, value)).where(*where).correlate(of).scalar_subquery()

    def set_of(self, value: sa.ColumnElement[Any], where: Conditions, of: sa.Table) -> sa.ColumnElement[Any]:
        values = sa.select(value.label("value")).where(*where).distinct().order_by(value).correlate(of).subquery("rows")
        return sa.select(sa.func.json_group_array(values.c.value)).scalar_subquery()

    def array_of(
        self,
        columns: Sequence[str],
        table: sa.Table,
        where: Conditions,
        of: sa.Table,
        entry: Callable[[Columns], sa.ColumnElement[Any]],
    ) -> sa.ColumnElement[Any]:
        read = sa.select(*(table.c[name] for name in columns)).where(*where).order_by(table.c[columns[0]])
        rows = read.correlate(of).subquery("rows")
        return sa.select(sa.func.json_group_array(entry(rows.c))).scalar_subquery()

    def embedded(self, text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.json(sa.case((sa.func.json_valid(text) == 1, text), else_=_word("{}")))


def _word(text: str) -> sa.ColumnElement[str]:
    return sa.literal_column(f"'{text}'", sa.String)
