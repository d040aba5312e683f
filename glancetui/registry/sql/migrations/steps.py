"""Steps of migrations that each database takes in its own way, and that can be taken again.

MySQL commits with each statement that changes the schema: a migration that died half-way is run again from its start,
so a step that finds its work done passes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from glancetui.registry.sql.expressions import INDEXED_CHARACTERS
from glancetui.registry.sql.tables import ON_MYSQL

#: For indexes on TEXT columns, which MySQL limits.
LENGTHS: dict[str, Any] = {"mysql_length": {"value": INDEXED_CHARACTERS}}
_NULLABLE = frozenset({"name", "size", "container_format", "disk_format", "updated_at"})


def database() -> str:
    """sqlite, mysql or postgresql."""
    return op.get_context().dialect.name


def create_table(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> None:
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *columns, **ON_MYSQL, **options)


def create_index(name: str, table: str, columns: Sequence[str | sa.TextClause], **options: Any) -> None:
    if name not in _indexes(table):
        op.create_index(name, table, list(columns), **options)


def _indexes(table: str) -> set[str | None]:
    try:
        return {each["name"] for each in sa.inspect(op.get_bind()).get_indexes(table)}
    except sa.exc.NoSuchTableError:  # a dry run makes none
        return set()


def add_column(table: str, column: sa.Column[Any]) -> None:
    if column.name not in _columns(table):
        op.add_column(table, column)


def _columns(table: str) -> set[str]:
    try:
        return {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}
    except sa.exc.NoSuchTableError:  # a dry run makes none
        return set()


def add_row(table: str, name: str, **values: object) -> None:
    """A row with that `name`, unless there is one."""
    columns = {"name": name, **values}
    into = sa.table(table, *(sa.column(each) for each in columns))
    there = sa.inspect(op.get_bind()).has_table(table)  # a dry run makes none
    if not there or op.get_bind().execute(sa.select(into.c.name).where(into.c.name == name)).first() is None:
        op.get_bind().execute(sa.insert(into).values(columns))


def nulls_first(column: str) -> str | sa.TextClause:
    """A column of an index that a listing walks: null is the smallest value, which PostgreSQL must be told."""
    if column in _NULLABLE and database() == "postgresql":
        return sa.text(f"{column} ASC NULLS FIRST")
    return column


def start_of(column: str) -> str | sa.TextClause:
    """A long text in an index: PostgreSQL refuses rows with entries above a third of a page."""
    if database() == "postgresql":
        return sa.text(f'left("{column}", {INDEXED_CHARACTERS})')
    return column
