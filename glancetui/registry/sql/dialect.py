"""What differs between databases: the seam behind which SQLite, MariaDB and PostgreSQL stand.

A `Dialect` opens connections to one database and knows its transactions, its errors and the few statements that must be
put differently. Expressions that are merely spelled differently are in `expressions`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import GlancetuiError, RegistryUnavailable
from glancetui.registry.sql.expressions import walk_index


class Undone(RegistryUnavailable):
    """The transaction has certainly not been committed: the same may be tried again at once."""


class Lost(Undone):
    """The connection is gone. Certain only as long as COMMIT was not sent."""


#: A statement as its text and its values in their order.
Spelled = tuple[str, Sequence[object]]


class Dialect(abc.ABC):
    """One database of one kind. The defaults are those of a server with many writers at once."""

    kind: ClassVar[str]  # sqlite, mariadb, postgresql
    #: Whether two transactions may write at the same time. Where not, a writer needs no locks, and events get their
    #: numbers as they are written.
    concurrent: ClassVar[bool] = True
    #: Whether a page comes back as one JSON array rather than as a JSON object for each image.
    one_row_pages: ClassVar[bool] = False
    #: Whether an image alone is read in pieces, a row each, where one document would need aggregates in subqueries.
    in_pieces: ClassVar[bool] = False
    #: Whether what a locked row is joined to is read as it is after the wait for the lock.
    locks_joins: ClassVar[bool] = False
    #: Whether our connections leave traces in a database, or beside it, without a transaction.
    changed_by_opening: ClassVar[bool] = False
    begin_reading: ClassVar[str | None] = None  # None: each statement stands for itself
    begin_writing: ClassVar[str] = "BEGIN"
    name: str  # for people; holds no password

    def __init__(self, settings: DatabaseSettings) -> None:
        self.settings = settings

    @abc.abstractmethod
    def open_engine(self) -> sa.Engine:
        """Connections that begin transactions only when told. Nothing is connected yet. Raises ConfigError."""

    @abc.abstractmethod
    def rows(self, db: sa.Connection, statement: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        """Straight to the driver: SQLAlchemy's way there and back takes as long as a small statement does."""

    @abc.abstractmethod
    def affect(self, db: sa.Connection, statement: str, values: Sequence[object]) -> int:
        """As `rows`, of a statement that writes: how many rows it found to write."""

    def affect_all(self, db: sa.Connection, statements: Sequence[Spelled]) -> None:
        """As `affect`, of statements none of which finds what another writes."""
        for statement, values in statements:
            self.affect(db, statement, values)

    @abc.abstractmethod
    def run(self, db: sa.Connection, statement: str) -> None:
        """BEGIN, COMMIT, ROLLBACK: as `rows`."""

    @property
    @abc.abstractmethod
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises where it is called directly."""

    @property
    @abc.abstractmethod
    def clashes(self) -> tuple[type[Exception], ...]:
        """Of `driver_errors`, those for rows that the schema does not allow: a key is there already."""

    @abc.abstractmethod
    def meaning(self, error: Exception) -> GlancetuiError | None:
        """What an error of the driver says to callers; None for a mistake of ours.

        `Undone` where the transaction has certainly not been committed and may be tried again.
        """

    @abc.abstractmethod
    def damage(self, db: sa.Connection) -> list[str]:
        """What the database's own checks find."""

    def writer(self) -> AbstractContextManager[None]:
        """Held while a transaction writes. Raises RegistryUnavailable when it is not free in time."""
        return nullcontext()

    def migrating(self, db: sa.Connection) -> AbstractContextManager[None]:  # noqa: ARG002 - for those that override it
        """Held, within a writing transaction, while the schema changes: one process at a time."""
        return nullcontext()

    def exists(self) -> bool:
        """Whether there is a database to connect to, as far as can be told without connecting."""
        return True

    def create(self) -> None:  # noqa: B027 - a server's database is its administrator's to make
        """Make an empty database. Raises ConfigError."""

    def for_looking(self) -> Dialect:
        """Of this database, for reading alone: its connections change nothing."""
        return self

    def hand_back(self) -> None:  # noqa: B027 - a server keeps nothing of ours beside the database
        """Leave nothing of ours beside a database that nobody has open."""

    def close(self) -> None:  # noqa: B027 - only some hold more than the engine
        """Let go of what is held besides the engine."""

    # -- values --------------------------------------------------------------------------------------------------------

    def stored(self, at: datetime) -> datetime:
        """A time as it reads back from Glance's columns."""
        return at

    # -- statements ----------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def found_by_id(
        self, keys: sa.Select[Any], table: sa.Table, ids: sa.Select[Any], conditions: Sequence[sa.ColumnElement[bool]]
    ) -> sa.Select[Any]:
        """`keys` of those rows of `table` among `ids`, which are not many, that meet the conditions.

        Each is looked up; no planner may go through the table instead.
        """

    def behind(
        self,
        found: sa.Select[Any],
        index: str,
        first: sa.Column[Any],  # noqa: ARG002 - for those that override it
        column: sa.Column[Any],
        values: Sequence[sa.ColumnElement[Any]] = (),
    ) -> sa.Select[Any]:
        """`found` by `index`, whose first column has few values and in which `column` follows what `found` fixes.

        `values`: those that `column` may have, if `found` itself does not ask anything of it.
        """
        if values:
            found = found.where(column == values[0] if len(values) == 1 else column.in_(values))
        return walk_index(found, column.table, index)
