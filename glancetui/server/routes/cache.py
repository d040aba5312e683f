"""The cache of this node: what is in it, what is to be, and what is to go. The second half are the routes of older
clients, which are there where the flavor has `cachemanagement` in it.
"""

from __future__ import annotations

from datetime import UTC

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from glancetui.cache.rules import LEGACY, CacheRules
from glancetui.errors import NotFound
from glancetui.registry.caching import CacheEntry
from glancetui.server.bridge import in_slow_thread, in_thread
from glancetui.server.json_body import no_body
from glancetui.server.routes.answers import json_answer, nothing
from glancetui.server.routes.data import value_of
from glancetui.server.routing import Route, caller_of, service_of


async def show_cache(request: Request) -> Response:
    """GET /v2/cache"""
    rules = await _rules(request, "cache_list")
    state = await in_thread(request, rules.state, caller_of(request))
    body = {"cached_images": [document(entry) for entry in state.cached], "queued_images": state.queued}
    return json_answer(request, msgspec.json.encode(body))


async def clear_cache(request: Request) -> Response:
    """DELETE /v2/cache"""
    rules = await _rules(request, "cache_delete")
    target = (value_of(request, "x-image-cache-clear-target") or "").strip().lower()
    await in_slow_thread(request, rules.clear, caller_of(request), target)
    return nothing()


async def queue_image(request: Request) -> Response:
    """PUT /v2/cache/{image_id}"""
    rules = await _rules(request, "cache_image")
    await in_thread(request, rules.queue, caller_of(request), request.path_params["image_id"])
    return Response(status_code=202)


async def drop_image(request: Request) -> Response:
    """DELETE /v2/cache/{image_id}"""
    rules = await _rules(request, "cache_delete")
    await in_thread(request, rules.drop, caller_of(request), request.path_params["image_id"])
    return nothing()


async def show_nodes(request: Request) -> Response:
    """GET /v2/cache/nodes/{image_id}"""
    rules = await _rules(request, "list_cached_nodes")
    nodes = await in_thread(request, rules.nodes, caller_of(request), request.path_params["image_id"])
    return json_answer(request, msgspec.json.encode(nodes))


async def clean_cache(request: Request) -> Response:
    """POST /v2/cache/clean"""
    rules = await _rules(request, "cache_clean")
    await in_slow_thread(request, rules.clean, caller_of(request))
    return Response(status_code=200)


async def prune_cache(request: Request) -> Response:
    """POST /v2/cache/prune"""
    rules = await _rules(request, "cache_prune")
    pruned = await in_slow_thread(request, rules.prune, caller_of(request))
    body = {"total_files_pruned": pruned.files, "total_bytes_pruned": pruned.size}
    return json_answer(request, msgspec.json.encode(body))


async def show_cached(request: Request) -> Response:
    """GET /v2/cached_images"""
    rules = await _rules(request, LEGACY)
    state = await in_thread(request, rules.state, caller_of(request), LEGACY)
    return json_answer(request, msgspec.json.encode({"cached_images": [document(entry) for entry in state.cached]}))


async def show_queued(request: Request) -> Response:
    """GET /v2/queued_images"""
    rules = await _rules(request, LEGACY)
    state = await in_thread(request, rules.state, caller_of(request), LEGACY)
    return json_answer(request, msgspec.json.encode({"queued_images": state.queued}))


async def clear_cached(request: Request) -> Response:
    """DELETE /v2/cached_images"""
    return await _cleared(request, "cache")


async def clear_queued(request: Request) -> Response:
    """DELETE /v2/queued_images"""
    return await _cleared(request, "queue")


async def _cleared(request: Request, part: str) -> Response:
    rules = await _rules(request, LEGACY)
    gone = await in_slow_thread(request, rules.clear, caller_of(request), part, LEGACY)
    return json_answer(request, msgspec.json.encode({"num_deleted": gone}))


async def drop_cached(request: Request) -> Response:
    """DELETE /v2/cached_images/{image_id}"""
    rules = await _rules(request, LEGACY)
    await in_thread(request, rules.evict_unseen, caller_of(request), request.path_params["image_id"])
    return json_answer(request, b"null")


async def drop_queued(request: Request) -> Response:
    """DELETE /v2/queued_images/{image_id}"""
    rules = await _rules(request, LEGACY)
    await in_thread(request, rules.dequeue_unseen, caller_of(request), request.path_params["image_id"])
    return json_answer(request, b"null")


async def queue_unseen(request: Request) -> Response:
    """PUT /v2/queued_images/{image_id}"""
    rules = await _rules(request, LEGACY)
    await in_thread(request, rules.queue_unseen, caller_of(request), request.path_params["image_id"])
    return json_answer(request, b"null")


async def _rules(request: Request, rule: str) -> CacheRules:
    """Raises NotFound where this node has no cache, or not these routes of it: to who passes the rule, as whether there
    is a cache is none of others' business. They get Forbidden."""
    await no_body(request)
    service = service_of(request)
    settings = service.settings.cache
    if service.cache is None or settings is None:
        service.images.permit(rule, caller_of(request))
        raise NotFound("This node has no image cache. Its operator sets image_cache_dir where there is to be one.")
    if rule == LEGACY and not settings.legacy_routes:
        raise NotFound("This is an older form of the cache's API, which is not offered here. Use /v2/cache.")
    return service.cache.rules


def document(entry: CacheEntry) -> dict[str, object]:
    shown: dict[str, object] = {} if entry.id is None else {"id": entry.id}
    return shown | {
        "image_id": entry.image_id,
        "last_accessed": entry.last_accessed.replace(tzinfo=UTC).timestamp(),
        "last_modified": entry.last_modified.replace(tzinfo=UTC).timestamp(),
        "size": entry.size,
        "hits": entry.hits,
        "checksum": entry.checksum,
    }


ROUTES = (
    Route("GET", "/v2/cache", show_cache),
    Route("DELETE", "/v2/cache", clear_cache),
    Route("PUT", "/v2/cache/{image_id}", queue_image),
    Route("DELETE", "/v2/cache/{image_id}", drop_image),
    Route("GET", "/v2/cache/nodes/{image_id}", show_nodes),
    Route("POST", "/v2/cache/clean", clean_cache),
    Route("POST", "/v2/cache/prune", prune_cache),
    Route("GET", "/v2/cached_images", show_cached),
    Route("DELETE", "/v2/cached_images", clear_cached),
    Route("DELETE", "/v2/cached_images/{image_id}", drop_cached),
    Route("GET", "/v2/queued_images", show_queued),
    Route("DELETE", "/v2/queued_images", clear_queued),
    Route("PUT", "/v2/queued_images/{image_id}", queue_unseen),
    Route("DELETE", "/v2/queued_images/{image_id}", drop_queued),
)
