"""Expressions that each database spells in its own way. SQLAlchemy asks here when it compiles a statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Unindexed(FunctionElement[Any]):
    """A column that no index is to be chosen for."""

    inherit_cache = True
    type = sa.Integer()  # as a Boolean, databases without booleans would be asked whether it "= 1", past every index


@compiles(_Unindexed)
def _plain(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:  # Any: SQLAlchemy's own
    return compiler.process(element.clauses, **options)


@compiles(_Unindexed, "sqlite")
def _signed(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return "+" + compiler.process(element.clauses, **options)


@compiles(_Unindexed, "postgresql")
def _tested(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} IS TRUE)"


def live(table: sa.Table) -> sa.ColumnElement[bool]:
    """Rows not deleted, in words for which nobody takes Glance's index on `deleted`, which holds nearly all."""
    return _Unindexed(table.c.deleted) == sa.false()


def walk_index(statement: sa.Select[Any], table: sa.Table, index: str) -> sa.Select[Any]:
    """Have `statement` read `table` by `index`, whatever the planner would guess without statistics.

    PostgreSQL takes no hints; its sessions are set so that it finds the way by itself.
    """
    return statement.with_hint(table, f"INDEXED BY {index}", "sqlite").with_hint(
        table, f"FORCE INDEX ({index})", "mysql"
    )


class _Equality(FunctionElement[Any]):
    """Two clauses, equal; some databases spell kinds of it in their own ways."""

    inherit_cache = True
    type = sa.Integer()  # as a Boolean, databases without booleans would be asked whether it "= 1", past every index


@compiles(_Equality)
def _equal(element: _Equality, compiler: SQLCompiler, **options: Any) -> str:
    column, value = element.clauses
    return compiler.process(column == value, **options)


class _OfRow(_Equality):
    inherit_cache = True


@compiles(_OfRow, "postgresql")
def _equal_as_text(element: _OfRow, compiler: SQLCompiler, **options: Any) -> str:
    column, value = (sa.cast(clause, sa.Text) for clause in element.clauses)
    return compiler.process(column == value, **options)


def of_row(column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Equality asked of a row that is found by its id: PostgreSQL might seek by this instead, had it no statistics."""
    return _OfRow(column, value)


class _NullsSmallest(FunctionElement[Any]):
    """Two clauses: the order as databases that hold null for the smallest value spell it, and as PostgreSQL does."""

    inherit_cache = True


@compiles(_NullsSmallest)
def _by_nature(element: _NullsSmallest, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses.clauses[0], **options)


@compiles(_NullsSmallest, "postgresql")
def _by_request(element: _NullsSmallest, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses.clauses[1], **options)


def in_order(column: sa.ColumnElement[Any], *, descending: bool, nullable: bool) -> sa.ColumnElement[Any]:
    """Null is the smallest value in both directions."""
    order = column.desc() if descending else column.asc()
    if not nullable:
        return order
    return _NullsSmallest(order, order.nulls_last() if descending else order.nulls_first())


class _Start(FunctionElement[str]):
    """The part of a text that an index of PostgreSQL holds, whose entries may not be long."""

    inherit_cache = True


@compiles(_Start)
def _start(element: _Start, compiler: SQLCompiler, **options: Any) -> str:
    return f"left({compiler.process(element.clauses, **options)}, {INDEXED_CHARACTERS})"


#: Of a TEXT column, in indexes of databases that limit their entries.
INDEXED_CHARACTERS = 255


class _SameText(_Equality):
    inherit_cache = True


@compiles(_SameText, "postgresql")
def _same_start(element: _SameText, compiler: SQLCompiler, **options: Any) -> str:
    column, value = element.clauses
    return compiler.process(sa.and_(_Start(column) == _Start(value), column == value), **options)


def same_text(column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Equality of a long text, found by the index on it."""
    return _SameText(column, value)


class _Exactly(_Equality):
    inherit_cache = True


@compiles(_Exactly, "mysql")
def _in_bytes(element: _Exactly, compiler: SQLCompiler, **options: Any) -> str:
    column, value = element.clauses
    in_bytes = sa.cast(column, sa.LargeBinary) == sa.cast(value, sa.LargeBinary)
    return f"({compiler.process(sa.and_(column == value, in_bytes), **options)})"  # grouped: it may stand behind a NOT


def exactly(column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Equality to the letter, where the collation of MySQL's columns takes `a` for `A`."""
    return _Exactly(column, value)


Conditions = Sequence[sa.ColumnElement[bool]]
Columns = sa.ColumnCollection[str, sa.ColumnElement[Any]]


class Json(Protocol):
    """How a database builds JSON. `of` is the table whose row a correlated subquery speaks of."""

    def object(self, **members: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]: ...

    def map_of(
        self, name: sa.ColumnElement[Any], value: sa.ColumnElement[Any], where: Conditions, of: sa.Table
    ) -> sa.ColumnElement[Any]:
        """An object with a member for each row."""

    def set_of(self, value: sa.ColumnElement[Any], where: Conditions, of: sa.Table) -> sa.ColumnElement[Any]:
        """An array of the different values, to the letter, sorted by code points."""

    def array_of(
        self,
        columns: Sequence[str],
        table: sa.Table,
        where: Conditions,
        of: sa.Table,
        entry: Callable[[Columns], sa.ColumnElement[Any]],
    ) -> sa.ColumnElement[Any]:
        """An array of `entry` of each row's `columns`, sorted by the first of them."""

    def embedded(self, text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """A column that holds JSON text, as JSON; where it is none, an empty object or a string."""
