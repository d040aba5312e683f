"""What is kept of each entry beside its bytes: hits, times, checksum. Where, the option image_cache_driver says.

The three places are Glance's, so that a cache can be handed over and back with its history.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from glancetui.cache.folder import CachedFile, CacheFolder
from glancetui.config.settings import CacheSettings
from glancetui.errors import ConfigError, Conflict, Unavailable
from glancetui.registry.caching import CacheEntry, Caching

T = TypeVar("T")

_BUSY_SECONDS = 20.0  # a bounded wait for another worker that writes the same file
_HITS = "user.hits"  # the name of the attribute, as Glance has it
_TABLE = (
    "CREATE TABLE IF NOT EXISTS cached_images (image_id TEXT PRIMARY KEY, last_accessed REAL DEFAULT 0.0, "
    "last_modified REAL DEFAULT 0.0, size INTEGER DEFAULT 0, hits INTEGER DEFAULT 0, checksum TEXT)"
)


class Books(Protocol):
    """Callable from many threads and processes. Any method may raise Unavailable."""

    def entries(self) -> Sequence[CacheEntry]:
        """In the order of their last use, the longest ago first."""

    def add(self, entry: CacheEntry) -> None:
        """Replaces what there was of this image. The file is there already."""

    def hit(self, image_id: str, hits: int, at: datetime) -> None:
        """So many more, the last of them `at`. Nothing happens where there is no such entry."""

    def drop(self, image_ids: Sequence[str]) -> None:
        """Idempotent."""

    def nodes(self, image_id: str) -> Sequence[str]:
        """Which nodes have it. Raises Conflict where the books are this node's alone."""


def open_books(settings: CacheSettings, folder: CacheFolder, registry: Caching) -> Books:
    """Raises ConfigError."""
    if settings.driver == "centralized_db":
        return CentralBooks(registry, settings.node)
    if settings.driver == "sqlite":
        return FileBooks(folder.path / settings.sqlite_name)
    return AttributeBooks(folder)


class CentralBooks:
    """Glance's tables in the image database."""

    def __init__(self, registry: Caching, node: str) -> None:
        self._registry, self._node = registry, node

    def entries(self) -> Sequence[CacheEntry]:
        return self._registry.cache_entries(self._node)

    def add(self, entry: CacheEntry) -> None:
        self._registry.put_cache_entry(self._node, entry)

    def hit(self, image_id: str, hits: int, at: datetime) -> None:
        self._registry.count_cache_hits(self._node, image_id, hits, at)

    def drop(self, image_ids: Sequence[str]) -> None:
        self._registry.drop_cache_entries(self._node, image_ids)

    def nodes(self, image_id: str) -> Sequence[str]:
        return self._registry.nodes_caching(image_id)


class _OneNode:
    def nodes(self, image_id: str) -> Sequence[str]:
        raise Conflict(
            f"This node cannot tell which nodes have image {image_id} in their caches: it keeps the books of its own "
            "alone. Set image_cache_driver = centralized_db."
        )


class FileBooks(_OneNode):
    """A SQLite file in the cache's folder. A connection for each call: calls are as rare as downloads."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError."""
        self._path = path
        try:
            self._do(lambda db: db.execute(_TABLE))
        except Unavailable as error:
            raise ConfigError(f"{error} Move it away, or set image_cache_sqlite_db.") from error

    def entries(self) -> Sequence[CacheEntry]:
        rows = self._do(
            lambda db: db.execute(
                "SELECT image_id, size, hits, last_accessed, last_modified, checksum FROM cached_images "
                "ORDER BY last_accessed, image_id"
            ).fetchall()
        )
        return [
            CacheEntry(
                image_id=image_id, size=size, hits=hits, last_accessed=moment(accessed), last_modified=moment(modified),
                checksum=checksum,
            )
            for image_id, size, hits, accessed, modified, checksum in rows
        ]  # fmt: skip

    def add(self, entry: CacheEntry) -> None:
        values = (
            entry.image_id, seconds(entry.last_accessed), seconds(entry.last_modified), entry.size, entry.hits,
            entry.checksum,
        )  # fmt: skip
        self._do(lambda db: db.execute("INSERT OR REPLACE INTO cached_images VALUES (?, ?, ?, ?, ?, ?)", values))

    def hit(self, image_id: str, hits: int, at: datetime) -> None:
        statement = "UPDATE cached_images SET hits = hits + ?, last_accessed = ? WHERE image_id = ?"
        self._do(lambda db: db.execute(statement, (hits, seconds(at), image_id)))

    def drop(self, image_ids: Sequence[str]) -> None:
        rows = [(image_id,) for image_id in image_ids]
        self._do(lambda db: db.executemany("DELETE FROM cached_images WHERE image_id = ?", rows))

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as db, db:
                return work(db)
        except sqlite3.Error as error:
            raise Unavailable(f"The books of the image cache, {self._path}, cannot be used: {error}.") from error


class AttributeBooks(_OneNode):
    """Attributes and times of the cached files themselves. An entry is therefore where its file is, and only there."""

    def __init__(self, folder: CacheFolder) -> None:
        """Raises ConfigError."""
        self._folder = folder
        if not hasattr(os, "setxattr"):
            raise ConfigError("This system has no file attributes. Set image_cache_driver = centralized_db.")
        try:
            os.setxattr(folder.path / "queue", "user.glancetui", b"1")
        except OSError as error:
            raise ConfigError(
                f"The file system of {folder.path} keeps no attributes of files ({error.strerror}). Mount it so that "
                "it does, or set image_cache_driver = centralized_db."
            ) from error

    def entries(self) -> Sequence[CacheEntry]:
        return sorted(self._entries(), key=lambda entry: (entry.last_accessed, entry.image_id))

    def _entries(self) -> Iterator[CacheEntry]:
        for file in self._folder.entries():
            with contextlib.suppress(FileNotFoundError):  # evicted meanwhile
                yield self._entry(file)

    def _entry(self, file: CachedFile) -> CacheEntry:
        path = self._folder.path / file.image_id
        facts = path.stat()
        return CacheEntry(
            image_id=file.image_id,
            size=file.size,
            hits=_hits_of(path),
            last_accessed=moment(facts.st_atime),
            last_modified=moment(facts.st_mtime),
        )

    def add(self, entry: CacheEntry) -> None:
        self._write(entry.image_id, entry.hits, entry.last_accessed)

    def hit(self, image_id: str, hits: int, at: datetime) -> None:
        with self._folder.alone("queue"):  # another worker may count at the same moment
            path = self._folder.path / image_id
            with contextlib.suppress(FileNotFoundError):
                self._write(image_id, _hits_of(path) + hits, at)

    def drop(self, image_ids: Sequence[str]) -> None:
        """They went with their files."""

    def _write(self, image_id: str, hits: int, accessed: datetime) -> None:
        path = self._folder.path / image_id
        try:
            os.setxattr(path, _HITS, str(hits).encode())
            # Set here, because most systems are mounted so that reading does not.
            os.utime(path, ns=(int(seconds(accessed) * 1e9), path.stat().st_mtime_ns))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(f"The attributes of {path} cannot be written: {error.strerror}.") from error


def _hits_of(path: Path) -> int:
    try:
        text = os.getxattr(path, _HITS)
    except OSError as error:
        if error.errno == errno.ENODATA:
            return 0
        raise
    return int(text) if text.isdigit() else 0


def moment(at: float) -> datetime:
    """Of seconds since 1970: UTC without zone."""
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def seconds(at: datetime) -> float:
    return at.replace(tzinfo=UTC).timestamp()
