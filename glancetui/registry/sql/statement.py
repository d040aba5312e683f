"""Statements compiled once: SQLAlchemy's own cache costs more per call than SQLite does for a page.

Values go in and come back as the types of their columns have them, as with SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Spelled

Values = Mapping[str, object]
_Converter = Callable[[Any], Any]  # Any: from and to whatever a column holds
_ROWS_AT_ONCE = 16  # of an INSERT; each number of rows is a statement of its own to the database


class Prepared:
    """The text of a Core statement and the order of its parameters."""

    __slots__ = ("_constants", "_dialect", "_found", "_given", "_names", "text")

    def __init__(
        self, statement: sa.sql.expression.ClauseElement, database: Database, names: Collection[str] | None = None
    ) -> None:
        """`names`: of the columns that an INSERT or UPDATE writes, among other parameters."""
        compiled: Any = statement.compile(  # Any: SQLAlchemy declares less than a compiled statement has
            dialect=database.engine.dialect,
            column_keys=None if names is None else list(names),
            for_executemany=True,  # or a key that the database has made would come back, which nobody asks for
            compile_kwargs={"render_postcompile": True},
        )
        ordered = getattr(compiled, "positiontup", None)
        if ordered is None:
            raise TypeError(f"{database.dialect.kind} does not number its parameters.")
        self._dialect = database.dialect
        self.text = str(compiled)
        self._names: tuple[str, ...] = tuple(ordered)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        binds, dialect = compiled.binds, database.engine.dialect
        found = statement.selected_columns if isinstance(statement, sa.SelectBase) else ()
        self._given = _converters(binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in ordered)
        self._found = _converters(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in found)

    def rows(self, db: sa.Connection, values: Values) -> Sequence[Sequence[Any]]:
        """All rows. Any: a column may hold whatever the database has; the caller knows."""
        rows = self._dialect.rows(db, self.text, self.bound(values))
        return [_converted(row, self._found) for row in rows] if self._found else rows

    def run(self, db: sa.Connection, values: Values) -> int:
        """How many rows it changed."""
        return self._dialect.affect(db, self.text, self.bound(values))

    def spelled(self, rows: Sequence[Values]) -> Iterator[Spelled]:
        """What is to be sent for all rows; an INSERT takes several at once."""
        if len(rows) == 1:
            yield self.text, self.bound(rows[0])
            return
        head, _, row = self.text.partition(" VALUES ")
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[first : first + _ROWS_AT_ONCE]
            values = [value for each in some for value in self.bound(each)]
            yield f"{head} VALUES {', '.join([row] * len(some))}", values

    def first(self, db: sa.Connection, values: Values) -> Sequence[Any] | None:
        """The first row, if there is one."""
        rows = self.rows(db, values)
        return rows[0] if rows else None

    def bound(self, values: Values) -> tuple[object, ...]:
        """`values` in the order of the parameters."""
        if self._constants:
            values = {**self._constants, **values}
        return tuple(_converted([values[name] for name in self._names], self._given))


def _converters(processors: Iterable[_Converter | None]) -> tuple[tuple[int, _Converter], ...]:
    """Those that there are, by their places."""
    return tuple((place, convert) for place, convert in enumerate(processors) if convert is not None)


def _converted(row: Sequence[Any], converters: tuple[tuple[int, _Converter], ...]) -> Sequence[Any]:
    if not converters:
        return row
    converted = list(row)
    for place, convert in converters:
        converted[place] = convert(converted[place])
    return converted


class Kept:
    """Statements by the key that they depend on, each compiled when it is first asked for."""

    MOST = 1024

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements: dict[Hashable, Prepared] = {}

    def __len__(self) -> int:
        return len(self._statements)

    def statement(
        self,
        key: Hashable,
        build: Callable[[], sa.sql.expression.ClauseElement],
        names: Collection[str] | None = None,
    ) -> Prepared:
        prepared = self._statements.get(key)
        if prepared is None:
            prepared = Prepared(build(), self._database, names)
            if len(self._statements) >= self.MOST:
                self._statements.clear()  # rare; callers who invent shapes must not fill the memory
            self._statements[key] = prepared
        return prepared

    def writing(self, statement: sa.Insert | sa.Update, values: Values) -> Prepared:
        """The statement that writes the columns which `values` names."""
        return self.statement((statement, *values), lambda: statement, values)

    def reading(self, statement: sa.Select[Any]) -> Prepared:
        return self.statement(statement, lambda: statement)
