"""One property's definition: a JSON schema of few, fixed words. What is written, stored and shown has this form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from glancetui.errors import BadRequest

Kind = Literal["array", "boolean", "integer", "number", "object", "string"]
KINDS: tuple[str, ...] = ("array", "boolean", "integer", "number", "object", "string")
_SCALARS = (bool, int, float)
_LARGEST = 2**63 - 1


class Items(msgspec.Struct, omit_defaults=True):
    """What the members of an array are."""

    type: str | UnsetType = UNSET
    enum: list[Any] | UnsetType = UNSET  # Any: JSON; texts once it is in normal form


class Property(msgspec.Struct, omit_defaults=True):
    """In the order in which Glance shows the members. Words that Glance does not know are left out in reading."""

    name: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    operators: list[str] | UnsetType = UNSET
    default: Any = UNSET  # JSON; a text once it is in normal form, or what has no text: null, a list, an object
    readonly: bool | UnsetType = UNSET
    minimum: int | float | UnsetType = UNSET
    maximum: int | float | UnsetType = UNSET
    enum: list[Any] | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    minLength: int | UnsetType = UNSET  # noqa: N815 - JSON schema's spelling, here and below
    maxLength: int | UnsetType = UNSET  # noqa: N815
    confidential: bool | UnsetType = UNSET
    items: Items | UnsetType = UNSET
    uniqueItems: bool | UnsetType = UNSET  # noqa: N815
    minItems: int | UnsetType = UNSET  # noqa: N815
    maxItems: int | UnsetType = UNSET  # noqa: N815
    additionalItems: bool | UnsetType = UNSET  # noqa: N815
    required: list[str] | UnsetType = UNSET


_decode = msgspec.json.Decoder(Property).decode
_decode_all = msgspec.json.Decoder(dict[str, Property]).decode
encode = msgspec.json.Encoder().encode


def decoded(text: str | bytes) -> Property:
    """A definition as it is stored, in normal form, without its name. Raises msgspec.DecodeError."""
    return normal(_decode(text))


def decoded_all(text: str | bytes) -> dict[str, Property]:
    """Definitions by name, as an object stores them; null is none. Raises msgspec.DecodeError."""
    if text in {"null", b"null"}:  # Glance's loader writes it for an object without properties
        return {}
    return {name: normal(each) for name, each in _decode_all(text).items()}


def from_document(document: Mapping[str, object]) -> Property:
    """A definition that a schema has accepted, in normal form, without its name."""
    return normal(msgspec.convert(document, Property))


def stored(definition: Property) -> str:
    """The text that the database keeps."""
    return encode(definition).decode()


def document_of(definition: Property) -> dict[str, Any]:
    """As JSON shows it."""
    built: dict[str, Any] = msgspec.to_builtins(definition)
    return built


def normal(definition: Property) -> Property:
    """Texts where the API has texts: Glance's own files hold numbers for defaults, and it shows `8` as `"8"`.

    No name: that is the key under which the definition stands, and a second one could differ from it.
    """
    definition.name = UNSET
    if isinstance(definition.default, _SCALARS):
        definition.default = str(definition.default)
    if definition.enum is not UNSET:
        definition.enum = texts(definition.enum)
    if definition.items is not UNSET and definition.items.enum is not UNSET:
        definition.items.enum = texts(definition.items.enum)
    return definition


def texts(values: list[Any]) -> list[Any]:
    for value in values:
        if type(value) is not str:  # most lists hold nothing else, and are left as they are
            return [str(each) if isinstance(each, _SCALARS) else each for each in values]
    return values


def check_bounds(definition: Property, place: str) -> None:
    """Raises BadRequest, naming `place`, for limits that no value can meet, or that are no numbers of JSON readers."""
    for least, most in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        low, high = getattr(definition, least), getattr(definition, most)
        for name, limit in ((least, low), (most, high)):
            if limit is not UNSET and not -_LARGEST <= limit <= _LARGEST:
                raise BadRequest(f"{place}.{name} is out of range: 64 bits are the most.")
        if low is not UNSET and high is not UNSET and low > high:
            raise BadRequest(f"{place}: {least} {low} is above {most} {high}, so no value would be right.")
