"""Who may do what with the cache of this node."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from glancetui.cache.cache import Cache, Pruned
from glancetui.cache.filling import Fills
from glancetui.cache.folder import explained
from glancetui.cache.keeper import Keeper
from glancetui.errors import BadRequest, NotFound
from glancetui.images.access import refuse_read_only
from glancetui.images.policy import Policy
from glancetui.images.rules import Images
from glancetui.model import Caller, ImageStatus
from glancetui.registry.caching import CacheEntry

PARTS = {"": ("cache", "queue"), "cache": ("cache",), "queue": ("queue",)}
LEGACY = "manage_image_cache"


class CacheState(msgspec.Struct, frozen=True):
    cached: Sequence[CacheEntry]
    queued: Sequence[str]  # image ids, the longest queued first


class CacheRules:
    """Callable from many threads. Every method may raise FolderUnavailable."""

    def __init__(self, cache: Cache, fills: Fills, keeper: Keeper, images: Images, policy: Policy) -> None:
        self._cache = cache
        self._fills = fills
        self._keeper = keeper
        self._images = images
        self._policy = policy

    @explained()
    def state(self, caller: Caller, rule: str = "cache_list") -> CacheState:
        """Raises Forbidden."""
        self._policy.enforce(rule, caller, {})
        return CacheState(self._cache.entries(), self._cache.queued())

    @explained()
    def queue(self, caller: Caller, image_id: str) -> None:
        """Fetched at once, in the background. Nothing happens where it is cached or queued. Raises NotFound, Forbidden;
        BadRequest for an image that is not active."""
        refuse_read_only(caller)
        image = self._images.visible(caller, image_id)
        self._images.forbid_or_hide("cache_image", caller, image)
        if image.status != ImageStatus.ACTIVE:
            raise BadRequest(f"Image {image_id} is {image.status}; only an active one can be cached.")
        self._enqueue(image_id)

    @explained()
    def drop(self, caller: Caller, image_id: str) -> None:
        """Out of the cache and the queue. Raises NotFound for an image that is unknown and in neither; Forbidden."""
        refuse_read_only(caller)
        try:
            image = self._images.visible(caller, image_id)
        except NotFound:
            if not self._cache.holds(image_id):
                raise
            self._policy.enforce("cache_delete", caller, {})
        else:
            self._images.forbid_or_hide("cache_delete", caller, image)
        self._cache.folder.dequeue(image_id)
        self._cache.evict(image_id)

    @explained()
    def clear(self, caller: Caller, target: str, rule: str = "cache_delete") -> int:
        """How many went. `target`: "cache", "queue", or "" for both. Raises Forbidden; BadRequest for any other."""
        refuse_read_only(caller)
        self._policy.enforce(rule, caller, {})
        parts = PARTS.get(target)
        if parts is None:
            raise BadRequest("x-image-cache-clear-target is `cache` or `queue`; leave it out to clear both.")
        gone = self._cache.dequeue_all() if "queue" in parts else 0  # first: what waits there would be fetched again
        return gone + (self._cache.evict_all() if "cache" in parts else 0)

    @explained()
    def nodes(self, caller: Caller, image_id: str) -> Sequence[str]:
        """Raises Forbidden, NotFound; Conflict where the node knows of no other."""
        self._policy.enforce("list_cached_nodes", caller, {})
        nodes = self._cache.nodes(image_id)
        self._images.visible(caller, image_id)
        return nodes

    @explained()
    def clean(self, caller: Caller) -> None:
        """Raises Forbidden."""
        refuse_read_only(caller)
        self._policy.enforce("cache_clean", caller, {})
        self._cache.clean()

    @explained()
    def prune(self, caller: Caller) -> Pruned:
        """Raises Forbidden."""
        refuse_read_only(caller)
        self._policy.enforce("cache_prune", caller, {})
        return self._cache.prune()

    # -- as older clients ask: nothing is looked up ------------------------------------------------------------------

    @explained()
    def queue_unseen(self, caller: Caller, image_id: str) -> None:
        """An id that is no active image's leaves the queue by itself. Raises Forbidden."""
        self._permit_legacy(caller)
        self._enqueue(image_id)

    @explained()
    def evict_unseen(self, caller: Caller, image_id: str) -> None:
        """Raises Forbidden."""
        self._permit_legacy(caller)
        self._cache.evict(image_id)

    @explained()
    def dequeue_unseen(self, caller: Caller, image_id: str) -> None:
        """Raises Forbidden."""
        self._permit_legacy(caller)
        self._cache.folder.dequeue(image_id)

    def _permit_legacy(self, caller: Caller) -> None:
        refuse_read_only(caller)
        self._policy.enforce(LEGACY, caller, {})

    def _enqueue(self, image_id: str) -> None:
        if self._cache.folder.enqueue(image_id):
            self._fills.keep(image_id)
            self._keeper.wake()
