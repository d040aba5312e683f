"""What a worker does for the cache beside answering: it fetches what is queued, counts hits, and keeps the folder in
order. Locks on the folder's files keep the workers of a node apart; a lock goes with the process that held it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing

from glancetui.cache.cache import HITS_AGAIN, Cache
from glancetui.cache.filling import Useless, digest_of, file_pieces
from glancetui.config.settings import CacheSettings
from glancetui.errors import GlancetuiError
from glancetui.images.rounds import attempt
from glancetui.model import Image, ImageStatus

log = logging.getLogger(__name__)

LONGEST_WAIT = 3600.0  # seconds between two attempts to fetch an image
LOOK_SECONDS = 5.0  # between two looks for images that were queued at another worker, which may have died


class Keeper:
    """Start after forking; `stop` returns when the piece in hand is done. `prefetch` begins to fill an entry; `woken`
    is set by whoever has something to do for this, `hit` when an entry was used."""

    def __init__(
        self,
        cache: Cache,
        settings: CacheSettings,
        prefetch: Callable[[Image], bool],
        woken: threading.Event,
        hit: threading.Event,
    ) -> None:
        self._cache = cache
        self._settings = settings
        self._prefetch = prefetch
        self._attempts: dict[str, tuple[int, float]] = {}  # how often tried, and when again
        self._stop = threading.Event()
        self._woken = woken
        self._hit = hit
        self._threads = [
            threading.Thread(target=self._run, name="cache-keeper", daemon=True),
            threading.Thread(target=self._count, name="cache-hits", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Something was queued, or there is room for another filling."""
        self._woken.set()

    def stop(self, timeout: float | None = None) -> None:
        self._stop.set()
        self._woken.set()
        self._hit.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout)

    # -- the threads -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        care_at = 0.0
        self._do("clearing up after a crash", self._clear_up)
        while not self._stop.is_set():
            self._woken.clear()
            self._do("queue", self.fetch_queued)
            if time.monotonic() >= care_at:
                care_at = time.monotonic() + self._settings.care_seconds
                self._do("care", self.care)
            self._woken.wait(min(LOOK_SECONDS, self._settings.retry_seconds))

    def _count(self) -> None:
        while not self._stop.is_set():
            self._hit.wait(HITS_AGAIN if self._cache.has_hits else None)
            self._hit.clear()
            self._do("count of hits", self._cache.write_hits)

    def _do(self, name: str, piece: Callable[[], object]) -> None:
        attempt(log, "The image cache", name, piece)

    def _clear_up(self) -> None:
        gone = self._cache.folder.remove_abandoned()
        if gone:
            log.info("Removed %d unfinished cache entries of workers that are gone.", gone)

    # -- the queue ---------------------------------------------------------------------------------------------------

    def fetch_queued(self) -> None:
        """Begins to fetch what is queued and due, the longest queued first."""
        queued = self._cache.queued()
        self._attempts = {image_id: tried for image_id, tried in self._attempts.items() if image_id in queued}
        for image_id in queued:
            if self._stop.is_set():
                return
            if time.monotonic() >= self._attempts.get(image_id, (0, 0.0))[1]:
                self._fetch(image_id)

    def _fetch(self, image_id: str) -> None:
        image = self._cache.image(image_id)
        if image is None or image.status != ImageStatus.ACTIVE or not image.size or self._cache.folder.has(image_id):
            self._cache.folder.dequeue(image_id)
            return
        try:
            begun = self._prefetch(image)
        except GlancetuiError as error:
            log.warning("The queued image %s could not be fetched, and is tried again: %s", image_id, error)
            begun = True
        if begun:  # whether it comes to anything is seen by its leaving the queue
            self._postpone(image_id)

    def _postpone(self, image_id: str) -> None:
        tried, _ = self._attempts.get(image_id, (0, 0.0))
        wait = min(LONGEST_WAIT, self._settings.retry_seconds * 2.0**tried)
        self._attempts[image_id] = (tried + 1, time.monotonic() + wait)

    # -- order -------------------------------------------------------------------------------------------------------

    def care(self) -> None:
        """Prunes, cleans, and makes the folder, the books and the registry agree. One worker of the node does it."""
        with self._cache.folder.alone("invalid", wait=False) as first:
            if not first:
                return
            self._cache.clean()
            self._cache.drop_lost()
            self._forget_deleted()
            for image_id in self._cache.unbooked():
                if self._stop.is_set():
                    return
                self._judge(image_id)
            pruned = self._cache.prune()
        if pruned.files:
            log.info("Pruned %d images, %d bytes, from the cache.", pruned.files, pruned.size)

    def _forget_deleted(self) -> None:
        """Deleted at another node: each removes only its own."""
        for entry in self._cache.entries():
            if self._stop.is_set():
                return
            if self._cache.image(entry.image_id) is None:
                self._cache.forget(entry.image_id)

    def _judge(self, image_id: str) -> None:
        """A file without a book entry counts only if it is the image, to the last bit."""
        image = self._cache.image(image_id)
        if image is not None and self._is_whole(image):
            self._cache.enter(image)
        else:
            log.warning("The cache folder's file %s is no image that it should be; it is removed.", image_id)
            self._cache.evict(image_id)

    def _is_whole(self, image: Image) -> bool:
        file = self._cache.folder.entry(image.id)
        if file is None:
            return False
        size = 0
        with closing(file):
            try:
                digest, expected = digest_of(image)
            except Useless:
                return False
            for piece in file_pieces(file, (image.size or 0) + 1):
                digest.update(piece)
                size += len(piece)
        return size == image.size and expected is not None and digest.hexdigest() == expected
