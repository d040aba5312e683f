"""A reader of an entry that is still being filled: it takes what is there, waits for more, and goes on from the store
when the filling comes to nothing. It opens the file by itself, so that it may be in another process than the filler.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from glancetui.cache.filling import Attendance
from glancetui.cache.folder import is_locked
from glancetui.images.deliver import Chunks
from glancetui.images.ranges import Span

# Seconds for which the last byte is held back until the entry counts: who has read an image finds it in the cache.
# A disk that takes longer must not make the readers wait.
HELD_BACK = 0.5
NAP = 0.01  # seconds between two looks, of a thread
PATIENCE = 30.0  # seconds that a thread waits for the first byte


class Following:
    """Implements `glancetui.images.deliver.Growing`. `size`: of the image."""

    def __init__(self, file: BinaryIO, size: int, from_store: Callable[[Span], Chunks], attendance: Attendance) -> None:
        self.file = file
        self._size = size
        self._from_store = from_store
        self._attendance = attendance
        self._at_end_since: float | None = None

    def reach(self, offset: int) -> int | None:
        there = self._there()
        if there < self._size:
            if there > offset or is_locked(self.file.fileno()):
                return max(there, offset)
            there = self._there()  # the last bytes may have come between the two questions
            return there if there > offset else None
        if offset < self._size - 1:
            return self._size - 1
        self._attendance.finish()
        return offset if self._is_held_back() else self._size

    def has(self, offset: int) -> bool:
        """Whether the byte there can be read now."""
        return self._there() > offset

    def rest(self, offset: int, count: int) -> Chunks:
        return self._from_store(Span(offset, count))

    def wait_for_bytes(self) -> bool:
        """Whether any came: a filling that fails at once is no answer. To be called in a thread."""
        deadline = time.monotonic() + PATIENCE
        nap = threading.Event()
        while not self._there():
            if not is_locked(self.file.fileno()):
                return bool(self._there())
            if time.monotonic() > deadline:
                return False
            nap.wait(NAP)
        return True

    def close(self) -> None:
        if not self.file.closed:
            self.file.close()
            self._attendance.leave()

    def _there(self) -> int:
        return min(os.fstat(self.file.fileno()).st_size, self._size)

    def _is_held_back(self) -> bool:
        now = time.monotonic()
        if self._at_end_since is None:
            self._at_end_since = now
        return now - self._at_end_since < HELD_BACK and is_locked(self.file.fileno())
