"""JSON patches of images, in the two dialects of the API, read into operations and applied to an image as a whole.

Reading needs no image: it refuses what no image could take. Applying decides on one image and yields the change to
write, so that a change that lost a race is applied again to what is there by then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import msgspec

from glancetui.config.settings import ImageSettings
from glancetui.errors import BadRequest, Conflict, Forbidden, LimitExceeded
from glancetui.images.location_patch import LocationList
from glancetui.images.properties import WRITABLE, refuse_reserved
from glancetui.images.protection import Protections
from glancetui.images.quotas import check_count, check_properties
from glancetui.images.schemas import Schemas, as_integer
from glancetui.model import Caller, Image, ImageStatus
from glancetui.registry.interface import ImageChange

Verb = Literal["add", "remove", "replace"]
Dialect = Literal["v2.0", "v2.1"]
VERBS: tuple[Verb, ...] = ("add", "remove", "replace")
_FORMATS = frozenset({"container_format", "disk_format"})
_OPEN_STATUSES = frozenset({"queued", "importing"})  # in which the formats may still change
_BAD_ESCAPE = re.compile(r"~(?![01])")


class Operation(msgspec.Struct, frozen=True):
    """`name` is an attribute, a custom property, or `locations`."""

    verb: Verb
    name: str
    value: Any = None  # JSON; checked against the image's schema
    position: str | None = None  # in the list of locations, as it is written
    must_be_new: bool = False  # `add` of the older dialect refuses to overwrite


def read_patch(body: object, dialect: Dialect, schemas: Schemas, most: int) -> tuple[Operation, ...]:
    """The operations of a decoded body. Raises BadRequest, Forbidden; LimitExceeded beyond `most` operations."""
    if not isinstance(body, list):
        raise BadRequest("The body must be a JSON list of operations.")
    if len(body) > most:
        raise LimitExceeded(f"A patch has at most {most} operations, and this has {len(body)}. Send several.")
    return tuple(_read_operation(item, dialect, schemas) for item in body)


def _read_operation(item: object, dialect: Dialect, schemas: Schemas) -> Operation:
    if not isinstance(item, dict):
        raise BadRequest("Each operation must be a JSON object.")
    verb, pointer = _verb_and_path_21(item) if dialect == "v2.1" else _verb_and_path_20(item)
    parts = _read_pointer(pointer)
    name = parts[0]
    _check_depth(verb, parts, pointer)
    refuse_reserved(name)
    if name == "id":
        raise Forbidden("Attribute id is read-only. Leave it out.")
    position = parts[1] if len(parts) == 2 else None
    if verb == "remove":
        return Operation(verb, name, position=position)
    if "value" not in item:
        raise BadRequest(f"Operation {verb} of {pointer} needs a member named value.")
    value = as_integer(name, item["value"])
    schemas.check_part({name: [value] if len(parts) == 2 else value})
    return Operation(verb, name, value, position, must_be_new=verb == "add" and dialect == "v2.0")


def _verb_and_path_21(item: dict[str, Any]) -> tuple[Verb, str]:
    verb, pointer = item.get("op"), item.get("path")
    if verb not in VERBS:
        raise BadRequest("Each operation needs a member op that is add, remove or replace.")
    return cast("Verb", verb), _text(pointer)


def _verb_and_path_20(item: dict[str, Any]) -> tuple[Verb, str]:
    verbs = [verb for verb in VERBS if verb in item]
    if len(verbs) != 1:
        raise BadRequest("Each operation needs exactly one member named add, remove or replace.")
    return verbs[0], _text(item[verbs[0]])


def _text(pointer: object) -> str:
    if not isinstance(pointer, str):
        raise BadRequest("Each operation needs a path that is a text, such as /name.")
    return pointer


def _read_pointer(pointer: str) -> list[str]:
    if not pointer.startswith("/") or pointer.endswith("/") or "//" in pointer:
        raise BadRequest(f"Path {pointer[:80]!r} must start with one slash, and neither end with one nor double it.")
    if _BAD_ESCAPE.search(pointer):
        raise BadRequest(f"In path {pointer[:80]!r} a ~ must be followed by 0 or 1.")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _check_depth(verb: Verb, parts: list[str], pointer: str) -> None:
    """One step, but for a place in the list of locations."""
    wanted = 2 if parts[0] == "locations" and verb in {"add", "remove"} else 1
    if len(parts) != wanted:
        raise BadRequest(f"Path {pointer[:80]!r} does not lead to an attribute of an image.")


class _Draft:
    """An image in the middle of a patch."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.base: dict[str, Any] = {}
        self.properties = dict(image.properties)
        self.locations = LocationList(image)

    def change(self) -> ImageChange:
        changed: dict[str, Any] = dict(self.base)
        if self.locations.changed:
            changed["locations"] = tuple(self.locations.rows)
            if self.locations.said is not None and self.image.status == ImageStatus.QUEUED:
                changed.update(self.locations.said.facts())
        if self.properties != self.image.properties:
            changed["properties"] = self.properties
        return ImageChange(**changed)


