"""How far tests go that could go on for hours: `make test-long` goes far, any other run as far as a minute allows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def is_long() -> bool:
    return os.environ.get("GLANCETUI_LONG_TESTS") == "1"


def share(items: Sequence[T], number: int, of: int) -> list[T]:
    """All items in a long run, else every one in one of `of` shares, neighbours in different ones."""
    if is_long():
        return list(items)
    return [item for place, item in enumerate(items) if (place + place // of) % of == number]
