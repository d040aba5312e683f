"""Resource types, and which namespaces' properties go on them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import exc

from glancetui.errors import Duplicate, NotFound
from glancetui.registry.metadefs import Association, NewAssociation, ResourceType
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.metadefs import notices
from glancetui.registry.sql.tables import (
    metadef_namespace_resource_types as links,
)
from glancetui.registry.sql.tables import (
    metadef_resource_types as resource_types,
)

_OF = (
    sa.select(
        links.c.namespace_id,
        resource_types.c.name,
        links.c.prefix,
        links.c.properties_target,
        links.c.created_at,
        links.c.updated_at,
    )
    .join(resource_types, resource_types.c.id == links.c.resource_type_id)
    .where(links.c.namespace_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(links.c.namespace_id, links.c.resource_type_id)
)
_TYPE_ID = sa.select(resource_types.c.id).where(resource_types.c.name == sa.bindparam("name"))
_ADD_TYPE = sa.insert(resource_types)
_ADD = sa.insert(links)
_ONE = sa.and_(
    links.c.namespace_id == sa.bindparam("of_namespace"), links.c.resource_type_id == sa.bindparam("of_type")
)
_CHANGE = sa.update(links).where(_ONE)
_REMOVE = sa.delete(links).where(_ONE)
_REMOVE_ALL = sa.delete(links).where(links.c.namespace_id == sa.bindparam("of_namespace"))
_AT_ONCE = 500  # namespaces whose associations one statement asks for


def of_namespaces(db: sa.Connection, ids: Sequence[int]) -> dict[int, list[Association]]:
    found: dict[int, list[Association]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        for row in db.execute(_OF, {"ids": list(ids[start : start + _AT_ONCE])}):
            namespace_id, name, prefix, target, created_at, updated_at = tuple(row)
            association = Association(
                name=name, prefix=prefix, properties_target=target, created_at=created_at, updated_at=updated_at
            )
            found.setdefault(namespace_id, []).append(association)
    return found


def add(change: Change, namespace_id: int, new: NewAssociation, *, touched: bool) -> Association:
    """Raises Duplicate."""
    updated_at = change.now if touched else None
    values = {
        "namespace_id": namespace_id,
        "resource_type_id": type_id(change, new.name, touched=touched),
        "prefix": new.prefix,
        "properties_target": new.properties_target,
        "created_at": change.now,
        "updated_at": updated_at,
    }
    try:
        change.db.execute(_ADD, values)
    except exc.IntegrityError as error:
        raise Duplicate(f"The namespace is associated with resource type {new.name} already.") from error
    change.tell("metadef_resource_type.create")
    added = Association(
        name=new.name,
        prefix=new.prefix,
        properties_target=new.properties_target,
        created_at=change.now,
        updated_at=updated_at,
    )
    notices.association(change, "create", namespace_id, added)
    return added


def alter(change: Change, namespace_id: int, new: NewAssociation) -> None:
    change.db.execute(
        _CHANGE,
        {
            "of_namespace": namespace_id,
            "of_type": type_id(change, new.name, touched=True),
            "prefix": new.prefix,
            "properties_target": new.properties_target,
            "updated_at": change.now,
        },
    )


def remove(change: Change, namespace_id: int, resource_type: str) -> None:
    """Raises NotFound."""
    linked = of_namespaces(change.db, [namespace_id]).get(namespace_id, ())
    found = change.db.execute(_TYPE_ID, {"name": resource_type}).scalar()
    if found is None or not change.db.execute(_REMOVE, {"of_namespace": namespace_id, "of_type": found}).rowcount:
        raise NotFound(f"The namespace is not associated with resource type {resource_type}.")
    change.tell("metadef_resource_type.delete")
    for each in linked:
        if each.name == resource_type:
            notices.association(change, "delete", namespace_id, each)


def remove_all(change: Change, namespace_id: int) -> None:
    change.db.execute(_REMOVE_ALL, {"of_namespace": namespace_id})


def remove_types(change: Change) -> None:
    """Every resource type; no namespace may be left."""
    change.db.execute(sa.delete(resource_types))


def type_id(change: Change, name: str, *, touched: bool) -> int:
    """The number of a resource type, which is made where there is none.

    Two who make the same type at once on a server with many writers: the second hears Duplicate, and may try again.
    """
    found = change.db.execute(_TYPE_ID, {"name": name}).scalar()
    if found is not None:
        return int(found)
    # What a loader brings is protected, as Glance's loader has it.
    values = {
        "name": name,
        "protected": not touched,
        "created_at": change.now,
        "updated_at": change.now if touched else None,
    }
    try:
        added = change.db.execute(_ADD_TYPE, values)
    except exc.IntegrityError as error:
        raise Duplicate(f"Resource type {name} is being made by somebody else. Try again.") from error
    if added.inserted_primary_key is None:
        raise LookupError("The database gave the new resource type no number.")
    return int(added.inserted_primary_key[0])


def all_types(db: sa.Connection, limit: int | None, marker: str | None) -> list[ResourceType]:
    statement = sa.select(resource_types).order_by(resource_types.c.id).limit(limit)
    if marker is not None:
        after = db.execute(_TYPE_ID, {"name": marker}).scalar()
        if after is None:
            raise NotFound(f"The marker {marker} is no resource type. Start again without it.")
        statement = statement.where(resource_types.c.id > after)
    rows = db.execute(statement)
    return [ResourceType(name=row.name, created_at=row.created_at, updated_at=row.updated_at) for row in rows]
