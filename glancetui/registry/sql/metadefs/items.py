"""What lies in a namespace: properties, objects, tags. The three tables differ in a column or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from glancetui.errors import Duplicate, LimitExceeded, NotFound
from glancetui.registry.metadefs import ItemKind, ItemQuery, MetadefObject, MetadefProperty, MetadefTag, NewObject
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.metadefs import notices
from glancetui.registry.sql.metadefs.keyset import beyond, ordering
from glancetui.registry.sql.tables import metadef_objects, metadef_properties, metadef_tags

TABLES: Mapping[ItemKind, sa.Table] = {
    "property": metadef_properties,
    "object": metadef_objects,
    "tag": metadef_tags,
}
PLURAL: Mapping[ItemKind, str] = {"property": "properties", "object": "objects", "tag": "tags"}

_PROPERTIES = (
    sa.select(metadef_properties.c.name, metadef_properties.c.json_schema)
    .where(metadef_properties.c.namespace_id == sa.bindparam("namespace_id"))
    .order_by(metadef_properties.c.name)
)
_OBJECTS = (
    sa.select(metadef_objects)
    .where(metadef_objects.c.namespace_id == sa.bindparam("namespace_id"))
    .order_by(metadef_objects.c.name)
)
_TAGS = (
    sa.select(metadef_tags)
    .where(metadef_tags.c.namespace_id == sa.bindparam("namespace_id"))
    .order_by(metadef_tags.c.created_at.desc(), metadef_tags.c.id.desc())
)

# -- reading -----------------------------------------------------------------------------------------------------------


def page(db: sa.Connection, namespace_id: int, kind: ItemKind, query: ItemQuery) -> Sequence[sa.Row[Any]]:
    table = TABLES[kind]
    descending = query.direction == "desc"
    order = (query.key, "created_at", "id") if query.key != "name" else ("name", "id")
    columns = [table.c[key] for key in dict.fromkeys(order)]
    statement = sa.select(table).where(table.c.namespace_id == namespace_id)
    if query.marker is not None:
        marker = one(db, namespace_id, kind, query.marker)
        values = [getattr(marker, column.name) for column in columns]
        statement = statement.where(beyond(columns, values, descending=descending))
    return db.execute(statement.order_by(*ordering(columns, descending=descending)).limit(query.limit)).fetchall()


def one(db: sa.Connection, namespace_id: int, kind: ItemKind, name: str) -> sa.Row[Any]:
    """Raises NotFound."""
    table = TABLES[kind]
    named = sa.and_(table.c.namespace_id == namespace_id, table.c.name == name)
    row = db.execute(sa.select(table).where(named)).fetchone()
    if row is None:
        raise NotFound(f"The namespace has no {kind} {name}.")
    return row


def properties_of(db: sa.Connection, namespace_id: int) -> list[MetadefProperty]:
    found = db.execute(_PROPERTIES, {"namespace_id": namespace_id}).fetchall()  # row by row takes twice as long
    return [MetadefProperty(name=name, definition=text) for name, text in found]


def objects_of(db: sa.Connection, namespace_id: int) -> list[MetadefObject]:
    return [object_of(row) for row in db.execute(_OBJECTS, {"namespace_id": namespace_id}).fetchall()]


def tags_of(db: sa.Connection, namespace_id: int) -> list[MetadefTag]:
    """Newest first, as a list of tags alone shows them."""
    return [tag_of(row) for row in db.execute(_TAGS, {"namespace_id": namespace_id}).fetchall()]


def property_of(row: sa.Row[Any]) -> MetadefProperty:
    return MetadefProperty(name=row.name, definition=row.json_schema)


def object_of(row: sa.Row[Any]) -> MetadefObject:
    return MetadefObject(
        name=row.name,
        description=row.description,
        required=tuple(row.required.split(",")) if row.required else (),
        properties=row.json_schema,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def tag_of(row: sa.Row[Any]) -> MetadefTag:
    return MetadefTag(name=row.name, created_at=row.created_at, updated_at=row.updated_at)


# -- writing -----------------------------------------------------------------------------------------------------------


def add_properties(change: Change, namespace_id: int, new: Sequence[MetadefProperty], *, touched: bool) -> None:
    """Raises Duplicate."""
    _add(change, namespace_id, "property", [property_values(each) for each in new], touched=touched)


def add_objects(change: Change, namespace_id: int, new: Sequence[NewObject], *, touched: bool) -> None:
    """Raises Duplicate."""
    _add(change, namespace_id, "object", [object_values(each) for each in new], touched=touched)


def add_tags(change: Change, namespace_id: int, names: Sequence[str], *, touched: bool) -> None:
    """Raises Duplicate."""
    _add(change, namespace_id, "tag", [{"name": name} for name in names], touched=touched)


def _add(
    change: Change, namespace_id: int, kind: ItemKind, rows: Sequence[Mapping[str, object]], *, touched: bool
) -> None:
    times = {"namespace_id": namespace_id, "created_at": change.now, "updated_at": change.now if touched else None}
    if not rows:
        return
    names = [row["name"] for row in rows]
    try:
        change.db.execute(sa.insert(TABLES[kind]), [{**row, **times} for row in rows])
    except exc.IntegrityError as error:
        what = f"{kind} {names[0]}" if len(names) == 1 else f"{kind} by one of these names"
        raise Duplicate(f"The namespace has the {what} already.") from error
    for row in rows:
        change.tell(f"metadef_{kind}.create")
        notices.item(change, kind, "create", namespace_id, {**row, **times}, str(row["name"]))


def check_room(change: Change, namespace_id: int, kind: ItemKind, more: int, most: int) -> None:
    """Raises LimitExceeded."""
    table = TABLES[kind]
    counted = sa.select(sa.func.count()).select_from(table).where(table.c.namespace_id == namespace_id)
    if (change.db.execute(counted).scalar() or 0) + more > most:
        raise LimitExceeded(f"A namespace has at most {most} {PLURAL[kind]}. Use another namespace, or remove some.")


def alter(change: Change, namespace_id: int, kind: ItemKind, name: str, values: Mapping[str, object]) -> None:
    """Raises NotFound; Duplicate where the new name is taken."""
    table = TABLES[kind]
    named = sa.and_(table.c.namespace_id == namespace_id, table.c.name == name)
    try:
        done = change.db.execute(sa.update(table).where(named).values(**values, updated_at=change.now))
    except exc.IntegrityError as error:
        raise Duplicate(f"The namespace has the {kind} {values['name']} already.") from error
    if not done.rowcount:
        raise NotFound(f"The namespace has no {kind} {name}.")
    change.tell(f"metadef_{kind}.update")
    if change.notices.wants(f"metadef_{kind}.update"):
        after = one(change.db, namespace_id, kind, str(values["name"]))._mapping
        notices.item(change, kind, "update", namespace_id, after, name)


def remove(change: Change, namespace_id: int, kind: ItemKind, name: str) -> None:
    """Raises NotFound."""
    table = TABLES[kind]
    named = sa.and_(table.c.namespace_id == namespace_id, table.c.name == name)
    notices.item(change, kind, "delete", namespace_id, one(change.db, namespace_id, kind, name)._mapping, name)
    if not change.db.execute(sa.delete(table).where(named)).rowcount:
        raise NotFound(f"The namespace has no {kind} {name}.")
    change.tell(f"metadef_{kind}.delete")


def remove_all(change: Change, namespace_id: int, kind: ItemKind) -> None:
    table = TABLES[kind]
    change.db.execute(sa.delete(table).where(table.c.namespace_id == namespace_id))


def property_values(new: MetadefProperty) -> dict[str, object]:
    return {"name": new.name, "json_schema": new.definition}


def object_values(new: NewObject) -> dict[str, object]:
    return {
        "name": new.name,
        "description": new.description,
        "required": ",".join(new.required) or None,
        "json_schema": new.properties,
    }
