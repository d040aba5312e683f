"""Memory that an upload flows through: a few buffers, filled once from the sender and read by all that need the bytes.

The receiver takes a slot, fills it, shows it to the hash threads, inspects it and writes it; whoever is last to let go
makes it free again. Nothing is copied between them, and memory is bounded by `SLOTS` × `SLOT_BYTES` for an upload.
"""

from __future__ import annotations

import hashlib
import mmap
import queue
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

# Each slot costs some twenty switches between three threads that share the interpreter's lock: with slots of 512 KiB a
# GiB costs 7 % more CPU time. All slots of an upload together still fit into a processor's last cache.
SLOT_BYTES = 2 << 20
SLOTS = 4


class Digest(Protocol):
    def update(self, data: memoryview, /) -> object: ...


class Slot:
    """One buffer. `users` counts those that still read it."""

    __slots__ = ("filled", "memory", "users")

    def __init__(self, size: int) -> None:
        # Anonymous pages go back to the system when the upload ends; a heap of freed buffers would not.
        self.memory = memoryview(mmap.mmap(-1, size))
        self.filled = 0
        self.users = 0

    @property
    def content(self) -> memoryview:
        return self.memory[: self.filled]


class Ring:
    """Slots of one upload, made only as they are needed."""

    def __init__(self, slots: int = SLOTS, size: int = SLOT_BYTES) -> None:
        self._size = size
        self._unmade = slots
        self._free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def take(self, users: int) -> Slot:
        """A free slot that `users` will let go of. Waits for one when all are in use."""
        slot = self._next()
        slot.users = users
        return slot

    def let_go(self, slot: Slot) -> None:
        with self._lock:
            slot.users -= 1
            last = slot.users == 0
        if last:
            self._free.put(slot)

    def _next(self) -> Slot:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            if not self._unmade:
                return self._free.get()
        self._unmade -= 1
        return Slot(self._size)


class HashThreads:
    """Feeds each digest in a thread of its own: hashlib releases the interpreter's lock, so they run side by side."""

    def __init__(self, digests: Sequence[Digest], ring: Ring) -> None:
        self._ring = ring
        self._queues: list[queue.SimpleQueue[Slot | None]] = [queue.SimpleQueue() for _ in digests]
        self._threads = [
            threading.Thread(target=self._run, args=(digest, slots), name="upload-hash", daemon=True)
            for digest, slots in zip(digests, self._queues, strict=True)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Returns when every slot that was shown has been hashed."""
        for slots in self._queues:
            slots.put(None)
        for thread in self._threads:
            thread.join()

    def show(self, slot: Slot) -> None:
        for slots in self._queues:
            slots.put(slot)

    def _run(self, digest: Digest, slots: queue.SimpleQueue[Slot | None]) -> None:
        while (slot := slots.get()) is not None:
            digest.update(slot.content)
            self._ring.let_go(slot)


class Digests:
    """MD5 for `checksum` and another algorithm for `os_hash_value`, of those that are asked for."""

    def __init__(self, algorithms: Sequence[str], *others: Digest) -> None:
        """`others` see the same bytes, and keep to themselves what they make of them."""
        self._by_name = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
        self.algorithm = algorithms[-1] if algorithms else None
        self.all: tuple[Digest, ...] = (*self._by_name.values(), *others)

    def update(self, chunk: memoryview) -> None:
        for digest in self.all:
            digest.update(chunk)

    @property
    def checksum(self) -> str | None:
        return self._hex("md5")

    @property
    def hash_value(self) -> str | None:
        return self._hex(self.algorithm)

    def _hex(self, name: str | None) -> str | None:
        return self._by_name[name].hexdigest() if name in self._by_name else None
