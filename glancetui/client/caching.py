"""The calls on the image cache of the node that answers. Needs an endpoint of version 2.14, and an administrator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from glancetui.client.cancel import CancelToken
from glancetui.client.client import Client, path_part
from glancetui.client.values import text, texts

Half = Literal["cache", "queue"]


class CachedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image in the cache. Size in bytes; times are UTC without zone, None where the endpoint does not tell."""

    image_id: str
    size: int = 0
    hits: int = 0
    last_accessed: datetime | None = None
    last_modified: datetime | None = None
    checksum: str | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> CachedImage:
        return cls(
            image_id=text(document.get("image_id")) or "",
            size=number(document.get("size")),
            hits=number(document.get("hits")),
            last_accessed=moment(document.get("last_accessed")),
            last_modified=moment(document.get("last_modified")),
            checksum=text(document.get("checksum")),
        )


class CacheState(msgspec.Struct, frozen=True):
    cached: Sequence[CachedImage]
    queued: Sequence[str]  # image ids, the longest queued first


class Pruned(msgspec.Struct, frozen=True):
    files: int
    size: int  # bytes


class NodeCache:
    """Of one endpoint, ours or a stock Glance. Every method may raise a GlancetuiError; see `client.problems`."""

    def __init__(self, client: Client, token: CancelToken | None = None) -> None:
        """`token` ends every request that runs."""
        self._client, self._token = client, token

    def state(self) -> CacheState:
        """Raises NotFound where the node has no cache."""
        found = self._client.ask_document("GET", "/v2/cache", token=self._token)
        entries = found.get("cached_images")
        listed = entries if isinstance(entries, list) else []
        cached = [CachedImage.from_document(entry) for entry in listed if isinstance(entry, dict)]
        return CacheState(cached, texts(found.get("queued_images")))

    def queue(self, image_id: str) -> None:
        """Has it fetched in the background."""
        self._client.ask_document("PUT", f"/v2/cache/{path_part(image_id)}", token=self._token)

    def evict(self, image_id: str) -> None:
        """Out of the cache and the queue; nothing happens where it is in neither."""
        self._client.ask_document("DELETE", f"/v2/cache/{path_part(image_id)}", token=self._token)

    def clear(self, half: Half | None = None) -> None:
        """`half` None: both."""
        headers = {"x-image-cache-clear-target": half} if half else {}
        self._client.ask_document("DELETE", "/v2/cache", headers=headers, token=self._token)

    def prune(self) -> Pruned:
        """Down to the size that the node may have."""
        found = self._client.ask_document("POST", "/v2/cache/prune", token=self._token)
        return Pruned(number(found.get("total_files_pruned")), number(found.get("total_bytes_pruned")))

    def clean(self) -> None:
        """Invalid and stalled entries go."""
        self._client.ask_document("POST", "/v2/cache/clean", token=self._token)

    def nodes(self, image_id: str) -> Sequence[str]:
        """Addresses of the nodes that have it. Raises Conflict where the endpoint cannot tell."""
        found = self._client.ask_list("GET", f"/v2/cache/nodes/{path_part(image_id)}", self._token)
        return [node for node in found if isinstance(node, str)]


def number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(value: object) -> datetime | None:
    """Of seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
    except (OverflowError, OSError, ValueError):
        return None
