"""A definition's constraint in words."""

from __future__ import annotations

from msgspec import UNSET

from glancetui.definitions.property import Items, Property

_ONE = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object",
    "string": "a text",
}
_MANY = {"boolean": "truths", "integer": "whole numbers", "number": "numbers", "string": "texts"}


def constraint(definition: Property) -> str:
    """What a value must be: a sentence without its capital and its full stop."""
    kind = definition.type if isinstance(definition.type, str) else "string"
    parts = [_subject(definition, kind)]
    if kind in {"integer", "number"}:
        parts.append(_between(definition.minimum, definition.maximum, ""))
    elif kind == "string":
        parts.append(_between(definition.minLength, definition.maxLength, " characters"))
        if definition.pattern is not UNSET:
            parts.append(f"that matches {definition.pattern}")
    elif kind == "array":
        parts.append(_between(definition.minItems, definition.maxItems, " members"))
        parts.append("none of them twice" if definition.uniqueItems is True else "")
    elif kind == "object" and definition.required:
        parts.append(f"with {', '.join(definition.required)}")
    return (", " if kind == "array" else " ").join(part for part in parts if part)


def _subject(definition: Property, kind: str) -> str:
    if kind == "array" and definition.items is not UNSET:
        return _list_of(definition.items)
    if definition.enum:
        return f"one of {_listed(definition.enum)}"
    return _ONE.get(kind, f"a {kind}")


def _list_of(items: Items) -> str:
    if items.enum:
        return f"a list of any of {_listed(items.enum)}"
    return f"a list of {_MANY.get(items.type, 'values') if isinstance(items.type, str) else 'values'}"


def _listed(allowed: list[object]) -> str:
    return ", ".join(str(each) for each in allowed)


def _between(least: object, most: object, unit: str) -> str:
    if least is not UNSET and most is not UNSET:
        return f"of {least}{unit}" if least == most and unit else f"from {least} to {most}{unit}"
    if least is not UNSET:
        return f"of at least {least}{unit}"
    return f"of at most {most}{unit}" if most is not UNSET else ""
