"""What a store driver promises. The conformance kit (tests/stores/contract.py) checks each sentence here.

The contract is the docstrings below: nothing is visible before `Writer.commit`, nothing is left after an abandoned
writer, a cut image never looks whole. Drivers are synchronous and callable from many threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

import msgspec

from glancetui.model import Capacity, Health, Location, StoredObject

CHUNK = 1 << 20  # bytes; the largest piece that a reader yields


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver can do; callers ask before instead of catching an error after."""

    writes: bool = True
    ranges: bool = True  # open_reader with an offset costs about what it delivers
    lists: bool = True
    local_files: bool = False  # open_file works: the kernel can send the bytes


class Writer(Protocol):
    """An object being written: readers see it whole after `commit`, or never."""

    def write(self, chunk: bytes | memoryview) -> None:
        """Take one chunk; the buffer is the caller's again on return. Raises StoreFull, StoreUnavailable."""

    def commit(self) -> Location:
        """Make the bytes durable, then visible. Raises StoreFull, StoreUnavailable, Duplicate if the id is taken."""


class Driver(Protocol):
    """One configured store. Callable from many threads; any method may raise StoreUnavailable."""

    store_id: str
    capabilities: Capabilities

    def open_writer(self, object_id: str, size: int | None) -> AbstractContextManager[Writer]:
        """Leaving the block without `commit` removes what was written. `size` in bytes; None: unknown until the end.

        Only with `capabilities.writes`; StoreUnavailable without.
        Raises StoreFull at once when `size` is known not to fit, Duplicate at once where the id is seen to be taken,
        BadRequest for an id that cannot name an object.
        """

    def open_reader(
        self, location: Location, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Chunks of at most CHUNK bytes. Raises ObjectNotFound; ShortRead if the store ends early."""

    def open_file(self, location: Location) -> BinaryIO:
        """The object as an unbuffered local file, for sendfile. Only with `capabilities.local_files`.

        Raises ObjectNotFound.
        """

    def location_of(self, object_id: str) -> Location:
        """Where `object_id` lies or would lie if committed now. Of several folders: its own, else the first.

        Only with `capabilities.writes`.
        """

    def claims(self, url: str) -> bool:
        """Is this URL spelled as one of this store's? Nothing is looked up."""

    def stat(self, location: Location) -> StoredObject:
        """Raises ObjectNotFound."""

    def delete(self, location: Location) -> None:
        """Idempotent: absent is done. A store of other people's objects leaves them alone."""

    def discard(self, object_id: str) -> None:
        """Remove every trace of an object that was being written or was committed under this id. Idempotent.

        For recovery after a crash, when no live writer has this id.
        """

    def list_objects(self) -> Iterator[StoredObject]:
        """Committed objects only, in no order."""

    def list_unfinished(self) -> Iterator[StoredObject]:
        """What writers left that never committed (temporary names); object_id is the id they were opened with."""

    def capacity(self) -> Capacity | None:
        """None where the store cannot tell."""

    def probe(self) -> Health:
        """A cheap round trip that shows whether the store can be used now. Never raises."""

    def close(self) -> None:
        """Let go of connections. The driver is not used afterwards."""
