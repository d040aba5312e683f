"""A listing's query: what of it its statements depend on, its values, and the conditions that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.registry.interface import ImageQuery, OneOf, Sort
from glancetui.registry.sql import filters
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.filters import FilterShape
from glancetui.registry.sql.order import whole_sort
from glancetui.registry.sql.tables import images
from glancetui.registry.sql.visibility import UNLISTED, Branch, Eyes, branches, seen_by, word

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


def shape_of(query: ImageQuery) -> Shape:
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


def values_of(query: ImageQuery) -> dict[str, object]:
    values = filters.parameters_of(query)
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


# -- conditions --------------------------------------------------------------------------------------------------------


def residue(shape: Shape) -> list[sa.ColumnElement[bool]]:
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


def branches_of(shape: Shape) -> list[Branch]:
    found = branches(shape.eyes)
    if shape.own_only:
        return [branch for branch in found if branch.by == "owner"] or found
    if shape.of_owner is not None:
        owner = images.c.owner == sa.bindparam(f"f{shape.of_owner}_0")
        return [Branch(by="owner", conditions=(owner, seen_by(shape.eyes)))]
    return found


def index_key(shape: Shape) -> str:
    """The column behind owner or visibility that the walk follows.

    A filter that fixes a column leaves the index behind that column sorted by the tie-breakers.
    """
    fixed = {each.field for each in shape.filters if each.kind == "one-of" and each.values == 1}
    rest = [sort.key for sort in shape.sort if sort.key not in fixed]
    if rest[:2] == ["created_at", "id"]:
        return next((field for field in _INDEXED_EQUALS if field in fixed), "created_at")
    return shape.sort[0].key


def candidates(shape: Shape, dialect: Dialect) -> tuple[FilterShape, ...]:
    """The filters that a page could be driven from, where the walk does not follow them anyway."""
    followed = {index_key(shape), shape.sort[0].key}
    return tuple(
        each
        for each in shape.filters
        if each.place != shape.of_owner
        and not (each.field == "owner" and shape.own_only)
        and not (each.field and each.field in followed)
        and filters.start(each, dialect) is not None
    )


def counts_up_to(most: int, starts: Sequence[sa.Select[Any]]) -> sa.Select[Any]:
    """One row: how many rows each has, counted up to `most` + 1, so that more are known for more."""
    limit: sa.ColumnElement[int] = sa.literal_column(str(most + 1))
    return sa.select(
        *(sa.select(sa.func.count()).select_from(start.limit(limit).subquery()).scalar_subquery() for start in starts)
    )
