"""Pages of images: one statement for a page, and a small one before it where there is a marker or a choice.

Two plans. *Walking* reads each branch of what the viewer sees in sort order from an index, until the page is full:
right when most images pass the filters. *Driving* starts from the images that one filter lets through and sorts those:
right when they are few. Counting up to `FEW` of them, which is cheap, decides.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.errors import BadRequest
from glancetui.model import Image
from glancetui.registry.interface import ImageQuery, OneOf, Sort
from glancetui.registry.sql import filters
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.documents import aggregated, decode_images, document, joined
from glancetui.registry.sql.expressions import walk_index
from glancetui.registry.sql.filters import FilterShape
from glancetui.registry.sql.order import beyond, ordering, whole_sort
from glancetui.registry.sql.statement import Prepared
from glancetui.registry.sql.tables import gt_images, images
from glancetui.registry.sql.visibility import (
    UNLISTED,
    Branch,
    Eyes,
    branches,
    memberships,
    owned,
    seen_by,
    shown_to_admin,
    shown_to_anybody,
    shown_to_project,
    word,
)

FEW = 2000  # images that are read and sorted for a page without hesitation
_SHAPES_KEPT = 1024
_INDEXED_EQUALS = ("name", "size", "container_format", "disk_format", "status")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """All of a query that its statement depends on, and nothing that it does not."""

    eyes: Eyes
    sort: tuple[Sort, ...]
    filters: tuple[FilterShape, ...]
    protected: bool
    search: bool
    own_only: bool = False  # a filter on the owner names the viewer's project
    of_owner: int | None = None  # the place of an administrator's filter on one owner
    marker_nulls: tuple[bool, ...] | None = None
    driver: int | None = None  # the place of the filter that is driven from
    memberships: bool = False  # what is shared with the viewer is found by its memberships
    owns_many: bool = False  # its own community images are found among the community's, not among its own


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    nothing: bool  # the viewer sees no images of the kind asked for
    candidates: tuple[FilterShape, ...]  # that a page could be driven from
    shared: bool  # there is a branch of images shared with the viewer
    own_community: bool  # there is a branch of the viewer's own community images


class Pages:
    """Compiles statements by shape and keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._kept: dict[Hashable, Prepared] = {}
        self._plans: dict[Shape, _Plan] = {}

    def page(self, db: sa.Connection, query: ImageQuery) -> list[Image]:
        if query.limit < 1 or any(isinstance(each, OneOf) and not each.values for each in query.filters):
            return []
        shape = _shape_of(query)
        values = _values_of(query, self._dialect)
        marker_nulls = self._marker_nulls(db, query, shape, values)
        planned = self._with_plan(db, shape, values)
        if planned is None:
            return []
        whole = msgspec.structs.replace(planned, marker_nulls=marker_nulls)
        rows = self._prepared(("page", whole), lambda: page_statement(whole, self._dialect)).rows(db, values)
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
        marker = self._prepared(("marker", kind, keys), lambda: _marker_statement(kind, keys)).first(db, values)
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
        if not plan.candidates and not plan.shared and not plan.own_community:
            return shape
        key = ("counts", plan, shape.eyes)
        counts = self._prepared(key, lambda: _counts_statement(plan, shape.eyes, self._dialect)).first(db, values)
        if counts is None:
            raise LookupError("A statement that counts gave no row.")
        least = min(zip(counts, plan.candidates, strict=False), key=lambda pair: pair[0], default=None)
        if least is None or least[0] > FEW:
            return msgspec.structs.replace(
                shape,
                memberships=plan.shared and counts[-1] <= FEW,
                owns_many=plan.own_community and counts[-1] > FEW,
            )
        return msgspec.structs.replace(shape, driver=least[1].place) if least[0] else None

    def _plan(self, shape: Shape) -> _Plan:
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= _SHAPES_KEPT:
                self._plans.clear()
            seen = _branches(shape)
            plan = self._plans[shape] = _Plan(
                nothing=not seen,
                candidates=_candidates(shape, self._dialect),
                shared=any(branch.memberships for branch in seen),
                own_community=any(branch.own_community for branch in seen),
            )
        return plan

    def _prepared(self, key: Hashable, build: Callable[[], sa.Select[Any]]) -> Prepared:
        prepared = self._kept.get(key)
        if prepared is None:
            prepared = Prepared(build(), self._database)
            if len(self._kept) >= _SHAPES_KEPT:
                self._kept.clear()  # rare; callers who invent shapes must not fill the memory
            self._kept[key] = prepared
        return prepared


def _shape_of(query: ImageQuery) -> Shape:
    viewer = query.viewer
    owners = [
        (place, each.values[0])
        for place, each in enumerate(query.filters)
        if isinstance(each, OneOf) and each.field == "owner" and len(each.values) == 1
    ]
    return Shape(
        eyes=Eyes(
            is_admin=viewer.is_admin,
            in_project=viewer.project is not None,
            asked=query.visibility,
            any_member_status=query.member_status == "all",
        ),
        sort=whole_sort(query.sort),
        filters=filters.shape_of(query),
        protected=query.protected is not None,
        search=query.search is not None,
        own_only=not viewer.is_admin and any(owner == viewer.project for _, owner in owners),
        of_owner=owners[0][0] if owners and viewer.is_admin else None,
    )


def _values_of(query: ImageQuery, dialect: Dialect) -> dict[str, object]:
    values = filters.parameters_of(query, dialect)
    values.update(
        project=query.viewer.project,
        member_status=query.member_status,
        os_hidden=query.os_hidden,
        protected=bool(query.protected),
        limit=query.limit,
        marker=query.marker,
    )
    if query.search is not None:
        literal = query.search.replace("/", "//").replace("%", "/%").replace("_", "/_")
        values.update(name_like=f"%{literal}%", id_like=f"{literal}%")
    return values


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


