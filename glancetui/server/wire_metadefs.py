"""Metadata definitions as the JSON of the API. What is null is left out, as Glance leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from glancetui.definitions import property as definitions
from glancetui.definitions.property import Property
from glancetui.errors import RegistryUnavailable
from glancetui.registry.metadefs import (
    Association,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    Namespace,
    NamespaceContents,
    ResourceType,
)
from glancetui.server.wire import encode

NAMESPACES = "/v2/metadefs/namespaces"
_SCHEMAS = "/v2/schemas/metadefs/"

Text = str | UnsetType


class _Association(msgspec.Struct, omit_defaults=True, gc=False):
    name: str
    prefix: Text = UNSET
    properties_target: Text = UNSET
    created_at: Text = UNSET
    updated_at: Text = UNSET


class _Tag(msgspec.Struct, omit_defaults=True, gc=False):
    name: str
    created_at: Text = UNSET
    updated_at: Text = UNSET


class _Object(msgspec.Struct, omit_defaults=True):
    name: str
    required: tuple[str, ...] | UnsetType = UNSET
    description: Text = UNSET
    properties: dict[str, Property] | UnsetType = UNSET
    created_at: Text = UNSET
    updated_at: Text = UNSET
    self_: Text = msgspec.field(name="self", default=UNSET)
    schema: Text = UNSET


class _Namespace(msgspec.Struct, omit_defaults=True, kw_only=True):
    namespace: str
    display_name: Text = UNSET
    description: Text = UNSET
    visibility: str
    protected: bool
    owner: str
    created_at: Text = UNSET
    updated_at: Text = UNSET
    resource_type_associations: list[_Association] | UnsetType = UNSET
    properties: dict[str, Property] | UnsetType = UNSET
    objects: list[_Object] | UnsetType = UNSET
    tags: list[_Tag] | UnsetType = UNSET
    self_: str = msgspec.field(name="self")
    schema: str


def namespace_json(namespace: Namespace) -> bytes:
    return encode(_namespace(namespace, linked=False))


def namespaces_json(namespaces: Sequence[Namespace], first: str, following: str | None) -> bytes:
    page: dict[str, Any] = {"namespaces": [_namespace(each) for each in namespaces], "first": first}
    if following is not None:
        page["next"] = following
    return encode({**page, "schema": _SCHEMAS + "namespaces"})


def contents_json(found: NamespaceContents, resource_type: str | None = None) -> bytes:
    """`resource_type`: names of properties as they are spelled on it."""
    prefix = _prefix(found.namespace, resource_type)
    shown = _namespace(found.namespace)
    name = found.namespace.name
    if found.properties:
        shown.properties = {prefix + each.name: _property(name, each) for each in found.properties}
    if found.objects:
        shown.objects = [_object(name, each, prefix) for each in found.objects]
    if found.tags:
        shown.tags = [_Tag(tag.name) for tag in found.tags]
    return encode(shown)


def created_json(found: NamespaceContents, document: Any) -> bytes:  # noqa: ANN401 - JSON
    """Glance answers with what it was sent: what lies in the namespace has neither times nor addresses here yet."""
    shown = _namespace(found.namespace, linked=False)
    name = found.namespace.name
    given = {kind for kind in ("resource_type_associations", "properties", "objects", "tags") if kind in document}
    if "resource_type_associations" in given:
        shown.resource_type_associations = [
            _Association(each.name, _text(each.prefix), _text(each.properties_target))
            for each in found.namespace.associations
        ]
    if "properties" in given:
        shown.properties = {each.name: _property(name, each) for each in found.properties}
    if "objects" in given:
        sent = {each["name"]: each for each in document["objects"]}
        shown.objects = [_as_sent(_object(name, each), sent[each.name]) for each in found.objects]
    if "tags" in given:
        shown.tags = [_Tag(tag.name) for tag in found.tags]
    return encode(shown)


def _as_sent(shown: _Object, sent: Any) -> _Object:  # noqa: ANN401 - JSON
    shown.created_at = shown.updated_at = shown.self_ = shown.schema = UNSET
    return _given(shown, sent)


def _given(shown: _Object, sent: Any) -> _Object:  # noqa: ANN401 - JSON
    """Without the empty sets of what was not sent."""
    if "required" not in sent:
        shown.required = UNSET
    if "properties" not in sent:
        shown.properties = UNSET
    return shown


def resource_types_json(found: Sequence[ResourceType], following: str | None) -> bytes:
    shown = [_Tag(each.name, _time(each.created_at), _time(each.updated_at)) for each in found]
    return encode(_paged({"resource_types": shown}, following))


def association_json(association: Association) -> bytes:
    return encode(_association(association))


def associations_json(found: Sequence[Association]) -> bytes:
    return encode({"resource_type_associations": [_association(each) for each in found]})


def property_json(namespace: str, found: MetadefProperty) -> bytes:
    return encode(_named(namespace, found))


def properties_json(namespace: str, found: Sequence[MetadefProperty], following: str | None) -> bytes:
    return encode(_paged({"properties": {each.name: _named(namespace, each) for each in found}}, following))


def _named(namespace: str, found: MetadefProperty) -> Property:
    """Raises RegistryUnavailable."""
    shown = _property(namespace, found)
    shown.name = found.name
    return shown


def object_json(namespace: str, found: MetadefObject) -> bytes:
    return encode(_object(namespace, found))


def sent_object_json(namespace: str, found: MetadefObject, document: Any) -> bytes:  # noqa: ANN401 - JSON
    """The answer to who has just sent it."""
    return encode(_given(_object(namespace, found), document))


def objects_json(namespace: str, found: Sequence[MetadefObject], following: str | None) -> bytes:
    page = _paged({"objects": [_object(namespace, each) for each in found]}, following)
    return encode(
        {**page, "schema": "v2/schemas/metadefs/objects"}
    )  # without a slash before it, as Glance's clients know


def tag_json(found: MetadefTag) -> bytes:
    return encode(_Tag(found.name, _time(found.created_at), _time(found.updated_at)))


def tags_json(found: Sequence[MetadefTag], following: str | None = None) -> bytes:
    return encode(_paged({"tags": [_Tag(each.name) for each in found]}, following))


def _paged(page: dict[str, Any], following: str | None) -> dict[str, Any]:
    return page if following is None else {**page, "next": following}


def _namespace(namespace: Namespace, *, linked: bool = True) -> _Namespace:
    return _Namespace(
        namespace=namespace.name,
        display_name=_text(namespace.display_name),
        description=_text(namespace.description),
        visibility=namespace.visibility,
        protected=namespace.protected,
        owner=namespace.owner,
        created_at=_time(namespace.created_at),
        updated_at=_time(namespace.updated_at),
        resource_type_associations=(linked and [_association(each) for each in namespace.associations]) or UNSET,
        self_=f"{NAMESPACES}/{namespace.name}",
        schema=_SCHEMAS + "namespace",
    )


def _association(found: Association) -> _Association:
    return _Association(
        found.name,
        _text(found.prefix),
        _text(found.properties_target),
        _time(found.created_at),
        _time(found.updated_at),
    )


def _property(namespace: str, found: MetadefProperty) -> Property:
    """Without its name, which is the key that it stands under. Raises RegistryUnavailable."""
    try:
        return definitions.decoded(found.definition)
    except msgspec.DecodeError as error:
        raise _unreadable(namespace, "property", found.name) from error


def _object(namespace: str, found: MetadefObject, prefix: str = "") -> _Object:
    """Raises RegistryUnavailable."""
    try:
        properties = definitions.decoded_all(found.properties)
    except msgspec.DecodeError as error:
        raise _unreadable(namespace, "object", found.name) from error
    return _Object(
        name=found.name,
        required=tuple([prefix + name for name in found.required]),
        description=_text(found.description),
        properties={prefix + name: each for name, each in properties.items()} if prefix else properties,
        created_at=_time(found.created_at),
        updated_at=_time(found.updated_at),
        self_=f"{NAMESPACES}/{namespace}/objects/{found.name}",
        schema=_SCHEMAS + "object",
    )


def _unreadable(namespace: str, kind: str, name: str) -> RegistryUnavailable:
    error = RegistryUnavailable(
        f"The database holds no definition for {kind} {name} of metadata namespace {namespace}, but other text. "
        "Delete it or write it anew."
    )
    error.told = str(error)  # it names nothing that the caller may not know, and who wrote it can put it right
    return error


def _prefix(namespace: Namespace, resource_type: str | None) -> str:
    return next((each.prefix or "" for each in namespace.associations if each.name == resource_type), "")


def _text(value: str | None) -> Text:
    return UNSET if value is None else value


def _time(at: datetime | None) -> Text:
    return UNSET if at is None else at.isoformat("T", "seconds") + "Z"
