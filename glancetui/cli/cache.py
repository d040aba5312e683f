"""`glancetui cache …`: the image cache of the node that answers, for administrators."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping

from glancetui.cli.bringing import wait_arguments
from glancetui.cli.context import Context
from glancetui.cli.output import Column, size_text, text_or_dash, time_text
from glancetui.cli.targets import confirm, for_each, named
from glancetui.cli.verbs import Verb
from glancetui.cli.waiting import POLL_SECONDS, WorkFailed
from glancetui.client.caching import CachedImage, CacheState, Half, NodeCache
from glancetui.errors import GlancetuiError, NotFound

COLUMNS = (
    Column("image_id", "IMAGE", text_or_dash),
    Column("state", "STATE", text_or_dash),
    Column("size", "SIZE", size_text, right=True),
    Column("hits", "HITS", text_or_dash, right=True),
    Column("last_accessed", "LAST READ", time_text),
    Column("last_modified", "CACHED", time_text),
    Column("checksum", "MD5", text_or_dash),
)
DEFAULT = ("image_id", "state", "size", "hits", "last_accessed")


def image_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="id or name; several are all tried")
    parser.add_argument("--dry-run", action="store_true", help="print what it would be about, and do nothing")


def queue_arguments(parser: argparse.ArgumentParser) -> None:
    image_arguments(parser)
    wait_arguments(parser)


def list_arguments(parser: argparse.ArgumentParser) -> None:
    half_arguments(parser)


def clear_arguments(parser: argparse.ArgumentParser) -> None:
    half_arguments(parser)
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="print what would go, and remove nothing")


def half_arguments(parser: argparse.ArgumentParser) -> None:
    half = parser.add_mutually_exclusive_group()
    half.add_argument("--cached", dest="half", action="store_const", const="cache", help="only what is cached")
    half.add_argument("--queued", dest="half", action="store_const", const="queue", help="only what waits to be")


def nodes_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")


def cache_of(context: Context) -> NodeCache:
    return NodeCache(context.client)


def list_cache(context: Context) -> None:
    """List what is cached, and what waits to be."""
    context.printer.rows(COLUMNS, rows(cache_of(context).state(), context.arguments.half), DEFAULT)


def queue_images(context: Context) -> int:
    """Fetch images into the cache, in the background."""
    if context.arguments.dry_run:
        return would(context)
    return for_each(context, context.arguments.images, lambda ref: queue_image(context, ref))


def queue_image(context: Context, ref: str) -> str:
    image = context.client.find_image(ref)
    cache_of(context).queue(image.id)
    if not context.arguments.wait:
        return f"queued {named(image)}; `glancetui cache list` shows when it is there"
    wait_until_cached(context, image.id)
    return f"cached {named(image)}"


def wait_until_cached(context: Context, image_id: str) -> None:
    """Raises WorkFailed when it leaves the queue without being cached; GlancetuiError when --wait-timeout is over."""
    timeout = context.arguments.wait_timeout
    deadline = time.monotonic() + timeout if timeout else None
    while True:
        state = cache_of(context).state()
        if any(entry.image_id == image_id for entry in state.cached):
            return
        if image_id not in state.queued:
            raise WorkFailed(f"Image {image_id} left the queue and is not cached; the node's log says why.")
        if deadline and time.monotonic() > deadline:
            raise GlancetuiError(f"Image {image_id} is still queued; the node goes on with it.")
        time.sleep(POLL_SECONDS)


def evict_images(context: Context) -> int:
    """Remove images from the cache and its queue; the images themselves stay."""
    if context.arguments.dry_run:
        return would(context)
    return for_each(context, context.arguments.images, lambda ref: evict_image(context, ref))


def evict_image(context: Context, ref: str) -> str:
    """An image that was deleted may still be cached; then its id is all there is."""
    cache = cache_of(context)
    try:
        image = context.client.find_image(ref)
    except NotFound:
        cache.evict(ref)
        return f"evicted {ref}"
    cache.evict(image.id)
    return f"evicted {named(image)}"


def would(context: Context) -> int:
    """Prints the entries that are named, as they are now."""
    state = cache_of(context).state()
    wanted = [context.client.find_image(ref).id for ref in context.arguments.images]
    known = {str(row["image_id"]): row for row in rows(state, None)}
    found = (known.get(image_id, {"image_id": image_id, "state": "not cached"}) for image_id in wanted)
    context.printer.rows(COLUMNS, found, DEFAULT)
    return 0


def clear_cache(context: Context) -> None:
    """Empty the cache, its queue, or both."""
    half: Half | None = context.arguments.half
    cache = cache_of(context)
    if context.arguments.dry_run:
        context.printer.rows(COLUMNS, rows(cache.state(), half), DEFAULT)
        return
    confirm(context, f"Clear {'the cache and its queue' if half is None else f'the {half}'} of this node?")
    cache.clear(half)
    context.say("cleared")


def prune_cache(context: Context) -> None:
    """Evict what was not read for the longest time, until the rest fits the size that is configured."""
    pruned = cache_of(context).prune()
    context.printer.item(
        {"files": pruned.files, "bytes": pruned.size}, {"files": str(pruned.files), "bytes": size_text(pruned.size)}
    )


def clean_cache(context: Context) -> None:
    """Remove what is invalid or was left half-filled."""
    cache_of(context).clean()
    context.say("cleaned")


def list_nodes(context: Context) -> None:
    """List the nodes that have an image in their caches."""
    image = context.client.find_image(context.arguments.image)
    nodes = cache_of(context).nodes(image.id)
    context.printer.rows((Column("node", "NODE"),), ({"node": node} for node in nodes), ("node",))


def rows(state: CacheState, half: Half | None) -> Iterator[Mapping[str, object]]:
    if half != "queue":
        yield from (row(entry) for entry in state.cached)
    if half != "cache":
        yield from ({"image_id": image_id, "state": "queued"} for image_id in state.queued)


def row(entry: CachedImage) -> Mapping[str, object]:
    return {
        "image_id": entry.image_id,
        "state": "cached",
        "size": entry.size,
        "hits": entry.hits,
        "last_accessed": None if entry.last_accessed is None else f"{entry.last_accessed.isoformat()}Z",
        "last_modified": None if entry.last_modified is None else f"{entry.last_modified.isoformat()}Z",
        "checksum": entry.checksum,
    }


VERBS: Mapping[str, Verb] = {
    "list": Verb(__name__, "list_cache", "list_arguments"),
    "queue": Verb(__name__, "queue_images", "queue_arguments"),
    "evict": Verb(__name__, "evict_images", "image_arguments"),
    "clear": Verb(__name__, "clear_cache", "clear_arguments"),
    "prune": Verb(__name__, "prune_cache"),
    "clean": Verb(__name__, "clean_cache"),
    "nodes": Verb(__name__, "list_nodes", "nodes_arguments"),
    # Words of glanceclient and of Glance's own tools.
    "delete": Verb(__name__, "evict_images", "image_arguments", hidden=True),
    "prefetch": Verb(__name__, "queue_images", "queue_arguments", hidden=True),
}
