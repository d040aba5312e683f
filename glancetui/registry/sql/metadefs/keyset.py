"""Paging by key over columns that may be null, which is the smallest value in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa


def ordering(columns: Sequence[sa.ColumnElement[Any]], *, descending: bool) -> list[sa.ColumnElement[Any]]:
    """Databases disagree about where null stands, so it is given its place."""
    order: list[sa.ColumnElement[Any]] = []
    for column in columns:
        parts = [sa.case((column.is_(None), 0), else_=1), column] if _may_be_null(column) else [column]
        order += [part.desc() if descending else part.asc() for part in parts]
    return order


def beyond(
    columns: Sequence[sa.ColumnElement[Any]], marker: Sequence[Any], *, descending: bool
) -> sa.ColumnElement[bool]:
    """Rows behind the one whose `columns` are `marker`. The last column is never null and tells rows apart."""
    column = columns[0]
    value = None if marker[0] is None else sa.literal(marker[0], column.type)  # a plain True has no order to SQLAlchemy
    further = _further(column, value, descending=descending)
    if len(columns) == 1:
        return further
    same = column.is_(None) if value is None else column == value
    return sa.or_(further, sa.and_(same, beyond(columns[1:], marker[1:], descending=descending)))


def _further(
    column: sa.ColumnElement[Any], value: sa.ColumnElement[Any] | None, *, descending: bool
) -> sa.ColumnElement[bool]:
    if value is None:
        return sa.false() if descending else column.is_not(None)
    if not descending:
        return column > value
    return sa.or_(column < value, column.is_(None)) if _may_be_null(column) else column < value


def _may_be_null(column: sa.ColumnElement[Any]) -> bool:
    return isinstance(column, sa.Column) and bool(column.nullable)
