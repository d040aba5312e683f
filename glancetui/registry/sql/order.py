"""Sorting and what lies beyond a marker, with null as the smallest value in both directions.

"Beyond the marker" is a union of segments, each a plain range of an index: equal in the first n keys and beyond in the
next. One condition with OR, or a comparison of tuples, would make databases read all rows that tie with the marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from glancetui.registry.interface import Sort
from glancetui.registry.sql.expressions import in_order
from glancetui.registry.sql.tables import images

_NULLABLE = frozenset({"name", "size", "container_format", "disk_format", "updated_at"})


def whole_sort(asked: Sequence[Sort]) -> tuple[Sort, ...]:
    """`asked` without repetitions, with created_at and id as tie-breakers; nothing after id, which never ties."""
    last = asked[-1].direction if asked else "desc"
    whole: dict[str, Sort] = {}
    for sort in (*asked, Sort("created_at", last), Sort("id", last)):
        whole.setdefault(sort.key, sort)
        if sort.key == "id":
            break
    return tuple(whole.values())


def ordering(sort: Sequence[Sort], columns: sa.ColumnCollection[str, Any]) -> list[sa.ColumnElement[Any]]:
    return [
        in_order(columns[key.key], descending=key.direction == "desc", nullable=key.key in _NULLABLE) for key in sort
    ]


def beyond(sort: Sequence[Sort], nulls: Sequence[bool]) -> list[tuple[sa.ColumnElement[bool], ...]]:
    """The segments beyond a marker whose values are bound as `after_0`, `after_1` …; `nulls` tells which are null."""
    segments: list[tuple[sa.ColumnElement[bool], ...]] = []
    for place in reversed(range(len(sort))):
        ties = tuple(_ties(sort[earlier], earlier, null=nulls[earlier]) for earlier in range(place))
        segments.extend((*ties, step) for step in _steps(sort[place], place, null=nulls[place]))
    return segments


def _marker(place: int) -> sa.BindParameter[Any]:
    return sa.bindparam(f"after_{place}")


def _ties(sort: Sort, place: int, *, null: bool) -> sa.ColumnElement[bool]:
    column = images.c[sort.key]
    return column.is_(None) if null else column == _marker(place)


def _steps(sort: Sort, place: int, *, null: bool) -> list[sa.ColumnElement[bool]]:
    """One key further; two ranges where nulls follow the values."""
    column = images.c[sort.key]
    if sort.direction == "asc":
        return [column.is_not(None) if null else column > _marker(place)]
    if null:
        return []
    return [column < _marker(place), *([column.is_(None)] if sort.key in _NULLABLE else [])]
