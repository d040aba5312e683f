"""Do two releases of an interface understand each other? Told from what each says of its own.

Values cross with their fields' names, unknown ones are passed over and missing ones take their defaults. So what only
one side has must have a default there; what both have must be of one type.
"""

from __future__ import annotations

import enum
import hashlib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from glancetui.registry.service.operations import Operation, Operations


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A parameter of an operation, or a field of a value."""

    kind: str
    optional: bool


Parts = Mapping[str, Part]


class Signature(msgspec.Struct, frozen=True, array_like=True):
    parameters: dict[str, Part]
    result: str
    values: tuple[str, ...]  # all that parameters and result are made of, by name


class Interface(msgspec.Struct, frozen=True, array_like=True):
    operations: dict[str, Signature]
    values: dict[str, dict[str, Part]]


def interface_of(operations: Operations) -> Interface:
    values: dict[str, dict[str, Part]] = {}
    return Interface({name: _signature(operation, values) for name, operation in operations.items()}, values)


def fingerprint(interface: Interface) -> str:
    """Equal for equal interfaces; others have to be compared."""
    return hashlib.sha256(msgspec.json.encode(interface, order="sorted")).hexdigest()[:32]


def incompatible(ours: Interface, theirs: Interface) -> str | None:
    """Why the two cannot work together, named by operation. An operation that one side lacks is no reason."""
    for name in sorted(ours.operations.keys() & theirs.operations.keys()):
        reason = next(_differences(name, ours, theirs), None)
        if reason is not None:
            return f"operation {name}: {reason}"
    return None


def _differences(name: str, ours: Interface, theirs: Interface) -> Iterator[str]:
    here, there = ours.operations[name], theirs.operations[name]
    yield from _apart("parameter ", here.parameters, there.parameters)
    if here.result != there.result:
        yield f"its result is {here.result} here and {there.result} there"
    for value in here.values:
        yield from _apart(f"{value}.", ours.values[value], theirs.values.get(value, ours.values[value]))


def _apart(prefix: str, here: Parts, there: Parts) -> Iterator[str]:
    for part in sorted(here.keys() | there.keys()):
        mine, other = here.get(part), there.get(part)
        if mine is not None and other is not None:
            if mine.kind != other.kind:
                yield f"{prefix}{part} is {mine.kind} here and {other.kind} there"
        elif not (mine or other).optional:  # type: ignore[union-attr]  # one of them is there
            yield f"{prefix}{part} is known {'here' if mine else 'there'} only and has no default"


def _signature(operation: Operation, values: dict[str, dict[str, Part]]) -> Signature:
    used: set[str] = set()
    parameters = _parts(operation.arguments, values, used)
    return Signature(parameters, _kind(operation.result, values, used), tuple(sorted(used)))


def _parts(struct: type[msgspec.Struct], values: dict[str, dict[str, Part]], used: set[str]) -> dict[str, Part]:
    hints = typing.get_type_hints(struct)
    return {
        field.encode_name: Part(_kind(hints[field.name], values, used), not field.required)
        for field in msgspec.structs.fields(struct)
    }


def _kind(hint: Any, values: dict[str, dict[str, Part]], used: set[str]) -> str:  # noqa: ANN401 - an annotation
    """How a value of this annotation is spelled on the way; a literal is told by its type, for it may gain words."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(sorted({type(word).__name__ for word in inner}))
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(sorted({_kind(each, values, used) for each in inner}))
    if origin is not None and issubclass(origin, Mapping):
        return f"map of {' to '.join(_kind(each, values, used) for each in inner)}"
    if origin is not None:
        return f"list of {', '.join(_kind(each, values, used) for each in inner if each is not ...)}"
    if hint is types.NoneType or not isinstance(hint, type):
        return "None" if hint in {None, types.NoneType} else str(hint)
    if issubclass(hint, msgspec.Struct):
        _describe(hint, values, used)
    return "str" if issubclass(hint, enum.StrEnum) else hint.__name__


def _describe(struct: type[msgspec.Struct], values: dict[str, dict[str, Part]], used: set[str]) -> None:
    name = struct.__name__
    if name in used:
        return
    inside = {name}
    values[name] = _parts(struct, values, inside)
    used |= inside
