"""Definitions as fields of forms, and back. What a form does not show, an edited definition keeps."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from glancetui.definitions.property import KINDS
from glancetui.errors import BadRequest
from glancetui.tui.boxes.form import Field, Values
from glancetui.tui.ports import Document
from glancetui.tui.shelf import text

_BOUNDS = {
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
}
_WORDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "enum", "items")
USELESS: Mapping[str, frozenset[str]] = {  # fields, by type
    "boolean": frozenset({"allowed", "least", "most", "pattern"}),
    "object": frozenset({"allowed", "least", "most", "pattern"}),
    "string": frozenset(),
    **dict.fromkeys(("array", "integer", "number"), frozenset({"pattern"})),
}


def property_fields(name: str = "", document: Document | None = None) -> list[Field]:
    given: Document = document or {}
    kind = given.get("type") if given.get("type") in KINDS else "string"
    least, most = _BOUNDS.get(str(kind), ("", ""))
    items = given.get("items")
    allowed = items.get("enum") if kind == "array" and isinstance(items, Mapping) else given.get("enum")
    return [
        Field(name="name", label="Name", value=name, hint="watchdog_action"),
        Field(name="type", label="Type", value=str(kind), words=KINDS),
        Field(name="title", label="Title", value=text(given.get("title")), hint="for people"),
        Field(name="description", label="Description", value=text(given.get("description"))),
        Field(
            name="allowed",
            label="Allowed",
            value=_spelled(allowed),
            hint='reset pause "power off"; empty: any',
            means=("enum", "items"),
        ),
        Field(
            name="least",
            label="At least",
            value=_number_text(given.get(least)),
            hint="of a text, its characters",
            means=("minimum", "minLength", "minItems"),
        ),
        Field(
            name="most",
            label="At most",
            value=_number_text(given.get(most)),
            means=("maximum", "maxLength", "maxItems"),
        ),
        Field(name="pattern", label="Pattern", value=text(given.get("pattern")), hint="a regular expression"),
        Field(name="default", label="Default", value=text(given.get("default"))),
        Field(name="sample", label="Try a value", hint="held against all of this while you type"),
    ]


def property_from(values: Values, before: Document | None = None) -> tuple[str, dict[str, Any]]:
    """Its name and its definition. Raises BadRequest for what cannot be read; whether it is right is not looked at."""
    kind = values["type"]
    document = {word: value for word, value in (before or {}).items() if word not in {*_WORDS, "name"}}
    document |= {"type": kind, "title": values["title"] or values["name"]}
    useless = USELESS[kind]
    least, most = _BOUNDS.get(kind, ("", ""))
    allowed = [] if "allowed" in useless else words_of("Allowed", values["allowed"])
    items = (before or {}).get("items") if kind == "array" else None
    found: dict[str, Any] = {
        "description": values["description"] or None,
        "default": values["default"] or None,
        "pattern": None if "pattern" in useless else values["pattern"] or None,
        "enum": allowed if allowed and kind != "array" else None,
    }
    if kind == "array":
        kept = {"type": "string", **(dict(items) if isinstance(items, Mapping) else {})}
        kept.pop("enum", None)
        found["items"] = {**kept, **({"enum": allowed} if allowed else {})}
    if least:
        found |= {least: _number("At least", values["least"], kind), most: _number("At most", values["most"], kind)}
    for word, value in found.items():
        document.pop(word, None)
        if value is not None:
            document[word] = value
    return values["name"].strip(), document


def _spelled(allowed: object) -> str:
    return shlex.join(map(str, allowed)) if isinstance(allowed, list) else ""


def words_of(label: str, typed: str) -> list[str]:
    """Words, quoted as in a shell where they hold blanks. Raises BadRequest."""
    try:
        return shlex.split(typed)
    except ValueError as error:
        raise BadRequest(f"{label}: {error}.") from error


def _number_text(value: object) -> str:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _number(label: str, typed: str, kind: str) -> int | float | None:
    if not typed.strip():
        return None
    try:
        return int(typed) if kind != "number" or typed.strip().lstrip("+-").isdecimal() else float(typed)
    except ValueError as error:
        raise BadRequest(f"{label}: {typed[:40]!r} is no number that fits.") from error


def namespace_fields(document: Document | None = None) -> list[Field]:
    """An edited namespace keeps its name: other things refer to it."""
    given: Document = document or {}
    name = [] if document else [Field(name="namespace", label="Name", hint="Site::Racks")]
    return [
        *name,
        Field(name="display_name", label="Title", value=text(given.get("display_name")), hint="for people"),
        Field(name="description", label="Description", value=text(given.get("description"))),
        Field(
            name="visibility",
            label="Visibility",
            value=text(given.get("visibility")) or "private",
            words=("private", "public"),
        ),
        Field(
            name="protected",
            label="Protected",
            value="yes" if given.get("protected") is True else "no",
            words=("no", "yes"),
        ),
    ]


def namespace_from(values: Values, before: Document | None = None) -> dict[str, Any]:
    own = {
        "display_name": values["display_name"],
        "description": values["description"],
        "visibility": values["visibility"],
        "protected": values["protected"] == "yes",
    }
    name = {} if before else {"namespace": values["namespace"].strip()}
    return {
        **(before or {}),
        **name,
        **{word: value for word, value in own.items() if value != "" or word in (before or {})},
    }


def object_fields(document: Document | None = None) -> list[Field]:
    given: Document = document or {}
    required = given.get("required")
    return [
        Field(name="name", label="Name", value=text(given.get("name"))),
        Field(name="description", label="Description", value=text(given.get("description"))),
        Field(
            name="required", label="Required", value=_spelled(required), hint="names of properties that must be there"
        ),
    ]


def object_from(values: Values, before: Document | None = None) -> dict[str, Any]:
    """Raises BadRequest."""
    kept = {word: value for word, value in (before or {}).items() if word not in {"description", "required"}}
    found = {"description": values["description"], "required": words_of("Required", values["required"])}
    return {**kept, "name": values["name"].strip(), **{word: value for word, value in found.items() if value}}


def association_fields(document: Document) -> list[Field]:
    return [
        Field(name="name", label="Type", value=text(document.get("name")), hint="OS::Glance::Image"),
        Field(name="prefix", label="Prefix", value=text(document.get("prefix")), hint="hw_"),
        Field(name="properties_target", label="For", value=text(document.get("properties_target")), hint="image"),
    ]


def association_from(values: Values) -> dict[str, str]:
    return {word: value.strip() for word, value in values.items() if value.strip()}
