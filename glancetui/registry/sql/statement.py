"""Statements compiled once: SQLAlchemy's own cache costs more per call than SQLite does for a page."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from glancetui.registry.sql.database import Database


class Prepared:
    """The text of a Core statement and the order of its parameters.

    Values go to the driver as they are: times must already be in the database's own form, and come back in it.
    """

    __slots__ = ("_constants", "_dialect", "_names", "text")

    def __init__(self, statement: sa.sql.expression.ClauseElement, database: Database) -> None:
        compiled = statement.compile(dialect=database.engine.dialect, compile_kwargs={"render_postcompile": True})
        names = getattr(compiled, "positiontup", None)
        if names is None:
            raise TypeError(f"{database.dialect.kind} does not number its parameters.")
        self._dialect = database.dialect
        self.text = str(compiled)
        self._names: tuple[str, ...] = tuple(names)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def rows(self, db: sa.Connection, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """All rows. Any: a column may hold whatever the database has; the caller knows."""
        return self._dialect.rows(db, self.text, self.bound(values))

    def first(self, db: sa.Connection, values: Mapping[str, object]) -> Sequence[Any] | None:
        """The first row, if there is one."""
        rows = self.rows(db, values)
        return rows[0] if rows else None

    def bound(self, values: Mapping[str, object]) -> tuple[object, ...]:
        """`values` in the order of the parameters."""
        if self._constants:
            values = {**self._constants, **values}
        return tuple([values[name] for name in self._names])


class Kept:
    """Statements by the key that they depend on, each compiled when it is first asked for."""

    MOST = 1024

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements: dict[Hashable, Prepared] = {}

    def __len__(self) -> int:
        return len(self._statements)

    def statement(self, key: Hashable, build: Callable[[], sa.sql.expression.ClauseElement]) -> Prepared:
        prepared = self._statements.get(key)
        if prepared is None:
            prepared = Prepared(build(), self._database)
            if len(self._statements) >= self.MOST:
                self._statements.clear()  # rare; callers who invent shapes must not fill the memory
            self._statements[key] = prepared
        return prepared
