"""Namespaces: finding, listing, making, changing, removing them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from glancetui.errors import Duplicate, Forbidden, NotFound
from glancetui.model import Viewer
from glancetui.registry.metadefs import (
    Association,
    Namespace,
    NamespaceContents,
    NamespaceFields,
    NamespaceQuery,
    NewNamespace,
)
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.expressions import exactly
from glancetui.registry.sql.metadefs import associations, items, notices
from glancetui.registry.sql.metadefs.keyset import beyond, ordering
from glancetui.registry.sql.tables import (
    metadef_namespace_resource_types as links,
)
from glancetui.registry.sql.tables import (
    metadef_namespaces as namespaces,
)
from glancetui.registry.sql.tables import (
    metadef_resource_types as resource_types,
)

_BY_NAME = sa.select(namespaces).where(namespaces.c.namespace == sa.bindparam("name"))
_LOCKED = _BY_NAME.with_for_update()
_ADD = sa.insert(namespaces)
_NAME_OF = sa.select(namespaces.c.namespace).where(namespaces.c.id == sa.bindparam("of_id"))
_CHANGE = sa.update(namespaces).where(namespaces.c.id == sa.bindparam("of_id"))
_DELETE = sa.delete(namespaces).where(namespaces.c.id == sa.bindparam("of_id"))


def one(db: sa.Connection, name: str, viewer: Viewer) -> sa.Row[Any]:
    """The row. Raises NotFound if absent, or private and another's."""
    row = db.execute(_BY_NAME, {"name": name}).fetchone()
    if row is None or not (viewer.is_admin or row.visibility == "public" or _owns(viewer, row)):
        raise absent(name)
    return row


def known(db: sa.Connection, name: str) -> sa.Row[Any]:
    """The row, whoever may see it. Raises NotFound."""
    row = db.execute(_BY_NAME, {"name": name}).fetchone()
    if row is None:
        raise absent(name)
    return row


def locked(db: sa.Connection, name: str) -> sa.Row[Any]:
    """The row, which nobody else changes before this transaction ends. Raises NotFound."""
    row = db.execute(_LOCKED, {"name": name}).fetchone()
    if row is None:
        raise absent(name)
    return row


def hold(db: sa.Connection, name: str) -> None:
    """As `locked`, where there is such a namespace."""
    db.execute(_LOCKED, {"name": name}).fetchone()


def refuse_protected(row: sa.Row[Any]) -> None:
    """Raises Forbidden."""
    if row.protected:
        raise Forbidden(
            f"Namespace {row.namespace} is protected, so nothing is removed from it. Set protected to false first."
        )


def show(db: sa.Connection, name: str, viewer: Viewer) -> Namespace:
    row = one(db, name, viewer)
    return namespace_of(row, associations.of_namespaces(db, [row.id]).get(row.id, ()))


def page(db: sa.Connection, query: NamespaceQuery) -> list[Namespace]:
    if query.limit < 1:
        return []
    descending = query.direction == "desc"
    columns = [namespaces.c[key] for key in dict.fromkeys((query.key, "created_at", "id"))]
    statement = sa.select(namespaces).where(*_asked(query))
    if query.marker is not None:
        marker = one(db, query.marker, query.viewer)
        values = [getattr(marker, column.name) for column in columns]
        statement = statement.where(beyond(columns, values, descending=descending))
    rows = db.execute(statement.order_by(*ordering(columns, descending=descending)).limit(query.limit)).fetchall()
    linked = associations.of_namespaces(db, [row.id for row in rows])
    return [namespace_of(row, linked.get(row.id, ())) for row in rows]


def _asked(query: NamespaceQuery) -> Iterable[sa.ColumnElement[bool]]:
    if not query.viewer.is_admin:
        public, project = namespaces.c.visibility == "public", query.viewer.project
        yield public if project is None else sa.or_(public, exactly(namespaces.c.owner, sa.literal(project)))
    if query.visibility is not None:
        yield namespaces.c.visibility == query.visibility
    if query.resource_types is not None:
        yield namespaces.c.id.in_(
            sa.select(links.c.namespace_id)
            .join(resource_types, resource_types.c.id == links.c.resource_type_id)
            .where(resource_types.c.name.in_(query.resource_types))
        )


