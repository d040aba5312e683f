"""Hashes a file from behind while it is being written, in a thread of its own: whoever follows the file need not wait
for the hash, which costs more than the reading and the writing together. What is hashed is what the file holds.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import BinaryIO, Self

from glancetui.images.ring import Digest
from glancetui.stores.writeback import WRITE


class HashedBehind:
    """Leaving the block returns when every byte that was told of is hashed; raises what reading them back raised."""

    def __init__(self, file: BinaryIO, digest: Digest) -> None:
        self._file = file
        self._digest = digest
        self._there = 0
        self._ended = False
        self._error: OSError | None = None
        self._grown = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="cache-hash", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def written(self, count: int) -> None:
        """So many bytes more are in the file."""
        with self._grown:
            self._there += count
            self._grown.notify()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self._grown:
            self._ended = True
            if error is not None:
                self._there = 0  # nobody asks for the hash any more
            self._grown.notify()
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        buffer, done = memoryview(bytearray(WRITE)), 0
        try:
            while done < (there := self._wait_beyond(done)):
                done += self._take(buffer[: there - done], done)
        except OSError as error:
            self._error = error

    def _take(self, buffer: memoryview, done: int) -> int:
        count = os.preadv(self._file.fileno(), [buffer], done)
        if not count:
            raise OSError(f"{self._file.name} is shorter than what was written to it")
        self._digest.update(buffer[:count])
        return count

    def _wait_beyond(self, done: int) -> int:
        with self._grown:
            self._grown.wait_for(lambda: self._there > done or self._ended)
            return self._there