def _residue(shape: Shape) -> list[sa.ColumnElement[bool]]:
    """What is asked of an image whatever way it was found."""
    asked = [filters.condition(each) for each in shape.filters if each.place != shape.driver]
    # One comparison each: SQLite looks up a list in a table that it makes for it, at eight steps a row.
    asked.extend(images.c.status != word(status) for status in UNLISTED)
    if shape.protected:
        asked.append(images.c.protected == sa.bindparam("protected"))
    if shape.search:
        asked.append(
            sa.or_(
                images.c.name.ilike(sa.bindparam("name_like"), escape="/"),
                images.c.id.ilike(sa.bindparam("id_like"), escape="/"),
            )
        )
    return asked


def _branches(shape: Shape) -> list[Branch]:
    found = branches(shape.eyes)
    if shape.own_only:
        return [branch for branch in found if branch.by == "owner"] or found
    if shape.of_owner is not None:
        owner = images.c.owner == sa.bindparam(f"f{shape.of_owner}_0")
        return [Branch(by="owner", conditions=(owner, seen_by(shape.eyes)))]
    return found


def _walked(shape: Shape, dialect: Dialect) -> list[sa.Select[Any]]:
    """Each branch, each segment beyond the marker: a range of an index, at most a page of it."""
    segments = beyond(shape.sort, shape.marker_nulls) if shape.marker_nulls is not None else [()]
    parts = []
    for branch in _branches(shape):
        if branch.memberships and shape.memberships:
            parts.append(_by_memberships(shape, dialect))
            continue
        by = "visibility" if branch.own_community and shape.owns_many else branch.by
        index = f"gt_ix_images_{by}_{_index_key(shape)}"
        for segment in segments:
            part = _keys(shape).where(
                *branch.conditions,
                images.c.deleted == sa.false(),
                images.c.os_hidden == sa.bindparam("os_hidden"),
                *segment,
                *_residue(shape),
            )
            parts.append(_first_of(shape, walk_index(part, images, index)))
    return parts


def _index_key(shape: Shape) -> str:
    """The column behind owner or visibility that the walk follows.

    A filter that fixes a column leaves the index behind that column sorted by the tie-breakers.
    """
    fixed = {each.field for each in shape.filters if each.kind == "one-of" and each.values == 1}
    rest = [sort.key for sort in shape.sort if sort.key not in fixed]
    if rest[:2] == ["created_at", "id"]:
        return next((field for field in _INDEXED_EQUALS if field in fixed), "created_at")
    return shape.sort[0].key


def _by_memberships(shape: Shape, dialect: Dialect) -> sa.Select[Any]:
    branch = next(branch for branch in branches(shape.eyes) if branch.memberships)
    ids = memberships(shape.eyes)
    return _found_by_id(shape, dialect, ids, sa.and_(*branch.conditions[:-1]))


def _driven(shape: Shape, dialect: Dialect) -> sa.Select[Any]:
    driver = next(each for each in shape.filters if each.place == shape.driver)
    ids = filters.start(driver, dialect)
    if ids is None:
        raise LookupError(f"No index starts from {driver}.")
    seen = sa.or_(sa.false(), *(sa.and_(*branch.conditions) for branch in _branches(shape)))
    return _found_by_id(shape, dialect, ids, seen)


def _found_by_id(shape: Shape, dialect: Dialect, ids: sa.Select[Any], seen: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Look each id up, then sort."""
    conditions = [
        seen,
        images.c.deleted == sa.false(),
        images.c.os_hidden == sa.bindparam("os_hidden"),
        *_residue(shape),
    ]
    if shape.marker_nulls is not None:
        conditions.append(sa.or_(*(sa.and_(*segment) for segment in beyond(shape.sort, shape.marker_nulls))))
    return _first_of(shape, dialect.found_by_id(_keys(shape), images, ids, conditions))


def _first_of(shape: Shape, part: sa.Select[Any]) -> sa.Select[Any]:
    return part.order_by(*ordering(shape.sort, part.selected_columns)).limit(sa.bindparam("limit"))


def _marker_statement(kind: str, keys: Sequence[str]) -> sa.Select[Any]:
    shown = {"admin": shown_to_admin, "project": shown_to_project, "anybody": shown_to_anybody}[kind]
    return sa.select(*(images.c[key] for key in keys)).where(images.c.id == sa.bindparam("marker"), shown())


def _candidates(shape: Shape, dialect: Dialect) -> tuple[FilterShape, ...]:
    """The filters that a page could be driven from, where the walk does not follow them anyway."""
    followed = {_index_key(shape), shape.sort[0].key}
    return tuple(
        each
        for each in shape.filters
        if each.place != shape.of_owner
        and not (each.field == "owner" and shape.own_only)
        and not (each.field and each.field in followed)
        and filters.start(each, dialect) is not None
    )


def _counts_statement(plan: _Plan, eyes: Eyes, dialect: Dialect) -> sa.Select[Any]:
    """How many each candidate lets through, then how many memberships or images the viewer has; each up to FEW + 1."""
    starts = [start for each in plan.candidates if (start := filters.start(each, dialect)) is not None]
    if plan.shared:
        starts.append(memberships(eyes))
    if plan.own_community:
        starts.append(owned(eyes))
    counts = [
        sa.select(sa.func.count())
        .select_from(start.limit(sa.literal_column(str(FEW + 1))).subquery())
        .scalar_subquery()
        for start in starts
    ]
    return sa.select(*counts)
