"""Pages of images: one statement for a page, and a small one before it where there is a marker or a choice.

Two plans. *Walking* reads each branch of what the viewer sees in sort order from an index, until the page is full:
right when most images pass the filters. *Driving* starts from the images that one filter lets through and sorts those:
right when they are few. Counting up to `FEW` of them, which is cheap, decides.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from glancetui.errors import BadRequest
from glancetui.model import Image
from glancetui.registry.interface import ImageQuery, OneOf
from glancetui.registry.sql import filters
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.documents import aggregated, decode_images, document, joined
from glancetui.registry.sql.expressions import walk_index
from glancetui.registry.sql.filters import FilterShape
from glancetui.registry.sql.order import beyond, ordering
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
from glancetui.registry.sql.tables import gt_images, images
from glancetui.registry.sql.visibility import (
    Eyes,
    branches,
    memberships,
    owned,
    shown_to_admin,
    shown_to_anybody,
    shown_to_project,
)

FEW = 2000  # images that are read and sorted for a page without hesitation
_SHAPES_KEPT = 1024
_VIEWERS_KEPT = 10_000
_REMEMBERED_SECONDS = 60.0


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    nothing: bool  # the viewer sees no images of the kind asked for
    candidates: tuple[FilterShape, ...]  # that a page could be driven from
    shared: bool  # there is a branch of images shared with the viewer
    own_community: bool  # there is a branch of the viewer's own community images


class _Candidate(NamedTuple):
    held: int  # images, counted up to FEW + 1
    place: int  # of the filter


class Pages:
    """Compiles statements by shape and keeps them."""

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._kept = Kept(database)
        self._plans: dict[Shape, _Plan] = {}
        self._many: dict[Hashable, tuple[bool, float]] = {}  # what, until when (monotonic)

    def page(self, db: sa.Connection, query: ImageQuery) -> list[Image]:
        if query.limit < 1 or any(isinstance(each, OneOf) and not each.values for each in query.filters):
            return []
        shape = shape_of(query)
        values = values_of(query)
        marker_nulls = self._marker_nulls(db, query, shape, values)
        planned = self._with_plan(db, shape, values)
        if planned is None:
            return []
        whole = msgspec.structs.replace(planned, marker_nulls=marker_nulls)
        rows = self._kept.statement(("page", whole), lambda: page_statement(whole, self._dialect)).rows(db, values)
        return decode_images(rows[0][0] if self._dialect.one_row_pages else joined(rows))

    def _marker_nulls(
        self, db: sa.Connection, query: ImageQuery, shape: Shape, values: dict[str, object]
    ) -> tuple[bool, ...] | None:
        """Add the marker's sort keys to `values`, and tell which of them are null. Raises BadRequest."""
        if query.marker is None:
            return None
        viewer = query.viewer
        kind = "admin" if viewer.is_admin else "project" if viewer.project is not None else "anybody"
        keys = tuple(sort.key for sort in shape.sort)
        marker = self._kept.statement(("marker", kind, keys), lambda: _marker_statement(kind, keys)).first(db, values)
        if marker is None:
            raise BadRequest(f"The marker {query.marker} is not an image that you can see. Start again without it.")
        values.update({f"after_{place}": value for place, value in enumerate(marker)})
        return tuple([value is None for value in marker])

    def _with_plan(self, db: sa.Connection, shape: Shape, values: dict[str, object]) -> Shape | None:
        """Count what the filters let through, up to FEW, and start from the least of them if it is not more.

        None: the page is empty.
        """
        plan = self._plan(shape)
        if plan.nothing:
            return None
        least = self._least(db, plan.candidates, values)
        if least is None or least.held > FEW:
            many = (plan.shared or plan.own_community) and self._has_many(db, plan, shape.eyes, values)
            return msgspec.structs.replace(
                shape, memberships=plan.shared and not many, owns_many=plan.own_community and many
            )
        return msgspec.structs.replace(shape, driver=least.place) if least.held else None

    def _least(
        self, db: sa.Connection, possible: tuple[FilterShape, ...], values: dict[str, object]
    ) -> _Candidate | None:
        """The candidate that lets the fewest through; all that let more than FEW through are alike."""
        if not possible:
            return None
        starts = [start for each in possible if (start := filters.start(each, self._dialect)) is not None]
        statement = self._kept.statement(("counts", possible), lambda: counts_up_to(FEW, starts))
        counts = statement.rows(db, values)[0]
        pairs = zip(counts, possible, strict=True)
        return min((_Candidate(count, each.place) for count, each in pairs), key=lambda each: each.held)

    def _has_many(self, db: sa.Connection, plan: _Plan, eyes: Eyes, values: dict[str, object]) -> bool:
        """Whether the viewer has more memberships, or images of its own, than are read without hesitation.

        Remembered, so that most pages need no statement but their own. A page is right either way.
        """
        key = (eyes, values["project"], values["member_status"])
        many, until = self._many.get(key, (False, 0.0))
        if time.monotonic() < until:
            return many
        start = memberships(eyes) if plan.shared else owned(eyes)
        statement = self._kept.statement(("viewer", plan.shared, eyes), lambda: counts_up_to(FEW, [start]))
        many = bool(statement.rows(db, values)[0][0] > FEW)
        if len(self._many) >= _VIEWERS_KEPT:
            self._many.clear()
        self._many[key] = (many, time.monotonic() + _REMEMBERED_SECONDS)
        return many

    def _plan(self, shape: Shape) -> _Plan:
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= _SHAPES_KEPT:
                self._plans.clear()
            seen = branches_of(shape)
            plan = self._plans[shape] = _Plan(
                nothing=not seen,
                candidates=candidates(shape, self._dialect),
                shared=any(branch.memberships for branch in seen),
                own_community=any(branch.own_community for branch in seen),
            )
        return plan


