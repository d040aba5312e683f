"""The cache of this node, files and books together."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from glancetui.cache.books import Books
from glancetui.cache.folder import CacheFolder
from glancetui.errors import GlancetuiError
from glancetui.images.access import there
from glancetui.images.outbox import now
from glancetui.model import Image
from glancetui.registry.caching import CacheEntry
from glancetui.registry.interface import Registry

log = logging.getLogger(__name__)

HITS_AGAIN = 5.0  # seconds after which hits are written that could not be


class Pruned(msgspec.Struct, frozen=True):
    files: int
    size: int  # bytes


class Cache:
    """Callable from many threads; other processes of the node use the same folder and books."""

    def __init__(self, folder: CacheFolder, books: Books, registry: Registry, max_size: int, stall: float) -> None:
        """`max_size` in bytes, `stall` in seconds."""
        self.folder = folder
        self._books = books
        self._registry = registry
        self._max_size = max_size
        self._stall = stall
        self._hits: Counter[str] = Counter()
        self._hit_at: dict[str, datetime] = {}
        self._counting = threading.Lock()
        self._writing = threading.Lock()

    # -- looking -----------------------------------------------------------------------------------------------------

    def entries(self) -> Sequence[CacheEntry]:
        """What is cached, in the order of its last use, the longest ago first."""
        self.write_hits()
        return [entry for entry in self._books.entries() if self.folder.has(entry.image_id)]

    def queued(self) -> Sequence[str]:
        return self.folder.queued()

    def nodes(self, image_id: str) -> Sequence[str]:
        """Raises Conflict where the books are this node's alone."""
        return self._books.nodes(image_id)

    def holds(self, image_id: str) -> bool:
        """Whether it is cached or queued."""
        return self.folder.has(image_id) or self.folder.is_queued(image_id)

    # -- changing ----------------------------------------------------------------------------------------------------

    def enter(self, image: Image) -> None:
        """The entry's file is there and right: it counts from now on, unless its image has gone meanwhile."""
        at = now()
        self._books.add(
            CacheEntry(
                image_id=image.id, size=image.size or 0, last_accessed=at, last_modified=at, checksum=image.checksum
            )
        )
        self.folder.dequeue(image.id)
        if self.image(image.id) is None:  # its deletion found no entry yet
            self.forget(image.id)
        else:
            log.info("Image %s is cached.", image.id)

    def evict(self, image_id: str) -> int | None:
        """Bytes that went; None: it was not cached. Idempotent."""
        size = self.folder.remove(image_id)
        self._books.drop([image_id])
        return size

    def forget(self, image_id: str) -> None:
        """The image is gone, or its bytes are. Never raises: what could not be removed goes with the next care."""
        try:
            self.folder.dequeue(image_id)
            if self.folder.has(image_id):
                self.evict(image_id)
        except (GlancetuiError, OSError) as error:
            log.warning("Image %s stays in the cache for now: %s", image_id, error)

    def evict_all(self) -> int:
        """How many went."""
        known = {entry.image_id for entry in self._books.entries()}
        files = [file.image_id for file in self.folder.entries()]
        gone = sum(self.folder.remove(image_id) is not None for image_id in files)
        self._books.drop(sorted(known.union(files)))
        return gone

    def dequeue_all(self) -> int:
        return sum(self.folder.dequeue(image_id) for image_id in self.folder.queued())

    # -- keeping within bounds ---------------------------------------------------------------------------------------

    def prune(self) -> Pruned:
        """Evicts what was not read for the longest time, until the rest fits."""
        with self.folder.alone():
            entries = self.entries()
            over = sum(file.size for file in self.folder.entries()) - self._max_size
            gone = list(self._evict_until(over, entries))
        return Pruned(len(gone), sum(gone))

    def _evict_until(self, over: int, entries: Sequence[CacheEntry]) -> Iterator[int]:
        for entry in entries:
            if over <= 0:
                return
            size = self.evict(entry.image_id)
            if size is not None:
                over -= size
                yield size

    def clean(self) -> int:
        """Removes what is invalid or stalled. How many files went."""
        with self.folder.alone():
            return self.folder.clean(self._stall)

    # -- hits --------------------------------------------------------------------------------------------------------

    def count_hit(self, image_id: str) -> None:
        """Only notes it: a download must not wait for the books."""
        with self._counting:
            self._hits[image_id] += 1
            self._hit_at[image_id] = now()

    def write_hits(self) -> None:
        """When this returns, every hit that was noted before is in the books. Raises what they raise."""
        with self._writing:
            with self._counting:
                hits, times = self._hits, self._hit_at
                self._hits, self._hit_at = Counter(), {}
            for image_id, count in hits.items():
                try:
                    self._books.hit(image_id, count, times[image_id])
                except GlancetuiError:
                    self._note_again(image_id, count, times[image_id])
                    raise

    def _note_again(self, image_id: str, count: int, at: datetime) -> None:
        with self._counting:
            self._hits[image_id] += count
            self._hit_at.setdefault(image_id, at)

    @property
    def has_hits(self) -> bool:
        return bool(self._hits)

    def image(self, image_id: str) -> Image | None:
        """As it is in the registry; None: it is gone."""
        return there(self._registry, image_id)

    # -- files and books, compared -----------------------------------------------------------------------------------

    def unbooked(self) -> Sequence[str]:
        """Files that no book speaks of: a crash came between the two, or another driver kept the books."""
        known = {entry.image_id for entry in self._books.entries()}
        return [file.image_id for file in self.folder.entries() if file.image_id not in known]

    def drop_lost(self) -> None:
        """Forgets what the books speak of and the folder does not hold."""
        lost = [entry.image_id for entry in self._books.entries() if not self.folder.has(entry.image_id)]
        if lost:
            self._books.drop(lost)
