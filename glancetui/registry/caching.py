"""What nodes keep in their image caches: the part of the metadata interface behind the driver `centralized_db`.

A node is named by the address under which others reach it. Its entries are its own: no other node writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from glancetui.registry.marks import repeatable


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a node has in its cache."""

    image_id: str
    size: int  # bytes
    hits: int = 0
    last_accessed: datetime  # UTC without zone; of an image that nobody has read yet, when it was cached
    last_modified: datetime
    checksum: str | None = None  # MD5
    id: int | None = None  # the row's number; None: the books are not kept in rows


class Caching(Protocol):
    @repeatable
    def cache_entries(self, node: str) -> Sequence[CacheEntry]:
        """In the order of their last use, the longest ago first."""

    @repeatable
    def put_cache_entry(self, node: str, entry: CacheEntry) -> None:
        """Replaces what the node had of this image."""

    def count_cache_hits(self, node: str, image_id: str, hits: int, at: datetime) -> None:
        """So many more, the last of them `at`. Nothing happens where the node has no such entry."""

    @repeatable
    def drop_cache_entries(self, node: str, image_ids: Sequence[str]) -> None:
        """Idempotent."""

    @repeatable
    def nodes_caching(self, image_id: str) -> Sequence[str]:
        """In alphabetical order."""
