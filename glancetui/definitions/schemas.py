"""The JSON schemas of metadata definitions, as /v2/schemas/metadefs/ publishes them.

Shapes, words and limits are Glance 33's, for its clients read them; the descriptions are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glancetui.definitions.property import KINDS

Schema = dict[str, Any]  # JSON has no narrower type

MAX_NAME = 80  # characters
MAX_NAMESPACE_DESCRIPTION = 500

_TYPE: Schema = {"type": "string", "enum": [*KINDS, None]}
_NAME: Schema = {"type": "string", "maxLength": MAX_NAME}
_TEXT: Schema = {"type": "string"}
_OWN: Schema = {"readOnly": True, "type": "string"}
_PROPERTY_WORDS: Schema = {
    "name": _NAME,
    "title": _TEXT,
    "description": _TEXT,
    "operators": {"type": "array", "items": {"type": "string"}},
    "type": _TYPE,
    "required": {"$ref": "#/definitions/stringArray"},
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "maxLength": {"$ref": "#/definitions/positiveInteger"},
    "minLength": {"$ref": "#/definitions/positiveIntegerDefault0"},
    "pattern": {"type": "string", "format": "regex"},
    "enum": {"type": "array"},
    "readonly": {"type": "boolean"},
    "default": {},
    "items": {"type": "object", "properties": {"type": _TYPE, "enum": {"type": "array"}}},
    "maxItems": {"$ref": "#/definitions/positiveInteger"},
    "minItems": {"$ref": "#/definitions/positiveIntegerDefault0"},
    "uniqueItems": {"type": "boolean", "default": False},
    "additionalItems": {"type": "boolean"},
}


def _definitions(**more: Schema) -> Schema:
    return {
        "positiveInteger": {"type": "integer", "minimum": 0},
        "positiveIntegerDefault0": {"allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]},
        "stringArray": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, **more},
    }


_ALL_DEFINITIONS: Schema = {
    **_definitions(),
    "property": {
        "type": "object",
        "additionalProperties": {"type": "object", "required": ["title", "type"], "properties": _PROPERTY_WORDS},
    },
}
_PROPERTY_DEFINITIONS = {
    **_definitions(),
    "stringArray": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
}


def _text(description: str, **more: object) -> Schema:
    return {"type": "string", "description": description, **more}


def _times(what: str) -> Schema:
    def at(when: str) -> Schema:
        return {"type": "string", "readOnly": True, "description": when, "format": "date-time"}

    return {"created_at": at(f"When the {what} was made."), "updated_at": at(f"When the {what} last changed.")}


_NAMESPACE_PROPERTIES: Schema = {
    "namespace": _text("Name of the namespace; there is one of each.", maxLength=MAX_NAME),
    "display_name": _text("What people are shown instead of the name.", maxLength=MAX_NAME),
    "description": _text("What the namespace is for.", maxLength=MAX_NAMESPACE_DESCRIPTION),
    "visibility": _text("Who sees it: everybody, or its project.", enum=["public", "private"]),
    "protected": {"type": "boolean", "description": "Whether it, and what lies in it, is safe from being deleted."},
    "owner": _text("Project that owns the namespace.", maxLength=255),
    **_times("namespace"),
    "schema": _OWN,
    "self": _OWN,
    "resource_type_associations": {
        "type": "array",
        "items": {"type": "object", "properties": {"name": _TEXT, "prefix": _TEXT, "properties_target": _TEXT}},
    },
    "properties": {"$ref": "#/definitions/property"},
    "objects": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "name": _TEXT,
                "description": _TEXT,
                "required": {"$ref": "#/definitions/stringArray"},
                "properties": {"$ref": "#/definitions/property"},
            },
        },
    },
    "tags": {"type": "array", "items": {"type": "object", "properties": {"name": _TEXT}}},
}
_OBJECT_PROPERTIES: Schema = {
    "name": _NAME,
    "description": _TEXT,
    "required": {"$ref": "#/definitions/stringArray"},
    "properties": {"$ref": "#/definitions/property"},
    "schema": _OWN,
    "self": _OWN,
    **_times("object"),
}
_ASSOCIATION_PROPERTIES: Schema = {
    "name": _text("Kind of resource, by the name that orchestration gives it: OS::Glance::Image.", maxLength=MAX_NAME),
    "prefix": _text("What stands before a property's name on such a resource, separator included.", maxLength=MAX_NAME),
    "properties_target": _text(
        "Which of several sets of properties is meant, where such a resource has more than one.", maxLength=MAX_NAME
    ),
    **_times("association"),
}


def _single(name: str, properties: Schema, required: list[str], definitions: Schema | None = None) -> Schema:
    document: Schema = {"name": name, "properties": properties, "additionalProperties": False, "required": required}
    return document if definitions is None else {**document, "definitions": definitions}


def _collection(name: str, values: Schema, definitions: Schema | None = None) -> Schema:
    document: Schema = {
        "name": name,
        "properties": {name: values, "first": _TEXT, "next": _TEXT, "schema": _TEXT},
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }
    return document if definitions is None else {**document, "definitions": definitions}


def _list_of(name: str, item: Schema, definitions: Schema | None = None) -> Schema:
    return _collection(name, {"type": "array", "items": item}, definitions)


def _documents() -> Mapping[str, Schema]:
    association = _single("resource_type_association", _ASSOCIATION_PROPERTIES, ["name"])
    tag = _single("tag", {"name": _NAME, **_times("tag")}, ["name"])
    named = _single("property", _PROPERTY_WORDS, ["type", "title", "name"], _PROPERTY_DEFINITIONS)
    by_name = {"type": "object", "additionalProperties": _single("property", _PROPERTY_WORDS, ["type", "title"])}
    return {
        "namespace": _single("namespace", _NAMESPACE_PROPERTIES, ["namespace"], _ALL_DEFINITIONS),
        "namespaces": _list_of(
            "namespaces", _single("namespace", _NAMESPACE_PROPERTIES, ["namespace"]), _ALL_DEFINITIONS
        ),
        "resource_type": association,
        "resource_types": _list_of("resource_type_associations", association),
        "property": named,
        "properties": _collection("properties", by_name, _PROPERTY_DEFINITIONS),
        "object": _single("object", _OBJECT_PROPERTIES, ["name"], _ALL_DEFINITIONS),
        "objects": _list_of("objects", _single("object", _OBJECT_PROPERTIES, ["name"]), _ALL_DEFINITIONS),
        "tag": tag,
        "tags": _list_of("tags", tag),
    }


#: By name as in /v2/schemas/metadefs/NAME.
DOCUMENTS: Mapping[str, Schema] = _documents()

# -- what is asked of documents that come in ---------------------------------------------------------------------------
# The published schemas leave open what Glance then stumbles over; these say it.

_SHOWN_BY_SERVER: Schema = {"created_at": {}, "updated_at": {}, "self": {}, "schema": {}}
_STRICT_TEXTS: Schema = {"type": "array", "items": {"type": ["string", "number", "boolean"]}}
_STRICT_PROPERTY_WORDS: Schema = {
    **_PROPERTY_WORDS,
    "type": {"type": "string", "enum": list(KINDS)},
    "enum": _STRICT_TEXTS,
    "items": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string", "enum": list(KINDS)}, "enum": _STRICT_TEXTS},
        "additionalProperties": False,
    },
    "confidential": {"type": "boolean"},
}
_STRICT_PROPERTY: Schema = {
    "type": "object",
    "required": ["title", "type"],
    "properties": _STRICT_PROPERTY_WORDS,
    "additionalProperties": False,
}
_STRICT_DEFINITIONS: Schema = {
    **_definitions(),
    "property": {"type": "object", "additionalProperties": _STRICT_PROPERTY},
}


def _strict(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_STRICT_TAG = _strict({"name": _NAME, **_SHOWN_BY_SERVER}, ["name"])
_STRICT_ASSOCIATION = _strict({**_ASSOCIATION_PROPERTIES, **_SHOWN_BY_SERVER}, ["name"])
_STRICT_OBJECT = _strict({**_OBJECT_PROPERTIES, **_SHOWN_BY_SERVER}, ["name"])
STRICT: Mapping[str, Schema] = {
    "namespace": _strict(
        {
            **_NAMESPACE_PROPERTIES,
            **_SHOWN_BY_SERVER,
            "resource_type_associations": {"type": "array", "items": _STRICT_ASSOCIATION},
            "objects": {"type": "array", "items": _STRICT_OBJECT},
            "tags": {"type": "array", "items": _STRICT_TAG},
        },
        ["namespace"],
    )
    | {"definitions": _STRICT_DEFINITIONS},
    "resource_type": _STRICT_ASSOCIATION,
    "property": {**_STRICT_PROPERTY, "required": ["name", "title", "type"], "definitions": _STRICT_DEFINITIONS},
    "object": {**_STRICT_OBJECT, "definitions": _STRICT_DEFINITIONS},
    "tag": _STRICT_TAG,
    "tags": _strict({"tags": {"type": "array", "items": _STRICT_TAG}}, ["tags"]),
}
