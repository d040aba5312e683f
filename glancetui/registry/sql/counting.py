"""How many images a query finds, at a cost that is bounded however many there are.

As for a page there are two ways. Where a filter lets through few, these are looked up, and the count is exact.
Otherwise what the viewer sees is gone through branch by branch until MOST images have been looked at; where there are
more, what was counted is the least that there can be.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.registry.interface import Count, ImageQuery, OneOf
from glancetui.registry.sql import filters
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.expressions import walk_index
from glancetui.registry.sql.filters import FilterShape
from glancetui.registry.sql.order import ordering, whole_sort
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

#: Images that are looked at: some ten milliseconds of the database's time.
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
        values = values_of(query)
        shape = msgspec.structs.replace(shape, driver=self._driver(db, shape, values))
        parts = 1 if shape.driver is not None else len(branches_of(shape))
        looked, counted = 0, 0
        for part in range(parts):
            if looked > MOST:
                return Count(number=counted, exact=False)
            found, fitting = self._part(db, shape, part, values)
            looked, counted = looked + found, counted + fitting
            if found > MOST:
                return Count(number=counted, exact=False)
        return Count(number=counted, exact=True)

    def _part(self, db: sa.Connection, shape: Shape, part: int, values: dict[str, object]) -> tuple[int, int]:
        """How many there are to look at, up to MOST + 1, and how many of them are to be counted."""
        key = ("count", shape, part)
        statement = self._kept.statement(key, lambda: _count_statement(shape, part, self._dialect))
        found, fitting = statement.rows(db, values)[0]
        return found, fitting

    def _driver(self, db: sa.Connection, shape: Shape, values: dict[str, object]) -> int | None:
        """The place of the filter that lets through the fewest, if these are not too many to look at."""
        possible = candidates(shape, self._dialect)
        if not possible:
            return None
        starts = [_start_of(each, self._dialect) for each in possible]
        probe = self._kept.statement(("probe", possible), lambda: counts_up_to(MOST, starts))
        least, number = min((count, number) for number, count in enumerate(probe.rows(db, values)[0]))
        return possible[number].place if least <= MOST else None


def _start_of(shape: FilterShape, dialect: Dialect) -> sa.Select[Any]:
    start = filters.start(shape, dialect)
    if start is None:
        raise LookupError(f"No index starts from {shape}.")
    return start


def _count_statement(shape: Shape, part: int, dialect: Dialect) -> sa.Select[int, int]:
    """Of the driver, or of one branch."""
    seen = branches_of(shape)
    if shape.driver is not None:
        start = _start_of(next(each for each in shape.filters if each.place == shape.driver), dialect)
        visible = sa.or_(sa.false(), *(sa.and_(*branch.conditions) for branch in seen))
    else:
        start, visible = _branch_start(shape, seen[part]), sa.and_(*seen[part].conditions)
    conditions = [
        visible,
        images.c.deleted == sa.false(),
        images.c.os_hidden == sa.bindparam("os_hidden"),
        *residue(shape),
    ]
    # In the text of the statement: PostgreSQL takes a number that it does not know for a tenth of the table.
    most: sa.ColumnElement[int] = sa.literal_column(str(MOST + 1))
    first = sa.select(start.limit(most).subquery("first").c[0])
    fitting = dialect.found_by_id(sa.select(images.c.id), images, first, conditions)
    return sa.select(_number_of(first), _number_of(fitting))


def _number_of(rows: sa.Select[Any]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(rows.subquery()).scalar_subquery()


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
    # An order that this index has keeps PostgreSQL from Glance's on visibility alone, which holds the deleted ones too.
    ids = ids.order_by(*ordering(shape.sort, images.c))
    return walk_index(ids, images, f"gt_ix_images_{branch.by}_{key}")
