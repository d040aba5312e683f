"""Calls made from a typed interface: its methods' annotations are the only description that there is."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from glancetui.errors import BadRequest
from glancetui.registry.marks import MARK


class Operation(msgspec.Struct, frozen=True):
    """One method of the interface, and how its arguments and its result are spelled in msgpack."""

    name: str
    repeatable: bool  # may be asked again when nobody knows whether it was heard
    arguments: type[msgspec.Struct]  # a field for each parameter, with its default
    result: Any  # the annotation
    encode: Callable[[object], bytes]
    decode_arguments: Callable[[bytes | msgspec.Raw], msgspec.Struct]
    decode_result: Callable[[bytes | msgspec.Raw], Any]

    def packed(self, *arguments: Any, **named: Any) -> msgspec.Raw:
        """The arguments of a call. Raises TypeError for too many, too few or unknown ones; BadRequest for text or
        numbers that can be neither sent nor stored."""
        try:
            return msgspec.Raw(self.encode(self.arguments(*arguments, **named)))
        except UnicodeEncodeError as error:  # lone surrogates, which JSON can spell
            raise BadRequest("The text contains characters that are not valid Unicode.") from error
        except OverflowError as error:
            raise BadRequest("A number is too large: 64 bits are the most.") from error

    def call(self, target: object, packed: bytes | msgspec.Raw) -> msgspec.Raw:
        """Do it on `target`. Raises what the method raises; msgspec.DecodeError for arguments that are none."""
        given = self.decode_arguments(packed)
        method = getattr(target, self.name)
        return msgspec.Raw(self.encode(method(**{name: getattr(given, name) for name in given.__struct_fields__})))


Operations = Mapping[str, Operation]


def operations_of(interface: type) -> Operations:
    """Every public method that is not marked `local`. Raises TypeError for an annotation that cannot cross."""
    methods = {
        name: method
        for name, method in inspect.getmembers(interface, inspect.isfunction)
        if not name.startswith("_") and getattr(method, MARK, None) != "local"
    }
    return {name: _operation(name, method) for name, method in methods.items()}


def _operation(name: str, method: Callable[..., Any]) -> Operation:
    hints = typing.get_type_hints(method)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    unannotated = [each.name for each in parameters if each.name not in hints] + ["return"] * ("return" not in hints)
    if unannotated:
        raise TypeError(f"{method.__qualname__} has no annotation for {', '.join(unannotated)}.")
    arguments = msgspec.defstruct(name, [_field(each, hints[each.name]) for each in parameters], frozen=True)
    return Operation(
        name=name,
        repeatable=getattr(method, MARK, None) == "repeatable",
        arguments=arguments,
        result=hints["return"],
        encode=msgspec.msgpack.Encoder().encode,
        decode_arguments=msgspec.msgpack.Decoder(arguments).decode,
        decode_result=msgspec.msgpack.Decoder(hints["return"]).decode,
    )


def _field(parameter: inspect.Parameter, hint: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        raise TypeError(f"Parameter {parameter} cannot cross: name each argument.")
    if parameter.default is parameter.empty:
        return (parameter.name, hint)
    return (parameter.name, hint, parameter.default)
