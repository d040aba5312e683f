"""What the fuzzing tests know of the routes: paths, parameters and bodies, as an OpenAPI document.

It describes what makes sense; the fuzzer also sends what does not. It publishes nothing: the Image API's own documents
are /v2/schemas/….
"""

from __future__ import annotations

from typing import Any

FIXED = ("10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002")  # ids that the test creates
PATCH_21 = "application/openstack-images-v2.1-json-patch"
PATCH_20 = "application/openstack-images-v2.0-json-patch"

_ID = {"anyOf": [{"enum": list(FIXED)}, {"type": "string", "minLength": 1}]}
_TEXT = {"type": "string", "maxLength": 300}
_VALUE = {
    "anyOf": [_TEXT, {"type": "integer"}, {"type": "boolean"}, {"type": "null"}, {"type": "array", "items": _TEXT}]
}
_NAMES = [
    "/name",
    "/tags",
    "/visibility",
    "/protected",
    "/min_ram",
    "/disk_format",
    "/mine",
    "/locations/-",
    "/status",
    "/a~1b",
]
_POINTER = {"anyOf": [{"enum": _NAMES}, {"type": "string"}]}
_IMAGE = {
    "type": "object",
    "properties": {
        "name": {"type": ["string", "null"]},
        "visibility": {"enum": ["public", "private", "shared", "community", "nobody"]},
        "protected": {"type": "boolean"},
        "min_ram": {"type": "integer"},
        "min_disk": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 6},
        "disk_format": {"enum": ["raw", "qcow2", None, "floppy"]},
        "container_format": {"enum": ["bare", None]},
        "owner": {"type": ["string", "null"]},
        "kernel_id": {"type": ["string", "null"]},
    },
    "additionalProperties": {"type": "string"},
}
_OPERATIONS_21 = {
    "type": "array",
    "maxItems": 5,
    "items": {
        "type": "object",
        "properties": {"op": {"enum": ["add", "remove", "replace", "move"]}, "path": _POINTER, "value": _VALUE},
        "required": ["op", "path"],
    },
}
_OPERATIONS_20 = {
    "type": "array",
    "maxItems": 5,
    "items": {
        "type": "object",
        "properties": {"add": _POINTER, "replace": _POINTER, "remove": _POINTER, "value": _VALUE},
        "minProperties": 1,
    },
}
# Nothing that could lie anywhere: what passes the filter would be asked for.
_URL = {"anyOf": [{"enum": ["http://127.0.0.1/x", "http://[::1", "file:///etc/passwd", "rbd://a/b"]}, {"type": "null"}]}
_SAID = {
    "type": "object",
    "properties": {"os_hash_algo": {"enum": ["sha256", "md5", 5]}, "os_hash_value": _VALUE},
    "additionalProperties": _VALUE,
}
_LOCATION = {"type": "object", "properties": {"url": _URL, "validation_data": {"anyOf": [_SAID, _VALUE]}}}
_TIME = {"anyOf": [{"type": "string"}, {"enum": ["gt:2020-01-01T00:00:00Z", "neq:2030-01-01", "lte:2026-02-30"]}]}
_SORTS = {"anyOf": [{"type": "string"}, {"enum": ["name:asc", "size:desc,name", "created_at:asc,id:desc", "status"]}]}
_QUERY: dict[str, Any] = {
    "limit": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "marker": _ID,
    "name": {"anyOf": [{"type": "string"}, {"enum": ['in:a,"b,c"', "eq:x", "in:", 'in:"', "neq:x"]}]},
    "status": {"enum": ["queued", "in:queued,active", "nothing"]},
    "size_min": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "created_at": _TIME,
    "sort": _SORTS,
    "sort_key": {"enum": ["name", "size", "updated_at", "owner"]},
    "sort_dir": {"enum": ["asc", "desc", "up"]},
    "visibility": {"enum": ["public", "private", "shared", "community", "all", "none"]},
    "member_status": {"enum": ["pending", "accepted", "rejected", "all", "x"]},
    "protected": {"type": "boolean"},
    "tag": {"type": "string"},
    "q": {"type": "string"},
    "mine": {"type": "string"},
}
_HEADERS: dict[str, dict[str, Any]] = {
    "range": {
        "Range": {"anyOf": [{"enum": ["bytes=0-1", "bytes=-3", "bytes=9-", "bytes=0-1,3-4"]}, {"type": "string"}]}
    },
    "size": {"x-openstack-image-size": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
    "store": {"X-Image-Meta-Store": {"anyOf": [{"enum": ["file"]}, {"type": "string"}]}},
    "legacy": {"Content-Range": {"anyOf": [{"enum": ["bytes 0-1/*", "bytes 1-9/10"]}, {"type": "string"}]}},
}
_IMAGE_ID = {"name": "image_id", "in": "path", "required": True, "schema": _ID}
_MEMBER_ID = {"name": "member_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_TAG = {"name": "tag", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _operation(*parameters: dict[str, Any], **bodies: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {"parameters": list(parameters), "responses": {"default": {"description": "any"}}}
    if bodies:
        operation["requestBody"] = {"content": {media: {"schema": schema} for media, schema in bodies.items()}}
    return operation


def _headers(*names: str) -> list[dict[str, Any]]:
    return [{"name": header, "in": "header", "schema": of} for n in names for header, of in _HEADERS[n].items()]


def _object(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: _VALUE}}


def document() -> dict[str, Any]:
    query = [{"name": name, "in": "query", "schema": schema} for name, schema in _QUERY.items()]
    image, member, tag = _operation(_IMAGE_ID), _operation(_IMAGE_ID, _MEMBER_ID), _operation(_IMAGE_ID, _TAG)
    json, octets = "application/json", "application/octet-stream"
    prefer = {"name": "prefer", "in": "query", "schema": {"type": "string"}}
    binary = {"type": "string", "format": "binary"}
    paths = {
        "/v2/images": {"get": _operation(*query), "post": _operation(**{json: _IMAGE})},
        "/v2/images/{image_id}": {
            "get": image,
            "delete": image,
            "patch": _operation(_IMAGE_ID, **{PATCH_21: _OPERATIONS_21, PATCH_20: _OPERATIONS_20}),
        },
        "/v2/images/{image_id}/file": {
            "get": _operation(_IMAGE_ID, prefer, *_headers("range", "legacy")),
            "put": _operation(_IMAGE_ID, *_headers("size", "store", "legacy"), **{octets: binary, json: _IMAGE}),
        },
        "/v2/images/{image_id}/actions/deactivate": {"post": image},
        "/v2/images/{image_id}/actions/reactivate": {"post": image},
        "/v2/images/{image_id}/tags/{tag}": {"put": tag, "delete": tag},
        "/v2/images/{image_id}/members": {"get": image, "post": _operation(_IMAGE_ID, **{json: _object("member")})},
        "/v2/images/{image_id}/members/{member_id}": {
            "get": member,
            "delete": member,
            "put": _operation(_IMAGE_ID, _MEMBER_ID, **{json: _object("status")}),
        },
        "/v2/images/{image_id}/locations": {"get": image, "post": _operation(_IMAGE_ID, **{json: _LOCATION})},
        "/v2/info/stores/detail": {"get": _operation()},
        "/v2/stores/{member_id}/{image_id}": {"delete": member},
        "/v2/schemas/image": {"get": _operation()},
        "/v2/schemas/members": {"get": _operation()},
    }
    return {"openapi": "3.1.0", "info": {"title": "Image API", "version": "2"}, "paths": paths}
