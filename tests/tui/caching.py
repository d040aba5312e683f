"""A node's cache that is a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from glancetui.client.caching import CachedImage, CacheState, Half, Pruned

THEN = datetime(2026, 11, 23, 9)  # noqa: DTZ001  # the model holds UTC without zone


class DictCache:
    """`enter` is called with the name of each call, and may raise."""

    def __init__(self, enter: Callable[[str], None]) -> None:
        self._enter = enter
        self.cached: dict[str, CachedImage] = {}
        self.queued: list[str] = []
        self.lacking: Exception | None = None

    def hold(self, image_id: str, size: int, hits: int = 0) -> None:
        at = THEN + timedelta(minutes=10 * len(self.cached))
        self.cached[image_id] = CachedImage(
            image_id=image_id, size=size, hits=hits, last_accessed=at, last_modified=THEN
        )

    def state(self) -> CacheState:
        if self.lacking is not None:
            raise self.lacking
        self._enter("cache state")
        return CacheState(list(self.cached.values()), list(self.queued))

    def queue(self, image_id: str) -> None:
        self._enter(f"cache queue {image_id}")
        self.queued.append(image_id)

    def evict(self, image_id: str) -> None:
        self._enter(f"cache evict {image_id}")
        self.cached.pop(image_id, None)

    def clear(self, half: Half | None = None) -> None:
        self._enter(f"cache clear {half}")
        if half != "queue":
            self.cached.clear()
        if half != "cache":
            self.queued.clear()

    def prune(self) -> Pruned:
        self._enter("cache prune")
        gone = [self.cached.pop(image_id) for image_id in list(self.cached)[:1]]
        return Pruned(len(gone), sum(entry.size for entry in gone))

    def clean(self) -> None:
        self._enter("cache clean")
