"""Notifications of metadata definitions, in Glance's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.registry.metadefs import Association, ItemKind, NamespaceFields
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.notices import PRESENT, gone, when
from glancetui.registry.sql.tables import metadef_namespaces

_SHOWN = (
    "type", "title", "description", "default", "minimum", "maximum", "enum", "pattern", "minLength", "maxLength",
    "confidential", "items", "uniqueItems", "minItems", "maxItems", "additionalItems",
)  # fmt: skip
_NAME = sa.select(metadef_namespaces.c.namespace).where(metadef_namespaces.c.id == sa.bindparam("of_id"))
_TIMES = sa.select(metadef_namespaces.c.created_at, metadef_namespaces.c.updated_at).where(
    metadef_namespaces.c.id == sa.bindparam("of_id")
)


def namespace(change: Change, kind: str, namespace_id: int, fields: NamespaceFields, was: str | None = None) -> None:
    """`was`: its name before the change. To be called while the namespace is there."""

    def payload() -> dict[str, Any]:
        created_at, updated_at = change.db.execute(_TIMES, {"of_id": namespace_id}).one()
        return {
            "namespace": fields.name,
            "namespace_old": was or fields.name,
            "display_name": fields.display_name,
            "protected": fields.protected,
            "visibility": fields.visibility,
            "owner": fields.owner,
            "description": fields.description,
            "created_at": when(created_at),
            "updated_at": when(updated_at or created_at),
            **(gone(change.now) if kind.endswith(".delete") else PRESENT),
        }

    change.notices.owe(kind, payload)


def item(change: Change, kind: ItemKind, what: str, namespace_id: int, row: Mapping[Any, Any], was: str) -> None:
    """`what`: create, update or delete. `row`: the columns; `was`: the name before the change."""

    def payload() -> dict[str, Any]:
        own = {"namespace": _name(change, namespace_id), "name": row["name"], "name_old": was}
        return {**own, **_BODY[kind](row), **(gone(change.now) if what == "delete" else PRESENT)}

    change.notices.owe(f"metadef_{kind}.{what}", payload)


def association(change: Change, what: str, namespace_id: int, linked: Association) -> None:
    change.notices.owe(
        f"metadef_resource_type.{what}",
        lambda: {
            "namespace": _name(change, namespace_id),
            "name": linked.name,
            "name_old": linked.name,
            "prefix": linked.prefix,
            "properties_target": linked.properties_target,
            **_times({"created_at": linked.created_at, "updated_at": linked.updated_at}),
            **(gone(change.now) if what == "delete" else PRESENT),
        },
    )


def _name(change: Change, namespace_id: int) -> str:
    return str(change.db.execute(_NAME, {"of_id": namespace_id}).scalar())


def _times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"created_at": when(row["created_at"]), "updated_at": when(row["updated_at"] or row["created_at"])}


def _property(row: Mapping[str, Any]) -> dict[str, Any]:
    return _definition(msgspec.json.decode(row["json_schema"] or "{}"))


def _object(row: Mapping[str, Any]) -> dict[str, Any]:
    properties = msgspec.json.decode(row["json_schema"] or "{}")
    return {
        "properties": [{"name": name, **_definition(each)} for name, each in properties.items()],
        "required": row["required"].split(",") if row["required"] else [],
        "description": row["description"],
        **_times(row),
    }


def _definition(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: schema.get(name) for name in _SHOWN}


_BODY = {"property": _property, "object": _object, "tag": _times}
