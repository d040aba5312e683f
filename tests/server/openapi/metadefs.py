"""What the fuzzing tests know of the routes of metadata definitions."""

from __future__ import annotations

from typing import Any

NAMESPACE = "Fuzzed"  # that the test creates

_JSON = "application/json"
_TEXT = {"anyOf": [{"type": "string", "maxLength": 90}, {"enum": ["a/b", "😀", "", "..", "x" * 81]}]}
_ODD = {
    "anyOf": [
        {"type": "string"},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        {"type": "object", "maxProperties": 2},
    ]
}
_DEFINITION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": _TEXT,
        "title": {"type": "string"},
        "type": {"enum": ["string", "integer", "array", "int", None]},
        "pattern": {"anyOf": [{"type": "string"}, {"enum": ["(a+)+$", "((", "(?=a)\\1", "a{999}{999}"]}]},
        "enum": {"type": "array", "items": _ODD, "maxItems": 3},
        "default": _ODD,
        "minimum": _ODD,
        "maxLength": _ODD,
        "items": _ODD,
        "operators": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "$ref": {"type": "string"},
    },
    "required": ["name", "title", "type"],
}
_DEFINITIONS = {"type": "object", "additionalProperties": _DEFINITION, "maxProperties": 3}
_NAMED = {"type": "object", "properties": {"name": _TEXT}, "required": ["name"]}
_OBJECT = {
    "type": "object",
    "properties": {
        "name": _TEXT,
        "description": _ODD,
        "required": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "properties": _DEFINITIONS,
    },
    "required": ["name"],
}
_ASSOCIATION = {
    "type": "object",
    "properties": {"name": _TEXT, "prefix": _TEXT, "properties_target": _ODD},
    "required": ["name"],
}
_TAGS = {"type": "array", "items": _NAMED, "maxItems": 3}
_NAMESPACE = {
    "type": "object",
    "properties": {
        "namespace": _TEXT,
        "display_name": _ODD,
        "description": {"type": "string"},
        "visibility": {"enum": ["public", "private", "shared"]},
        "protected": _ODD,
        "properties": _DEFINITIONS,
        "objects": {"type": "array", "items": _OBJECT, "maxItems": 3},
        "tags": _TAGS,
        "resource_type_associations": {"type": "array", "items": _ASSOCIATION, "maxItems": 3},
    },
    "required": ["namespace"],
}


def _place(name: str, *known: str) -> dict[str, Any]:
    schema = {"anyOf": [{"enum": list(known)}, {"type": "string", "minLength": 1}]}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _asked(name: str, *known: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"anyOf": [{"enum": list(known)}, {"type": "string"}]}}


def _operation(*parameters: dict[str, Any], body: dict[str, Any] | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {"parameters": list(parameters), "responses": {"default": {"description": "any"}}}
    return operation if body is None else {**operation, "requestBody": {"content": {_JSON: {"schema": body}}}}


_IN = _place("namespace", NAMESPACE)
_NAME = _place("name", "a", "b")
_PAGE = (
    _asked("limit", "0", "1", "-1", "x"),
    _asked("marker", "a", NAMESPACE),
    _asked("sort_key", "name", "created_at", "namespace", "protected", "display_name"),
    _asked("sort_dir", "asc", "desc", "up"),
    _asked("visibility", "public", "private", "all"),
)


def _items(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    root = f"/v2/metadefs/namespaces/{{namespace}}/{kind}"
    resource_type = _asked("resource_type", "OS::X")
    return {
        root: {"get": _operation(_IN, *_PAGE), "post": _operation(_IN, body=body), "delete": _operation(_IN)},
        root + "/{name}": {
            "get": _operation(_IN, _NAME, resource_type),
            "put": _operation(_IN, _NAME, body=body if kind != "tags" else _NAMED),
            "delete": _operation(_IN, _NAME),
        },
    }


def paths() -> dict[str, Any]:
    root = "/v2/metadefs/namespaces"
    found = {
        root: {
            "get": _operation(*_PAGE, _asked("resource_types", "OS::X", "a,b")),
            "post": _operation(body=_NAMESPACE),
        },
        root + "/{namespace}": {
            "get": _operation(_IN, _asked("resource_type", "OS::X")),
            "put": _operation(_IN, body=_NAMESPACE),
            "delete": _operation(_IN),
        },
        root + "/{namespace}/resource_types": {"get": _operation(_IN), "post": _operation(_IN, body=_ASSOCIATION)},
        root + "/{namespace}/resource_types/{name}": {"delete": _operation(_IN, _NAME)},
        "/v2/metadefs/resource_types": {"get": _operation(*_PAGE)},
        "/v2/schemas/metadefs/namespaces": {"get": _operation()},
        **_items("properties", _DEFINITION),
        **_items("objects", _OBJECT),
        **_items("tags", {"type": "object", "properties": {"tags": _TAGS}}),
    }
    found[root + "/{namespace}/tags/{name}"]["post"] = _operation(_IN, _NAME)
    return found
