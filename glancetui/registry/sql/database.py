"""Transactions, and what to say when the database does not answer."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import BadRequest, RegistryUnavailable
from glancetui.registry.sql import sqlite

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Database:
    """Connections to one database. May be used from many threads, and from children of the process that opened it."""

    def __init__(self, path: Path, settings: DatabaseSettings) -> None:
        self.path = path
        self._settings = settings
        self._inherited: list[object] = []
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        self.engine = sqlite.open_engine(self.path, self._settings)
        self._writer = sqlite.Writer(self.path, self._settings.busy_seconds)

    def _after_fork(self) -> None:
        # The parent's connections must not be closed here, not even by the collector: SQLite would believe that it
        # holds locks which did not come along, and could take the log away from under the parent.
        self._inherited.append(self.engine)
        self._writer.close()  # a copy of the descriptor would keep the parent's lock should the parent die in a write
        self._open()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view. Raises RegistryUnavailable."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def glancing(self) -> Iterator[sa.Connection]:
        """For a single statement, which is a transaction by itself. Raises RegistryUnavailable."""
        if self._pid != os.getpid():
            self._after_fork()
        with explained(), self.engine.connect() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """All or nothing, and alone. Raises RegistryUnavailable."""
        if self._pid != os.getpid():
            self._after_fork()
        with self._writer.hold(), self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        if self._pid != os.getpid():
            self._after_fork()
        with explained(), self.engine.connect() as db:
            sqlite.run(db, begin)
            try:
                yield db
            except BaseException:
                _roll_back(db)
                raise
            try:
                sqlite.run(db, "COMMIT")
            except sqlite3.Error:
                _roll_back(db)  # a commit that failed (full disk) leaves the transaction open
                raise

    def close(self) -> None:
        if self._pid == os.getpid():
            self.engine.dispose()
            self._writer.close()


def _roll_back(db: sa.Connection) -> None:
    try:
        sqlite.run(db, "ROLLBACK")
    except sqlite3.Error:
        # SQLite has rolled back already (disk full, I/O error), or the connection is of no use any more.
        db.invalidate()


@contextmanager
def explained() -> Iterator[None]:
    """Turn what SQLAlchemy raises for a database that cannot serve into RegistryUnavailable."""
    try:
        yield
    except exc.TimeoutError as error:
        raise RegistryUnavailable("All connections to the database are in use. Try again.") from error
    except exc.DBAPIError as error:
        if type(error) in {exc.OperationalError, exc.DatabaseError, exc.InterfaceError, exc.InternalError}:
            raise RegistryUnavailable(f"The database cannot be used now: {error.orig}.") from error
        raise
    except sqlite3.Error as error:
        if type(error) in sqlite.AWAY:
            raise RegistryUnavailable(f"The database cannot be used now: {error}.") from error
        raise
    except UnicodeEncodeError as error:  # lone surrogates, which JSON can spell and no database can hold
        raise BadRequest("The text contains characters that are not valid Unicode.") from error
