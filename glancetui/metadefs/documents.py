"""Checked documents as the registry's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glancetui.definitions import documents
from glancetui.definitions import property as definitions
from glancetui.definitions.property import Property
from glancetui.registry.metadefs import (
    MetadefProperty,
    NamespaceFields,
    NewAssociation,
    NewNamespace,
    NewObject,
)

Document = Mapping[str, Any]  # JSON
OWNER = "admin"  # of a namespace that names none and comes from no project, as Glance's loader has it


def fields_of(document: Document, owner: str) -> NamespaceFields:
    """`owner` where the document names none."""
    return NamespaceFields(
        name=document["namespace"],
        owner=document.get("owner") or owner,
        display_name=document.get("display_name"),
        description=document.get("description"),
        visibility=document.get("visibility") or "private",
        protected=bool(document.get("protected")),
    )


def namespace_of(document: Document, owner: str, most: int) -> NewNamespace:
    """Of a document that `check_schema` has accepted. Raises BadRequest, Duplicate, LimitExceeded with the place."""
    documents.check_namespace(document, most=most)
    found = documents.properties_of(document.get("properties") or {}, "properties", most=most)
    return NewNamespace(
        fields=fields_of(document, owner),
        associations=tuple(association_of(each) for each in document.get("resource_type_associations") or ()),
        properties=tuple(stored_property(name, each) for name, each in found.items()),
        objects=tuple(object_of(each, most) for each in document.get("objects") or ()),
        tags=tuple(each["name"] for each in document.get("tags") or ()),
    )


def association_of(document: Document) -> NewAssociation:
    return NewAssociation(
        name=document["name"], prefix=document.get("prefix"), properties_target=document.get("properties_target")
    )


def object_of(document: Document, most: int) -> NewObject:
    """Raises BadRequest, LimitExceeded."""
    found = documents.check_object(document, most=most)
    return NewObject(
        name=document["name"],
        description=document.get("description"),
        required=tuple(document.get("required") or ()),
        properties=definitions.encode(found).decode(),
    )


def stored_property(name: str, definition: Property) -> MetadefProperty:
    return MetadefProperty(name=name, definition=definitions.stored(definition))