# -- statements --------------------------------------------------------------------------------------------------------


def page_statement(shape: Shape, dialect: Dialect) -> sa.Select[Any]:
    """The page's images as JSON, one row or many. The join is an outer one so that it cannot change the order."""
    page = _page_keys(shape, dialect)
    source = page.outerjoin(images, images.c.id == page.c.id).outerjoin(gt_images, gt_images.c.image_id == page.c.id)
    if dialect.one_row_pages:
        return sa.select(aggregated(document())).select_from(source)
    return sa.select(document()).select_from(source).order_by(*ordering(shape.sort, page.c))


def _page_keys(shape: Shape, dialect: Dialect) -> sa.Subquery:
    """The sort keys of the page's images, in order, read without anything else of them."""
    parts = [_driven(shape, dialect)] if shape.driver is not None else _walked(shape, dialect)
    limited = [sa.select(part.subquery(f"part_{number}")) for number, part in enumerate(parts)]
    union = sa.union_all(*limited).subquery("found") if len(limited) > 1 else limited[0].subquery("found")
    return sa.select(union).order_by(*ordering(shape.sort, union.c)).limit(sa.bindparam("limit")).subquery("page")


def _keys(shape: Shape) -> sa.Select[Any]:
    return sa.select(*(images.c[sort.key] for sort in shape.sort))


def _walked(shape: Shape, dialect: Dialect) -> list[sa.Select[Any]]:
    """Each branch, each segment beyond the marker: a range of an index, at most a page of it."""
    segments = beyond(shape.sort, shape.marker_nulls) if shape.marker_nulls is not None else [()]
    parts = []
    for branch in branches_of(shape):
        if branch.memberships and shape.memberships:
            parts.append(_by_memberships(shape, dialect))
            continue
        by = "visibility" if branch.own_community and shape.owns_many else branch.by
        index = f"gt_ix_images_{by}_{index_key(shape)}"
        for segment in segments:
            part = _keys(shape).where(
                *branch.conditions,
                images.c.deleted == sa.false(),
                images.c.os_hidden == sa.bindparam("os_hidden"),
                *segment,
                *residue(shape),
            )
            parts.append(_first_of(shape, walk_index(part, images, index)))
    return parts


def _by_memberships(shape: Shape, dialect: Dialect) -> sa.Select[Any]:
    branch = next(branch for branch in branches(shape.eyes) if branch.memberships)
    ids = memberships(shape.eyes)
    return _found_by_id(shape, dialect, ids, sa.and_(*branch.conditions[:-1]))


def _driven(shape: Shape, dialect: Dialect) -> sa.Select[Any]:
    driver = next(each for each in shape.filters if each.place == shape.driver)
    ids = filters.start(driver, dialect)
    if ids is None:
        raise LookupError(f"No index starts from {driver}.")
    seen = sa.or_(sa.false(), *(sa.and_(*branch.conditions) for branch in branches_of(shape)))
    return _found_by_id(shape, dialect, ids, seen)


def _found_by_id(shape: Shape, dialect: Dialect, ids: sa.Select[Any], seen: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Look each id up, then sort."""
    conditions = [
        seen,
        images.c.deleted == sa.false(),
        images.c.os_hidden == sa.bindparam("os_hidden"),
        *residue(shape),
    ]
    if shape.marker_nulls is not None:
        conditions.append(sa.or_(*(sa.and_(*segment) for segment in beyond(shape.sort, shape.marker_nulls))))
    return _first_of(shape, dialect.found_by_id(_keys(shape), images, ids, conditions))


def _first_of(shape: Shape, part: sa.Select[Any]) -> sa.Select[Any]:
    return part.order_by(*ordering(shape.sort, part.selected_columns)).limit(sa.bindparam("limit"))


def _marker_statement(kind: str, keys: Sequence[str]) -> sa.Select[Any]:
    shown = {"admin": shown_to_admin, "project": shown_to_project, "anybody": shown_to_anybody}[kind]
    return sa.select(*(images.c[key] for key in keys)).where(images.c.id == sa.bindparam("marker"), shown())
