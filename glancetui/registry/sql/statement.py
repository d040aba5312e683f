"""Statements compiled once: SQLAlchemy's own cache costs more per call than SQLite does for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from glancetui.registry.sql import sqlite


class Prepared:
    """The text of a Core statement and the order of its parameters.

    Values go to the driver as they are: times must already be in the database's own form, and come back in it.
    """

    __slots__ = ("_constants", "_names", "text")

    def __init__(self, statement: sa.sql.expression.ClauseElement, dialect: sa.engine.Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        names = getattr(compiled, "positiontup", None)
        if names is None:
            raise TypeError(f"{dialect.name} does not number its parameters.")
        self.text = str(compiled)
        self._names: tuple[str, ...] = tuple(names)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def first(self, db: sa.Connection, values: Mapping[str, object]) -> Sequence[Any] | None:
        """The first row, if there is one. Any: a column may hold whatever the database has; the caller knows."""
        if self._constants:
            values = {**self._constants, **values}
        return sqlite.first_row(db, self.text, tuple([values[name] for name in self._names]))
