"""Connections to the registry that break."""

from __future__ import annotations

from typing import Any

from glancetui.errors import RegistryUnavailable
from tests.images.data_path import House


def lose_answers(home: House, name: str, *, times: int, done: bool) -> None:
    """So many calls of the registry end in a broken connection, after they were done or before."""
    real, left = getattr(home.registry, name), [times]

    def lost(*arguments: Any, **named: Any) -> Any:
        if left[0] == 0:
            return real(*arguments, **named)
        left[0] -= 1
        if done:
            real(*arguments, **named)
        raise RegistryUnavailable("the connection broke")

    setattr(home.registry, name, lost)
