"""What this session changed and could change back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

KEPT = 20


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One reversible change of one image. Undone only while the image is still as this change left it."""

    at: datetime
    sentence: str  # "hidden: ubuntu-24.04"
    image_id: str
    back: Sequence[Mapping[str, object]]  # the JSON-patch operations that undo it
    left: Mapping[str, object]  # the same attributes as this change left them


class History:
    """Newest first."""

    def __init__(self) -> None:
        self._changes: list[Change] = []

    def add(self, change: Change) -> None:
        self._changes.insert(0, change)
        del self._changes[KEPT:]

    def remove(self, change: Change) -> None:
        self._changes = [other for other in self._changes if other is not change]

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(self._changes)
