"""The parts of this node's cache, put together."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from glancetui.cache.books import open_books
from glancetui.cache.cache import Cache
from glancetui.cache.delivery import CachedDeliver
from glancetui.cache.filling import Fills
from glancetui.cache.folder import CacheFolder
from glancetui.cache.keeper import Keeper
from glancetui.cache.rules import CacheRules
from glancetui.config.settings import CacheSettings
from glancetui.images.deliver import Deliver
from glancetui.images.policy import Policy
from glancetui.images.rules import Images
from glancetui.registry.interface import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCache:
    """`keeper` is not started. `on_downloads`: they go past the cache; else nothing but its API does."""

    cache: Cache
    deliver: CachedDeliver
    fills: Fills
    keeper: Keeper
    rules: CacheRules
    on_downloads: bool

    def close(self) -> None:
        self.fills.close()
        self.keeper.stop(timeout=5)


def build_cache(
    settings: CacheSettings, registry: Registry, images: Images, policy: Policy, deliver: Deliver
) -> NodeCache:
    """Raises ConfigError."""
    folder = CacheFolder(settings.folder)
    books = open_books(settings, folder, registry)
    cache = Cache(folder, books, registry, settings.max_size, settings.stall_seconds)
    woken = threading.Event()
    fills = Fills(folder, cache.enter, woken.set)
    hits = threading.Event()
    cached_deliver = CachedDeliver(deliver, folder, fills, cache, hits.set)
    keeper = Keeper(cache, settings, cached_deliver.prefetch, woken, hits)
    return NodeCache(
        cache=cache,
        deliver=cached_deliver,
        fills=fills,
        keeper=keeper,
        rules=CacheRules(cache, fills, keeper, images, policy),
        on_downloads=settings.on_downloads,
    )
