"""What annotations cannot say of a method of the interface, for the service that carries it (`registry.service`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])  # Any: of whatever signature

MARK = "__glancetui_mark__"


def repeatable(method: Method) -> Method:
    """A read, or a write that done twice is done once: may be asked again when nobody knows whether it was heard."""
    setattr(method, MARK, "repeatable")
    return method


def local(method: Method) -> Method:
    """Concerns the caller's own end only; never crosses to the service."""
    setattr(method, MARK, "local")
    return method
