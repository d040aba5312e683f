"""How many images a query finds, at a cost that is bounded however many there are.

As for a page there are two ways. Where a filter lets through few, these are looked up, and the count is exact.
Otherwise the first of each branch of what the viewer sees are looked at; where there are more of them, what was counted
is the least that there can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.registry.interface import Count, ImageQuery, OneOf
from glancetui.registry.sql import filters
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.expressions import walk_index
from glancetui.registry.sql.filters import FilterShape
from glancetui.registry.sql.order import whole_sort
from glancetui.registry.sql.shape import (
    Shape,
    branches_of,
    candidates,
    counts_up_to,
    index_key,
    residue,
    shape_of,
    values_of,
)
from glancetui.registry.sql.statement import Kept
from glancetui.registry.sql.tables import images
from glancetui.registry.sql.visibility import Branch, memberships

#: Images looked at of each branch, or of a filter: some ten milliseconds of the database's time.
MOST = 10_000


class Counts:
    """Compiles statements by shape and keeps them."""

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._kept = Kept(database)

    def count(self, db: sa.Connection, query: ImageQuery) -> Count:
        if any(isinstance(each, OneOf) and not each.values for each in query.filters):
            return Count(number=0, exact=True)
        # Only what is counted decides, not how it would be sorted.
        shape = msgspec.structs.replace(shape_of(query), sort=whole_sort(()))
        if not branches_of(shape):
            return Count(number=0, exact=True)
        values = values_of(query, self._dialect)
        shape = msgspec.structs.replace(shape, driver=self._driver(db, shape, values))
        statement = self._kept.statement(("count", shape), lambda: _count_statement(shape, self._dialect))
        row = statement.rows(db, values)[0]
        pairs = list(zip(row[::2], row[1::2], strict=True))
        return Count(number=sum(counted for _, counted in pairs), exact=all(found <= MOST for found, _ in pairs))

    def _driver(self, db: sa.Connection, shape: Shape, values: dict[str, object]) -> int | None:
        """The place of the filter that lets through the fewest, if these are not too many to look at."""
        possible = candidates(shape)
        if not possible:
            return None
        starts = [_start_of(each) for each in possible]
        probe = self._kept.statement(("probe", possible), lambda: counts_up_to(MOST, starts))
        least, number = min((count, number) for number, count in enumerate(probe.rows(db, values)[0]))
        return possible[number].place if least <= MOST else None


def _start_of(shape: FilterShape) -> sa.Select[Any]:
    start = filters.start(shape)
    if start is None:
        raise LookupError(f"No index starts from {shape}.")
    return start


def _count_statement(shape: Shape, dialect: Dialect) -> sa.Select[Any]:
    """One row: of each start how many images it has, up to MOST + 1, and how many of the first MOST are counted."""
    seen = branches_of(shape)
    if shape.driver is not None:
        driver = next(each for each in shape.filters if each.place == shape.driver)
        anyhow = sa.or_(sa.false(), *(sa.and_(*branch.conditions) for branch in seen))
        return sa.select(*_pair(shape, dialect, _start_of(driver), anyhow))
    pairs = (_pair(shape, dialect, _branch_start(shape, branch), sa.and_(*branch.conditions)) for branch in seen)
    return sa.select(*(column for pair in pairs for column in pair))


def _pair(
    shape: Shape, dialect: Dialect, start: sa.Select[Any], seen: sa.ColumnElement[bool]
) -> Sequence[sa.ColumnElement[Any]]:
    conditions = [
        seen,
        images.c.deleted == sa.false(),
        images.c.os_hidden == sa.bindparam("os_hidden"),
        *residue(shape),
    ]
    most: sa.ColumnElement[int] = sa.literal_column(str(MOST))
    counted = dialect.found_by_id(sa.select(images.c.id), images, start.limit(most), conditions).subquery()
    return (
        counts_up_to(MOST, [start]).scalar_subquery(),
        sa.select(sa.func.count()).select_from(counted).scalar_subquery(),
    )


def _branch_start(shape: Shape, branch: Branch) -> sa.Select[Any]:
    """A range of one index: whatever else is asked, no more than its first rows are read."""
    if branch.memberships:
        return memberships(shape.eyes)
    key = index_key(shape)
    followed = [filters.condition(each) for each in shape.filters if each.field == key]
    ids = sa.select(images.c.id).where(
        branch.conditions[0],
        images.c.deleted == sa.false(),
        images.c.os_hidden == sa.bindparam("os_hidden"),
        *followed,
    )
    return walk_index(ids, images, f"gt_ix_images_{branch.by}_{key}")
