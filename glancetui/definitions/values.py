"""Holding a value against the definition of its property. Values are texts, as images and flavors carry them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
from msgspec import UNSET

from glancetui.definitions import operators, patterns
from glancetui.definitions.operators import Comparison
from glancetui.definitions.property import Property

_WORDS = ("minimum", "maximum", "pattern", "minLength", "maxLength", "uniqueItems", "minItems", "maxItems")
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})  # as Nova reads them, in any case
_FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_SHOWN = 12  # allowed values that a sentence lists


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """`constraint` is the word of the definition that the value breaks; `sentence` begins with the value."""

    constraint: str
    sentence: str


class Unreadable(ValueError):
    """The text is no value of its type."""


class Judge:
    """One definition, ready to be held against values. Usable from many threads."""

    def __init__(self, definition: Property) -> None:
        self.definition = definition
        self._type = definition.type if isinstance(definition.type, str) else "string"
        self._validator = _validator(_schema(definition, self._type))

    @property
    def takes_all(self) -> bool:
        """Any text is right: the definition only describes."""
        return self._type == "string" and self._validator is None

    def faults(self, value: str) -> list[Broken]:
        """What the value breaks; empty if it is right, or if the definition is one that nothing can be held against."""
        comparison = operators.read(value) if self.definition.operators else None
        if comparison is None:
            return list(self._held(value))
        return [fault for operand in comparison.operands for fault in self._compared(comparison, operand)]

    def _compared(self, comparison: Comparison, operand: str) -> Iterator[Broken]:
        if comparison.kind == "numbers" and not _NUMBER.fullmatch(operand):
            sentence = f"{operand!r} is no number, and {comparison.operator} compares numbers"
            yield Broken(constraint="operators", sentence=sentence)
        elif comparison.kind == "parts":
            allowed = self._allowed()
            if allowed and not any(operand in each for each in allowed):
                yield Broken(constraint="enum", sentence=f"{operand!r} is part of none of {listed(allowed)}")
        elif comparison.kind == "values":
            yield from self._held(operand)

    def _held(self, value: str) -> Iterator[Broken]:
        try:
            typed = read_as(self._type, value, self._item_type())
        except Unreadable as error:
            yield Broken(constraint="type", sentence=f"{value[:80]!r} is {error}")
            return
        if self._validator is None:
            return
        longest = self._validator.longest
        if longest is not None and len(value) > longest:
            sentence = f"{value[:80]!r}… is longer than the {longest} characters that its pattern can be held against"
            yield Broken(constraint="pattern", sentence=sentence)
            return
        yield from (self._broken(value, each) for each in self._validator.schema.iter_errors(typed))

    def _broken(self, value: str, error: jsonschema_rs.ValidationError) -> Broken:
        constraint = next((str(part) for part in reversed(list(error.schema_path)) if isinstance(part, str)), "")
        found = str(error.instance) if error.instance_path else value
        shown = f"{found[:80]!r}"
        if constraint == "enum":
            allowed = self._allowed()
            near = difflib.get_close_matches(found, allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return Broken(constraint="enum", sentence=f"{shown} is none of {listed(allowed)}{hint}")
        told = _SENTENCES.get(constraint)
        limit = getattr(self.definition, constraint, UNSET)
        sentence = f"{shown} {told.format(limit)}" if told and limit is not UNSET else f"{shown}: {error.message}"
        return Broken(constraint=constraint, sentence=sentence)

    def _allowed(self) -> list[str]:
        items = self.definition.items
        enum = items.enum if self._type == "array" and items is not UNSET else self.definition.enum
        return [str(each) for each in enum] if isinstance(enum, list) else []

    def _item_type(self) -> str:
        items = self.definition.items
        return items.type if items is not UNSET and isinstance(items.type, str) else "string"


_SENTENCES = {
    "minimum": "is less than {}",
    "maximum": "is more than {}",
    "pattern": "does not match {}",
    "minLength": "is shorter than {} characters",
    "maxLength": "is longer than {} characters",
    "uniqueItems": "names something twice",
    "minItems": "has fewer than {} members",
    "maxItems": "has more than {} members",
}


def read_as(kind: str, value: str, item_kind: str = "string") -> Any:  # noqa: ANN401 - JSON
    """The text as JSON of its type. Raises Unreadable with the end of a sentence that begins with the value."""
    text = value.strip()
    if kind == "integer":
        if not _INTEGER.fullmatch(text):
            raise Unreadable("no whole number")
        return int(text)
    if kind == "number":
        if not _NUMBER.fullmatch(text):
            raise Unreadable("no number")
        return int(text) if _INTEGER.fullmatch(text) else float(text)
    if kind == "boolean":
        if text.lower() not in _TRUE | _FALSE:
            raise Unreadable("neither true nor false")
        return text.lower() in _TRUE
    if kind == "array":
        return [read_as(item_kind, each) for each in _members(text)]
    if kind == "object":
        return _json(text, dict, "no JSON object")
    return value


def _members(text: str) -> list[str]:
    if text.startswith("["):
        return [each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in _list(text)]
    return [each.strip() for each in text.split(",")] if text else []


def _list(text: str) -> list[Any]:
    found: list[Any] = _json(text, list, "no JSON list")
    return found


def _json(text: str, kind: type, otherwise: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(otherwise) from error


def listed(allowed: list[str]) -> str:
    more = f" and {len(allowed) - _SHOWN} more" if len(allowed) > _SHOWN else ""
    return ", ".join(allowed[:_SHOWN]) + more


def _schema(definition: Property, kind: str) -> dict[str, Any]:
    schema = {word: getattr(definition, word) for word in _WORDS if getattr(definition, word) is not UNSET}
    if definition.enum:
        schema["enum"] = _typed(kind, definition.enum)
    if kind == "array" and definition.items is not UNSET and definition.items.enum:
        item_kind = definition.items.type if isinstance(definition.items.type, str) else "string"
        schema["items"] = {"enum": _typed(item_kind, definition.items.enum)}
    if kind == "object" and definition.required:
        schema["required"] = definition.required
    return schema


def _typed(kind: str, allowed: list[Any]) -> list[Any]:
    """Allowed values as values of the type; one that is none of it can be met by nothing, and stays as it is."""
    found = []
    for each in allowed:
        try:
            found.append(read_as(kind, each) if isinstance(each, str) else each)
        except Unreadable:
            found.append(each)
    return found


def _validator(schema: dict[str, Any]) -> patterns.Validator | None:
    """None for a schema that is none: an old database may hold such, and no value can be held against it."""
    try:
        return patterns.validator(schema) if schema else None
    except (ValueError, jsonschema_rs.ValidationError):
        return None
