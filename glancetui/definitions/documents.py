"""Documents that come in, through the API or out of files: checked, or refused with the place that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import jsonschema_rs

from glancetui.definitions import patterns, schemas
from glancetui.definitions.property import Property, check_bounds, from_document
from glancetui.errors import BadRequest, Duplicate, Forbidden, LimitExceeded

Document = Mapping[str, Any]  # JSON

_MAX_SENTENCE = 400  # characters of a refusal: it may quote the document
_READ_ONLY = {
    "namespace": ("self", "schema", "created_at", "updated_at"),
    "object": ("self", "schema", "created_at", "updated_at"),
    "property": ("created_at", "updated_at"),
    "tag": ("created_at", "updated_at"),
    "tags": ("created_at", "updated_at"),
    "resource_type": ("created_at", "updated_at"),
}
_LAST_OF_THREE_BYTES = "\uffff"
_NO_PATTERN = 'is not a "regex"'  # how the validator says it


def check_new(kind: str, document: Document) -> None:
    """One thing that a client sends. Raises Forbidden for what only the service sets, BadRequest for all else."""
    for name in _READ_ONLY[kind]:
        if name in document:
            raise Forbidden(f"Attribute {name} is read-only. Leave it out.")
    check_schema(kind, document)


def check_schema(kind: str, document: Document) -> None:
    """Raises BadRequest that names the place."""
    try:
        _validator(kind).validate(document)
    except jsonschema_rs.ValidationError as error:
        raise BadRequest(_sentence(kind, error)) from error
    except (ValueError, OverflowError) as error:  # a value that JSON schema cannot hold, such as a huge integer
        raise BadRequest(f"A value of the {kind} cannot be read: {error}.") from error


def check_namespace(document: Document, *, most: int) -> None:
    """A whole namespace. Raises as `check_schema` does; Duplicate for a name that stands twice, LimitExceeded."""
    check_name(document["namespace"], "namespace")
    for name in ("display_name", "description", "owner"):
        _check_text(document.get(name), name)
    for kind in ("properties", "objects", "tags"):
        check_count(len(document.get(kind) or ()), kind, most)
    properties_of(document.get("properties") or {}, "properties", most=most)
    for place, each in enumerate(document.get("objects") or ()):
        check_object(each, f"objects.{place}", most=most)
    for place, each in enumerate(document.get("tags") or ()):
        check_name(each["name"], f"tags.{place}.name")
    for place, each in enumerate(document.get("resource_type_associations") or ()):
        check_association(each, f"resource_type_associations.{place}.")
    for kind in ("objects", "tags", "resource_type_associations"):
        check_once([each["name"] for each in document.get(kind) or ()], kind)


def check_object(document: Document, place: str = "", *, most: int) -> dict[str, Property]:
    """The object's properties. Raises BadRequest, LimitExceeded."""
    at = f"{place}." if place else ""
    check_name(document["name"], f"{at}name")
    _check_text(document.get("description"), f"{at}description")
    for name in document.get("required") or ():
        if "," in name:
            raise BadRequest(f"{at}required: the name {name[:80]!r} holds a comma, which separates such names.")
    return properties_of(document.get("properties") or {}, f"{at}properties", most=most)


def check_association(document: Document, place: str = "") -> None:
    check_name(document["name"], f"{place}name")
    for name in ("prefix", "properties_target"):
        _check_text(document.get(name), f"{place}{name}")


def properties_of(documents: Mapping[str, Document], place: str, *, most: int) -> dict[str, Property]:
    """In normal form, by name. Raises BadRequest, LimitExceeded."""
    check_count(len(documents), place, most)
    return {name: property_of(name, document, f"{place}.{name}") for name, document in documents.items()}


def property_of(name: str, document: Document, place: str) -> Property:
    """In normal form, without its name. Raises BadRequest."""
    check_name(name, place)
    found = from_document(document)
    for text in (found.title, found.description, found.pattern):
        _check_text(text, place)
    if isinstance(found.pattern, str):
        patterns.check_pattern(found.pattern, f"{place}.pattern")
    check_bounds(found, place)
    return found


def check_name(name: str, place: str) -> None:
    """Raises BadRequest."""
    shown = place[:200]
    if not 0 < len(name) <= schemas.MAX_NAME:
        raise BadRequest(f"{shown}: a name has 1 to {schemas.MAX_NAME} characters, and this has {len(name)}.")
    if "/" in name or "\0" in name or not name.strip("."):
        raise BadRequest(f"{shown}: the name {name!r} cannot stand in a path. Leave out slashes and NUL characters.")
    if max(name) > _LAST_OF_THREE_BYTES:
        raise BadRequest(f"{shown}: the name {name!r} holds a character of four bytes, which not all databases take.")


def check_count(count: int, what: str, most: int) -> None:
    if count > most:
        raise LimitExceeded(f"A namespace has at most {most} of {what}, and this has {count}. Split it.")


def check_once(names: Sequence[str], what: str) -> None:
    """Raises Duplicate."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Duplicate(f"{what}: {name} stands in the document twice.")
        seen.add(name)


def _check_text(text: object, place: str) -> None:
    if isinstance(text, str) and "\0" in text:
        raise BadRequest(f"{place[:200]} holds a NUL character. Remove it.")


@cache
def _validator(kind: str) -> jsonschema_rs.Draft4Validator:
    return jsonschema_rs.Draft4Validator(schemas.STRICT[kind], offline=True)


def _sentence(kind: str, error: jsonschema_rs.ValidationError) -> str:
    place = dotted(error.instance_path) or kind
    sentence = f"{place}: {error.message.replace(_NO_PATTERN, 'is no regular expression')}"
    half = _MAX_SENTENCE // 2  # what is quoted stands in the middle, what is wrong with it at the end
    return sentence if len(sentence) <= _MAX_SENTENCE else f"{sentence[:half]} … {sentence[-half:]}"


def dotted(path: Iterable[object]) -> str:
    return ".".join(str(part) for part in path)
