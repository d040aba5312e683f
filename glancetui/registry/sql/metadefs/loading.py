"""Loading a whole document: what it differs in from the database, and writing that and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from glancetui.definitions import property as definitions
from glancetui.definitions.difference import Action, Kind, Loading, compared
from glancetui.registry.metadefs import (
    ItemKind,
    MetadefChange,
    NamespaceContents,
    NewAssociation,
    NewNamespace,
    NewObject,
)
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.metadefs import associations, items, namespaces
from glancetui.registry.sql.tables import metadef_namespaces

T = TypeVar("T")

_BY_NAME = sa.select(metadef_namespaces).where(metadef_namespaces.c.namespace == sa.bindparam("name"))


class Difference(msgspec.Struct, frozen=True):
    """`item` is what the document holds; None where it is to go."""

    change: MetadefChange
    item: Any


def differences(db: sa.Connection, new: NewNamespace, how: Loading) -> list[Difference]:
    """In the order in which they are to be written."""
    row = db.execute(_BY_NAME, {"name": new.fields.name}).fetchone()
    if row is None:
        name = new.fields.name
        return [_difference("add", "namespace", name, new.fields), *_contents(None, new, "merge")]
    if how == "new":
        return []
    found = namespaces.contents(db, row)
    differs = how in {"prefer-new", "overwrite"} and namespaces.fields_of(row) != new.fields
    own = [_difference("change", "namespace", new.fields.name, new.fields)] if differs else []
    return [*own, *_contents(found, new, how)]


def _contents(found: NamespaceContents | None, new: NewNamespace, how: Loading) -> Iterator[Difference]:
    linked = [
        NewAssociation(name=each.name, prefix=each.prefix, properties_target=each.properties_target)
        for each in (found.namespace.associations if found else ())
    ]
    objects = [
        NewObject(name=each.name, description=each.description, required=each.required, properties=each.properties)
        for each in (found.objects if found else ())
    ]
    properties = found.properties if found else ()
    tags = {tag.name: tag.name for tag in (found.tags if found else ())}
    yield from _compared("resource type", _named(linked), _named(new.associations), how, _same)
    yield from _compared("property", _named(properties), _named(new.properties), how, _same_property)
    yield from _compared("object", _named(objects), _named(new.objects), how, _same_object)
    yield from _compared("tag", tags, {name: name for name in new.tags}, how, _same)


def _compared(
    kind: Kind, old: Mapping[str, T], new: Mapping[str, T], how: Loading, same: Callable[[T, T], bool]
) -> Iterator[Difference]:
    for action, name in compared(old, new, how, same):
        yield _difference(action, kind, name, new.get(name))


def write(change: Change, new: NewNamespace, found: Sequence[Difference]) -> None:
    """In one go. Raises NotFound, Duplicate where the database changed since."""
    if not found:
        return
    first = found[0].change
    if (first.action, first.kind) == ("add", "namespace"):
        namespace_id = namespaces.add(change, new.fields, touched=False)
        found = found[1:]
    else:
        namespace_id = namespaces.locked(change.db, new.fields.name).id
    for each in found:
        _write(change, namespace_id, new, each)


def _write(change: Change, namespace_id: int, new: NewNamespace, what: Difference) -> None:
    kind, action, name = what.change.kind, what.change.action, what.change.name
    if kind == "namespace":
        namespaces.alter(change, namespace_id, new.fields)
    elif kind == "resource type":
        _write_association(change, namespace_id, what)
    elif action == "remove":
        items.remove(change, namespace_id, kind, name)
    elif action == "change":
        items.alter(change, namespace_id, kind, name, _values(kind, what.item))
    else:
        _ADD[kind](change, namespace_id, what.item)


def _write_association(change: Change, namespace_id: int, what: Difference) -> None:
    if what.change.action == "add":
        associations.add(change, namespace_id, what.item, touched=False)
    elif what.change.action == "change":
        associations.alter(change, namespace_id, what.item)
    else:
        associations.remove(change, namespace_id, what.change.name)


def _values(kind: ItemKind, item: Any) -> dict[str, object]:  # noqa: ANN401 - of the type that the kind has
    return items.property_values(item) if kind == "property" else items.object_values(item)


_ADD: Mapping[ItemKind, Callable[[Change, int, Any], None]] = {
    "property": lambda change, namespace_id, item: items.add_properties(change, namespace_id, [item], touched=False),
    "object": lambda change, namespace_id, item: items.add_objects(change, namespace_id, [item], touched=False),
    "tag": lambda change, namespace_id, item: items.add_tags(change, namespace_id, [item], touched=False),
}


def _same(old: object, new: object) -> bool:
    return old == new


def _same_property(old: Any, new: Any) -> bool:  # noqa: ANN401 - MetadefProperty
    return _normal(old.definition) == _normal(new.definition)


def _same_object(old: NewObject, new: NewObject) -> bool:
    mine, other = _normal_all(old.properties), _normal_all(new.properties)
    return (old.description, old.required, mine) == (new.description, new.required, other)


def _normal(text: str) -> object:
    """What a definition means; a text that holds none is only equal to itself."""
    try:
        return definitions.decoded(text)
    except msgspec.DecodeError:
        return text


def _normal_all(text: str) -> object:
    try:
        return definitions.decoded_all(text)
    except msgspec.DecodeError:
        return text


def _named(found: Sequence[T]) -> dict[str, T]:
    return {each.name: each for each in found}  # type: ignore[attr-defined]  # each kind has a name


def _difference(action: Action, kind: Kind, name: str, item: object) -> Difference:
    return Difference(MetadefChange(action=action, kind=kind, name=name), item)
