"""Transactions, and what to say when the database does not answer."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import NoReturn, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from glancetui.errors import BadRequest, RegistryUnavailable
from glancetui.registry.sql.dialect import Dialect, Lost, Undone

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Result = TypeVar("Result")

_TRIES = 20  # of a transaction that the database rolled back; each waits longer
_FIRST_NAP, _LONGEST_NAP = 0.002, 0.2  # seconds


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Database:
    """Connections to one database. May be used from many threads, and from children of the process that opened it."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.name = dialect.name  # for people; holds no password
        self._inherited: list[object] = []
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        self.engine = self.dialect.open_engine()

    def _after_fork(self) -> None:
        # The parent's connections must not be closed here, not even by the collector: SQLite would believe that it
        # holds locks which did not come along, and could take the log away from under the parent; a server would be
        # told that the parent says good-bye.
        self._inherited.append(self.engine)
        self.dialect.close()  # a copy of a descriptor would keep the parent's lock should the parent die in a write
        self._open()

    # -- whole pieces of work ------------------------------------------------------------------------------------------

    def read(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Statements that each stand for themselves, again where the connection was lost.

        Raises RegistryUnavailable.
        """
        return self._tried(work, self.glancing)

    def view(self, work: Callable[[sa.Connection], Result]) -> Result:
        """As `read`, all in one consistent view where the database gives it for nothing."""
        return self._tried(work, self.reading)

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """One transaction: all or nothing. Raises RegistryUnavailable.

        `work` is run again from its start where the database rolled it back to resolve a deadlock, or the connection
        was lost before COMMIT was sent. Afterwards nobody can tell whether it was committed, so that is an error.
        """
        return self._tried(work, self.writing)

    def _tried(
        self, work: Callable[[sa.Connection], Result], opened: Callable[[], AbstractContextManager[sa.Connection]]
    ) -> Result:
        nap, began = _FIRST_NAP, time.monotonic()
        for _ in range(_TRIES - 1):
            try:
                with opened() as db:
                    return work(db)
            except Undone:
                time.sleep(random.uniform(0.5, 1) * nap)  # noqa: S311 - so that two who collided do not meet again
                nap = min(nap * 2, _LONGEST_NAP)
        try:
            with opened() as db:
                return work(db)
        except Undone as error:
            # The caller hears what to do; what the database itself said, of the last attempt, is for the operator.
            spent = time.monotonic() - began
            log.warning("Given up after %d attempts in %.1f s: %s", _TRIES, spent, error.__cause__ or error)
            raise

    # -- one attempt ---------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view where the database gives it for nothing. Raises RegistryUnavailable."""
        with self._transaction(self.dialect.begin_reading) as db:
            yield db

    @contextmanager
    def glancing(self) -> Iterator[sa.Connection]:
        """For a single statement, which is a transaction by itself. Raises RegistryUnavailable."""
        with self._transaction(None) as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """All or nothing. Raises RegistryUnavailable; `write` tries again where that is safe."""
        if self._pid != os.getpid():
            self._after_fork()
        with self.dialect.writer(), self._transaction(self.dialect.begin_writing) as db:
            yield db

    @contextmanager
    def _transaction(self, begin: str | None) -> Iterator[sa.Connection]:
        if self._pid != os.getpid():
            self._after_fork()
        with self._explained(), self.engine.connect() as db:
            if begin is None:
                yield from self._alone(db)
                return
            try:
                self.dialect.run(db, begin)
                yield db
            except BaseException:
                self._roll_back(db)
                raise
            self._commit(db)

    def _alone(self, db: sa.Connection) -> Iterator[sa.Connection]:
        try:
            yield db
        except self.dialect.driver_errors:
            db.invalidate()  # of a connection that the driver complained of nothing is known
            raise

    def _commit(self, db: sa.Connection) -> None:
        try:
            self.dialect.run(db, "COMMIT")
        except self.dialect.driver_errors as error:
            self._roll_back(db)  # a commit that failed (full disk) leaves the transaction open
            if isinstance(self.dialect.meaning(error), Lost):
                self._forget_connections()
                raise RegistryUnavailable(
                    "The connection to the database was lost while a change was committed; whether it was made is not "
                    "known. Look before you repeat it."
                ) from error
            raise

    def _roll_back(self, db: sa.Connection) -> None:
        failures: tuple[type[Exception], ...] = (*self.dialect.driver_errors, exc.SQLAlchemyError)
        try:
            self.dialect.run(db, "ROLLBACK")
        except failures:
            # The database has rolled back already (disk full, I/O error), or the connection is of no use any more.
            db.invalidate()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the driver and SQLAlchemy raise for a database that cannot serve into errors of ours."""
        try:
            yield
        except exc.TimeoutError as error:
            pool: sa.Pool = self.engine.pool
            raise RegistryUnavailable(
                f"All connections to the database are in use ({pool.status()}). Try again; where that happens often, "
                "raise [database] max_overflow."
            ) from error
        except exc.DBAPIError as error:
            self._raise_meaning(error.orig or error, error)
        except self.dialect.driver_errors as error:
            self._raise_meaning(error, error)
        except UnicodeEncodeError as error:  # lone surrogates, which JSON can spell and no database can hold
            raise BadRequest("The text contains characters that are not valid Unicode.") from error

    def _raise_meaning(self, cause: BaseException, error: Exception) -> NoReturn:
        meaning = self.dialect.meaning(cause) if isinstance(cause, Exception) else None
        if isinstance(meaning, Lost):
            self._forget_connections()
        if meaning is None:
            raise error
        raise meaning from error

    def _forget_connections(self) -> None:
        """After a restart of the server no connection that lies in the pool is of any use."""
        self.engine.dispose()

    def close(self) -> None:
        if self._pid == os.getpid():
            self.engine.dispose()
            self.dialect.close()
