"""The filters of a listing, as conditions, as parameters, and as shapes that say which statement serves them."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.registry.interface import Between, Filter, ImageQuery, OneOf, PropertyIs, TimeIs
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.expressions import live, same_text, walk_index
from glancetui.registry.sql.tables import image_properties, image_tags, images

_LARGEST = (1 << 63) - 1  # what the database can compare with

#: Fields that have an index of their own in Glance's schema.
_ALONE = {
    "id": None,
    "checksum": "checksum_image_idx",
    "os_hash_value": "os_hash_value_image_idx",
    "owner": "owner_image_idx",
    "created_at": "created_at_image_idx",
    "updated_at": "updated_at_image_idx",
}
_NUMBERS = frozenset({"size", "virtual_size", "min_ram", "min_disk"})
#: Where the properties and tags of an image are found.
_BEARERS = {
    "property": (image_properties, "ix_image_properties_image_id"),
    "tag": (image_tags, "ix_image_tags_image_id_tag_value"),
}
#: Fields that are found behind a visibility; there are four.
_BEHIND_VISIBILITY = frozenset({"name", "status", "container_format", "disk_format", "size"})


class FilterShape(msgspec.Struct, frozen=True):
    """A filter without its values. `place` numbers its parameters."""

    kind: str  # one-of, time, between, property, tag
    place: int
    field: str = ""
    detail: str = ""  # the operator; which ends are given
    values: int = 1


def shape_of(query: ImageQuery) -> tuple[FilterShape, ...]:
    own = tuple(_shape(place, each) for place, each in enumerate(query.filters))
    tags = tuple(FilterShape("tag", len(own) + number) for number in range(len(query.tags)))
    return own + tags


def _shape(place: int, wanted: Filter) -> FilterShape:
    match wanted:
        case OneOf():
            return FilterShape("one-of", place, wanted.field, values=len(wanted.values))
        case TimeIs():
            return FilterShape("time", place, wanted.field, wanted.op)
        case Between():
            ends = ("<" if wanted.least is not None else "") + (">" if wanted.most is not None else "")
            return FilterShape("between", place, wanted.field, ends)
        case PropertyIs():
            return FilterShape("property", place)


def parameters_of(query: ImageQuery) -> dict[str, object]:
    values: dict[str, object] = {}
    for place, each in enumerate(query.filters):
        values.update(_parameters(place, each))
    for number, tag in enumerate(query.tags):
        values[f"f{len(query.filters) + number}_0"] = tag
    return values


def _parameters(place: int, wanted: Filter) -> dict[str, object]:
    match wanted:
        case OneOf():
            return {f"f{place}_{number}": _comparable(value) for number, value in enumerate(wanted.values)}
        case TimeIs():
            return {f"f{place}_0": wanted.at}
        case Between():
            return {f"f{place}_0": _bounded(wanted.least), f"f{place}_1": _bounded(wanted.most)}
        case PropertyIs():
            return {f"f{place}_0": wanted.value, f"f{place}_1": wanted.name}


def _comparable(value: str | int) -> str | int:
    """Numbers that no row can hold become one that none does hold."""
    return value if isinstance(value, str) or abs(value) <= _LARGEST else -_LARGEST


def _bounded(value: int | None) -> int | None:
    return None if value is None else max(-_LARGEST, min(_LARGEST, value))


def _value(shape: FilterShape, number: int = 0) -> sa.BindParameter[Any]:
    # Numbers as wide as they come, also beside a narrower column: PostgreSQL would refuse to make them fit.
    wide = sa.BigInteger() if shape.field in _NUMBERS else None
    return sa.bindparam(f"f{shape.place}_{number}", type_=wide)


# -- as a condition on a row of images ---------------------------------------------------------------------------------


def condition(shape: FilterShape) -> sa.ColumnElement[bool]:
    match shape.kind:
        case "property" | "tag":
            table, index = _BEARERS[shape.kind]
            bearer = walk_index(bearers(shape), table, index)
            return bearer.where(table.c.image_id == images.c.id).correlate(images).exists()
        case "one-of":
            return _one_of(shape)
        case "time":
            return _time(shape)
        case _:
            return _between(shape)


def bearers(shape: FilterShape) -> sa.Select[Any]:
    """The ids of images that have the property or tag."""
    if shape.kind == "tag":
        tags = image_tags
        return sa.select(tags.c.image_id).where(tags.c.value == _value(shape), tags.c.deleted == sa.false())
    props = image_properties
    return sa.select(props.c.image_id).where(
        props.c.name == _value(shape, 1), same_text(props.c.value, _value(shape)), live(props)
    )


def _one_of(shape: FilterShape) -> sa.ColumnElement[bool]:
    column = images.c[shape.field]
    if shape.values == 1:
        return column == _value(shape)
    return column.in_([_value(shape, number) for number in range(shape.values)])


def _time(shape: FilterShape) -> sa.ColumnElement[bool]:
    column, at = images.c[shape.field], _value(shape)
    match shape.detail:
        case "gt":
            return column > at
        case "gte":
            return column >= at
        case "lt":
            return column < at
        case "lte":
            return column <= at
        case "neq":
            return column != at
        case _:
            return column == at


def _between(shape: FilterShape) -> sa.ColumnElement[bool]:
    column = images.c[shape.field]
    ends: list[sa.ColumnElement[bool]] = []
    if "<" in shape.detail:
        ends.append(column >= _value(shape, 0))
    if ">" in shape.detail:
        ends.append(column <= _value(shape, 1))
    return sa.and_(sa.true(), *ends)


# -- as the place to start from ----------------------------------------------------------------------------------------


def start(shape: FilterShape, dialect: Dialect) -> sa.Select[Any] | None:
    """The ids that the filter lets through, read from an index; None if there is no such index."""
    if shape.kind in _BEARERS:
        table, _ = _BEARERS[shape.kind]
        return walk_index(bearers(shape), table, f"gt_ix_{table.name}_value")
    if shape.kind == "time" and shape.detail == "neq":
        return None
    if shape.field in _ALONE:
        found = sa.select(images.c.id).where(condition(shape))
        index = _ALONE[shape.field]
        return found if index is None else walk_index(found, images, index)
    if shape.field in _BEHIND_VISIBILITY:
        return _behind_visibility(shape, dialect)
    return None


def _behind_visibility(shape: FilterShape, dialect: Dialect) -> sa.Select[Any]:
    kinds: list[sa.ColumnElement[str]] = [
        sa.literal_column(f"'{kind}'") for kind in ("private", "shared", "public", "community")
    ]
    found = sa.select(images.c.id).where(
        images.c.visibility.in_(kinds),
        images.c.deleted == sa.false(),
        images.c.os_hidden == sa.bindparam("os_hidden"),
    )
    index, column = f"gt_ix_images_visibility_{shape.field}", images.c[shape.field]
    if shape.kind != "one-of":
        return dialect.behind(found.where(condition(shape)), index, images.c.visibility, column)
    values = [_value(shape, number) for number in range(shape.values)]
    return dialect.behind(found, index, images.c.visibility, column, values)
