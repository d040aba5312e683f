"""Errors on their way across: by type, with their sentence and their attributes."""

from __future__ import annotations

from typing import Any

import msgspec

from glancetui import errors
from glancetui.errors import GlancetuiError

_KNOWN: dict[str, type[GlancetuiError]] = {
    name: found for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, GlancetuiError)
}


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """`kinds`: the error's type and its ancestors, nearest first, so that an older caller knows at least one of them;
    empty where the service itself failed."""

    kinds: tuple[str, ...]
    sentence: str
    facts: dict[str, Any] = {}  # Any: whatever attributes errors have


class RegistryFailed(Exception):
    """The registry service met a defect of its own; its log says more."""


def fault_of(error: GlancetuiError) -> Fault:
    kinds = tuple(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KNOWN)
    return Fault(kinds, str(error), dict(vars(error)))


def error_of(fault: Fault) -> Exception:
    """The error as its own type, without its constructor being called: that would write the sentence anew."""
    kind = next((_KNOWN[name] for name in fault.kinds if name in _KNOWN), None)
    if kind is None:
        return RegistryFailed(fault.sentence)
    error = kind.__new__(kind, fault.sentence)
    error.args = (fault.sentence,)
    error.__dict__.update(fault.facts)
    return error
