"""Where the bytes of a copy come from: a file, a store, a web server. Each is a ByteSource."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from glancetui.errors import StoreUnavailable
from glancetui.images.source import ByteSource
from glancetui.model import Location
from glancetui.stores.driver import Driver


class FileSource:
    """A local file from its beginning; the caller closes it."""

    def __init__(self, file: BinaryIO, store: str) -> None:
        self.declared_size: int | None = os.fstat(file.fileno()).st_size
        self._descriptor = file.fileno()
        self._store = store
        self._offset = 0

    def read_into(self, buffer: memoryview) -> int:
        try:
            count = os.preadv(self._descriptor, [buffer], self._offset)
        except OSError as error:
            raise StoreUnavailable(self._store, f"a file cannot be read: {error.strerror}") from error
        self._offset += count
        return count


class ChunkSource:
    """The chunks of a driver's reader, which raises where it ends too early."""

    def __init__(self, chunks: Iterator[bytes], size: int) -> None:
        self.declared_size: int | None = size
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read_into(self, buffer: memoryview) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class Metered:
    """Passes bytes on, and tells `see` how many came each time. `see` may raise, to stop."""

    def __init__(self, source: ByteSource, see: Callable[[int], None]) -> None:
        self.declared_size = source.declared_size
        self._read_into = source.read_into
        self._see = see

    def read_into(self, buffer: memoryview) -> int:
        count = self._read_into(buffer)
        self._see(count)
        return count


@contextmanager
def stored_source(driver: Driver, location: Location) -> Iterator[ByteSource]:
    """A copy in a store. Raises ObjectNotFound."""
    size = driver.stat(location).size
    if driver.capabilities.local_files:
        with driver.open_file(location) as file:
            yield FileSource(file, driver.store_id)
        return
    with driver.open_reader(location) as chunks:
        yield ChunkSource(chunks, size)
