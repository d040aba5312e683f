"""The JSON schemas that describe images and members: published as documents, and used to check what clients send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jsonschema_rs

from glancetui.config.settings import ImageSettings
from glancetui.errors import BadRequest, ConfigError
from glancetui.images.properties import INTEGERS, MAX_INTEGER, MAX_NAME

Schema = dict[str, Any]  # JSON has no narrower type

UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
LONG_OF_TASK = frozenset({"input", "result", "message"})  # what a list of tasks leaves out
_MAX_SENTENCE = 300  # characters of a refusal: it may quote the client's own value
_STATUSES = (
    "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated",
)  # fmt: skip


def _text(description: str, **more: object) -> Schema:
    return {"type": "string", "description": description, **more}


def _text_or_null(description: str, **more: object) -> Schema:
    return {"type": ["null", "string"], "description": description, **more}


def _server(schema: Schema) -> Schema:
    return {**schema, "readOnly": True}


def _shipped_properties() -> Schema:
    """The custom properties that Glance describes in the schema-image.json that it ships."""
    return {
        "kernel_id": _text_or_null("Image with the kernel that an AMI-style image boots with.", pattern=UUID),
        "ramdisk_id": _text_or_null("Image with the ramdisk that an AMI-style image boots with.", pattern=UUID),
        "instance_uuid": _text("The instance that this image was made of; informational."),
        "architecture": _text("Architecture that the operating system in the image runs on."),
        "os_distro": _text("Common name of the operating system's distribution, in lower case."),
        "os_version": _text("Version of the operating system, as its distributor writes it."),
        "description": _text("A description of the image for people."),
        "cinder_encryption_key_id": _text(
            "Key manager's id of the key that the volume in the image is encrypted with."
        ),
        "cinder_encryption_key_deletion_policy": _text(
            "Whether the encryption key goes when the image is deleted.",
            enum=["on_image_deletion", "do_not_delete"],
        ),
    }


def _base_properties(settings: ImageSettings) -> Schema:
    return {
        "id": _text("Identifier of the image.", pattern=UUID),
        "name": _text_or_null("Name of the image; need not be unique.", maxLength=255),
        "status": _server(_text("Where the image is in its life.", enum=list(_STATUSES))),
        "visibility": _text("Who sees the image.", enum=["community", "public", "private", "shared"]),
        "protected": {"type": "boolean", "description": "Whether the image is safe from being deleted."},
        "os_hidden": {"type": "boolean", "description": "Whether lists leave the image out unless asked for it."},
        "checksum": _server(_text_or_null("MD5 of the image's data, in hex.", maxLength=32)),
        "os_hash_algo": _server(_text_or_null("Algorithm of os_hash_value.", maxLength=64)),
        "os_hash_value": _server(_text_or_null("Hash of the image's data, in hex.", maxLength=128)),
        "owner": _text_or_null("Project that owns the image.", maxLength=255),
        "size": _server({"type": ["null", "integer"], "description": "Size of the image's data in bytes."}),
        "virtual_size": _server({"type": ["null", "integer"], "description": "Size of the disk within, in bytes."}),
        "container_format": _text_or_null("Format of the container.", enum=[None, *settings.container_formats]),
        "disk_format": _text_or_null("Format of the disk.", enum=[None, *settings.disk_formats]),
        "created_at": _server(_text("When the image was registered.")),
        "updated_at": _server(_text("When the image last changed.")),
        "tags": {
            "type": "array",
            "description": "Labels of the image; a set.",
            "items": {"type": "string", "maxLength": MAX_NAME},
        },
        "direct_url": _server(_text("Where a store holds the image's data.")),
        "min_ram": {"type": "integer", "description": "Memory that the image needs to boot, in MiB."},
        "min_disk": {"type": "integer", "description": "Disk that the image needs to boot, in GiB."},
        "self": _server(_text("Address of the image.")),
        "file": _server(_text("Address of the image's data.")),
        "stores": _server(_text("Ids of the stores that hold the image's data, separated by commas.")),
        "schema": _server(_text("Address of this schema.")),
        "locations": {"type": "array", "description": "The copies of the image's data.", "items": _location()},
    }


def _location() -> Schema:
    validation = {
        "type": "object",
        "description": "Hashes to record for a queued image; to agree with for any other.",
        "writeOnly": True,
        "additionalProperties": False,
        "properties": {
            "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
            "os_hash_algo": {"type": "string", "maxLength": 64},
            "os_hash_value": {"type": "string", "maxLength": 128},
        },
        "required": ["os_hash_algo", "os_hash_value"],
    }
    return {
        "type": "object",
        "properties": {
            "url": {"type": "string", "maxLength": 255},
            "metadata": {"type": "object"},
            "validation_data": validation,
        },
        "required": ["url", "metadata"],
    }


def _member_properties() -> Schema:
    return {
        "member_id": _text("Project that the image is shared with."),
        "image_id": _text("Identifier of the image.", pattern=UUID),
        "created_at": _text("When the project became a member."),
        "updated_at": _text("When the membership last changed."),
        "status": _text("Whether the member has accepted the image.", enum=["pending", "accepted", "rejected"]),
        "schema": {"type": "string", "readOnly": True},
    }


def _task_properties() -> Schema:
    return {
        "id": _text("Identifier of the task.", pattern=UUID),
        "type": _text("What is done.", enum=["import", "api_image_import", "location_import"]),
        "status": _text("How far it is.", enum=["pending", "processing", "success", "failure"]),
        "input": {"type": ["null", "object"], "description": "What was asked for."},
        "result": {"type": ["null", "object"], "description": "What came of it."},
        "owner": _text("Project that asked."),
        "message": _text_or_null("Why it failed, or how far it is."),
        "image_id": _text_or_null("Image that it works on."),
        "request_id": _text_or_null("Request that began it."),
        "user_id": _text_or_null("User that asked."),
        "expires_at": _text_or_null("When it is forgotten; known once it has ended."),
        "created_at": _text("When it was asked for."),
        "updated_at": _text("When it last changed."),
        "self": {"type": "string", "readOnly": True},
        "schema": {"type": "string", "readOnly": True},
    }


def without(schema: Schema, names: Collection[str]) -> Schema:
    return {name: value for name, value in schema.items() if name not in names}


def _links(**targets: str) -> list[dict[str, str]]:
    return [{"rel": rel, "href": "{" + href + "}"} for rel, href in targets.items()]


class Schemas:
    """Built once from the settings. `documents` maps names as in /v2/schemas/NAME to published documents."""

    def __init__(self, settings: ImageSettings) -> None:
        """Raises ConfigError where schema-image.json is no schema."""
        custom = _custom_properties(settings)
        properties = {**_base_properties(settings), **custom}
        self._custom = tuple(custom)
        self.nullable = frozenset(name for name, schema in custom.items() if "null" in _types(schema))
        others: Schema | bool = {"type": "string"} if settings.allow_additional_properties else False
        image: Schema = {"name": "image", "properties": properties, "additionalProperties": others}
        if settings.schema_required:
            image["required"] = list(settings.schema_required)
        image["links"] = _links(self="self", enclosure="file", describedby="schema")
        member = {"name": "member", "properties": _member_properties()}
        task = _task_properties()
        self.documents: Mapping[str, Schema] = {
            "image": image,
            "images": _collection("images", image, paged=True),
            "member": member,
            "members": _collection("members", member, paged=False),
            "task": {"name": "task", "properties": task},
            "tasks": _collection("tasks", {"name": "task", "properties": without(task, LONG_OF_TASK)}, paged=False),
        }
        self._whole = _validator(properties, others, settings.schema_required)
        self._part = _validator(properties, others, ())

    def document(self, name: str, readable: Callable[[str], bool]) -> Schema:
        """As published, without those custom properties that are not `readable`."""
        if name not in {"image", "images"}:
            return self.documents[name]
        hidden = [custom for custom in self._custom if not readable(custom)]
        if not hidden:
            return self.documents[name]
        image = self.documents["image"]
        image = {**image, "properties": without(image["properties"], hidden)}
        return image if name == "image" else _collection("images", image, paged=True)

    def check_new(self, attributes: Mapping[str, object]) -> None:
        """Raises BadRequest that names the attribute; required ones must be there."""
        _check(self._whole, attributes)

    def check_part(self, attributes: Mapping[str, object]) -> None:
        """As `check_new`, for some attributes of an image that has the others."""
        _check(self._part, attributes)


def as_integer(name: str, value: object) -> object:
    """`value` of attribute `name`; 1.0 is 1, as for Glance: some clients write all numbers so. The database takes no
    1.0."""
    if name in INTEGERS and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _custom_properties(settings: ImageSettings) -> Schema:
    given = _shipped_properties() if settings.schema_properties is None else settings.schema_properties
    return {name: {**schema, "is_base": False} for name, schema in given.items()}


def _types(schema: Schema) -> list[str]:
    kinds = schema.get("type", ())
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _collection(name: str, item: Schema, *, paged: bool) -> Schema:
    pages = {"first": {"type": "string"}, "next": {"type": "string"}} if paged else {}
    links = _links(first="first", next="next") if paged else []
    return {
        "name": name,
        "properties": {name: {"type": "array", "items": item}, **pages, "schema": {"type": "string"}},
        "links": [*links, *_links(describedby="schema")],
    }


def _validator(properties: Schema, others: Schema | bool, required: tuple[str, ...]) -> jsonschema_rs.Draft4Validator:
    """Draft 4, where 1.0 is no integer (see `as_integer`); with the bounds that the documents leave unsaid."""
    bounded = {"minimum": 0, "maximum": MAX_INTEGER}
    strict = {**properties, **{name: {**properties[name], **bounded} for name in INTEGERS}}
    schema: Schema = {"type": "object", "properties": strict, "additionalProperties": others}
    if required:
        schema["required"] = list(required)
    try:
        return jsonschema_rs.Draft4Validator(schema, offline=True)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise ConfigError(f"schema-image.json is no JSON schema: {error}.") from error


def _check(validator: jsonschema_rs.Draft4Validator, attributes: Mapping[str, object]) -> None:
    try:
        validator.validate(attributes)
    except jsonschema_rs.ValidationError as error:
        raise BadRequest(_sentence(error)) from error
    except (ValueError, OverflowError) as error:  # a value that JSON schema cannot hold, such as a huge integer
        raise BadRequest(f"A value cannot be read: {error}.") from error
    for name, value in attributes.items():
        if _holds_nul(value):
            raise BadRequest(f"Attribute {name} holds a NUL character. Remove it.")


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    field = ".".join(str(part) for part in error.instance_path)
    sentence = f"Attribute {field}: {error.message}" if field else str(error.message)
    return sentence if len(sentence) <= _MAX_SENTENCE else sentence[:_MAX_SENTENCE] + "…"


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    return isinstance(value, list) and any(_holds_nul(item) for item in value)