def apply_patch(
    image: Image,
    operations: Sequence[Operation],
    caller: Caller,
    settings: ImageSettings,
    permit: Callable[[str], None],
    protections: Protections,
) -> ImageChange:
    """What `operations` change of `image`, all of them or, by an error, none.

    `permit` raises where a policy rule refuses the caller. Raises Forbidden, Conflict, LimitExceeded.
    """
    draft = _Draft(image)
    for operation in operations:
        _apply(draft, operation, caller, permit, settings, protections)
    check_properties(settings.property_quota, draft.properties, image.properties)
    if "tags" in draft.base:
        check_count("tags", settings.tag_quota, draft.base["tags"], image.tags)
    urls = [[row.url for row in rows] for rows in (draft.locations.rows, draft.locations.before)]
    check_count("locations", settings.location_quota, *urls)
    return draft.change()


def _apply(
    draft: _Draft,
    operation: Operation,
    caller: Caller,
    permit: Callable[[str], None],
    settings: ImageSettings,
    protections: Protections,
) -> None:
    if operation.name == "locations":
        _apply_to_locations(draft, operation, permit, settings)
    elif operation.name in WRITABLE:
        _apply_to_attribute(draft, operation, caller, permit)
    else:
        permit("modify_image")
        _apply_to_property(draft, operation, caller, protections)


def _apply_to_locations(
    draft: _Draft, operation: Operation, permit: Callable[[str], None], settings: ImageSettings
) -> None:
    permit("delete_image_location" if operation.verb == "remove" else "set_image_location")
    if not settings.show_multiple_locations:
        raise Forbidden("Locations cannot be changed where they are not shown (option show_multiple_locations).")
    draft.locations.apply(operation.verb, operation.position, operation.value)


def _apply_to_attribute(draft: _Draft, operation: Operation, caller: Caller, permit: Callable[[str], None]) -> None:
    name, value = operation.name, operation.value
    if name == "visibility" and value == "public":
        permit("publicize_image")
    elif name == "visibility" and value == "community":
        permit("communitize_image")
    permit("modify_image")
    if operation.verb == "remove":
        raise Forbidden(f"Attribute {name} cannot be removed. Replace its value instead.")
    if operation.must_be_new:
        raise Conflict(f"Attribute {name} is there already. Use replace.")
    if name == "owner" and not caller.is_admin:
        raise Forbidden("Only an administrator gives an image to another project.")
    if name in _FORMATS and draft.image.status not in _OPEN_STATUSES:
        raise Forbidden(f"Attribute {name} can change only while the image is queued; it is {draft.image.status}.")
    draft.base[name] = tuple(dict.fromkeys(value)) if name == "tags" else value


def _apply_to_property(draft: _Draft, operation: Operation, caller: Caller, protections: Protections) -> None:
    there = operation.name in draft.properties and protections.allows("read", operation.name, caller)
    if operation.verb == "add":
        if there and operation.must_be_new:
            raise Conflict(f"Property {operation.name} is there already. Use replace.")
    elif not there:
        raise Conflict(f"The image has no property {operation.name} to {operation.verb}.")
    if operation.verb == "remove":
        protections.enforce("delete", operation.name, caller)
        del draft.properties[operation.name]
    else:
        protections.enforce_setting(operation.name, draft.properties, caller)
        draft.properties[operation.name] = operation.value