def contents(db: sa.Connection, row: sa.Row[Any]) -> NamespaceContents:
    return NamespaceContents(
        namespace=namespace_of(row, associations.of_namespaces(db, [row.id]).get(row.id, ())),
        properties=tuple(items.properties_of(db, row.id)),
        objects=tuple(items.objects_of(db, row.id)),
        tags=tuple(items.tags_of(db, row.id)),
    )


def create(change: Change, new: NewNamespace) -> sa.Row[Any]:
    """With all that lies in it. Raises Duplicate."""
    namespace_id = add(change, new.fields, touched=True)
    for association in new.associations:
        associations.add(change, namespace_id, association, touched=True)
    items.add_properties(change, namespace_id, new.properties, touched=True)
    items.add_objects(change, namespace_id, new.objects, touched=True)
    items.add_tags(change, namespace_id, new.tags, touched=True)
    return locked(change.db, new.fields.name)


def add(change: Change, fields: NamespaceFields, *, touched: bool) -> int:
    """The number of the new row. `touched`: updated_at is set, as Glance's API does and its loader does not."""
    values = {**values_of(fields), "created_at": change.now, "updated_at": change.now if touched else None}
    try:
        added = change.db.execute(_ADD, values)
    except exc.IntegrityError as error:
        raise taken(fields.name) from error
    change.tell("metadef_namespace.create")
    if added.inserted_primary_key is None:
        raise LookupError("The database gave the new namespace no number.")
    namespace_id = int(added.inserted_primary_key[0])
    notices.namespace(change, "metadef_namespace.create", namespace_id, fields)
    return namespace_id


def alter(change: Change, namespace_id: int, fields: NamespaceFields) -> None:
    """Raises Duplicate."""
    was = change.db.execute(_NAME_OF, {"of_id": namespace_id}).scalar()
    try:
        change.db.execute(_CHANGE, {"of_id": namespace_id, **values_of(fields), "updated_at": change.now})
    except exc.IntegrityError as error:
        raise taken(fields.name) from error
    change.tell("metadef_namespace.update")
    notices.namespace(change, "metadef_namespace.update", namespace_id, fields, was)


def delete(change: Change, row: sa.Row[Any]) -> None:
    """With all that lies in it, protected or not."""
    notices.namespace(change, "metadef_namespace.delete", row.id, fields_of(row))
    for kind in items.TABLES:
        items.remove_all(change, row.id, kind)
    associations.remove_all(change, row.id)
    change.db.execute(_DELETE, {"of_id": row.id})
    change.tell("metadef_namespace.delete")


def values_of(fields: NamespaceFields) -> dict[str, object]:
    return {
        "namespace": fields.name,
        "display_name": fields.display_name,
        "description": fields.description,
        "visibility": fields.visibility,
        "protected": fields.protected,
        "owner": fields.owner,
    }


def fields_of(row: sa.Row[Any]) -> NamespaceFields:
    return NamespaceFields(
        name=row.namespace,
        owner=row.owner,
        display_name=row.display_name,
        description=row.description,
        visibility=row.visibility or "private",  # null is what Glance's loader writes where a file names none
        protected=bool(row.protected),
    )


def namespace_of(row: sa.Row[Any], linked: Sequence[Association]) -> Namespace:
    return Namespace(
        name=row.namespace,
        owner=row.owner,
        display_name=row.display_name,
        description=row.description,
        visibility=row.visibility or "private",
        protected=bool(row.protected),
        created_at=row.created_at,
        updated_at=row.updated_at,
        associations=tuple(linked),
    )


def _owns(viewer: Viewer, row: sa.Row[Any]) -> bool:
    return viewer.project is not None and row.owner == viewer.project


def absent(name: str) -> NotFound:
    return NotFound(f"No metadata namespace {name} is visible to you. Check its name, and the project of your token.")


def taken(name: str) -> Duplicate:
    return Duplicate(f"There is a metadata namespace {name} already.")
