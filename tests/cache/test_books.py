"""The books of the cache, wherever they are kept."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from glancetui.cache.books import AttributeBooks, Books, FileBooks, open_books
from glancetui.cache.folder import CacheFolder
from glancetui.errors import ConfigError, Conflict, Unavailable
from glancetui.registry.caching import CacheEntry
from tests.cache.yard import settings_of
from tests.images.data_path import House, house

THEN = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the database holds times
DRIVERS = ("centralized_db", "sqlite", "xattr")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


@pytest.fixture(params=DRIVERS)
def books(request: pytest.FixtureRequest, home: House, tmp_path: Path) -> Books:
    settings = settings_of(tmp_path / "cache", driver=request.param)
    try:
        return open_books(settings, CacheFolder(settings.folder), home.registry)
    except ConfigError as reason:
        pytest.skip(str(reason))


def add(books: Books, tmp_path: Path, image_id: str, minutes: int = 0) -> CacheEntry:
    """As a filling does: the file first."""
    at = THEN + timedelta(minutes=minutes)
    path = tmp_path / "cache" / image_id
    path.write_bytes(b"data")
    os.utime(path, (0, at.replace(tzinfo=None).timestamp()))
    entry = CacheEntry(image_id=image_id, size=4, last_accessed=at, last_modified=at, checksum="c" * 32)
    books.add(entry)
    return entry


def plain(books: Books) -> list[tuple[str, int, int, datetime]]:
    return [(entry.image_id, entry.size, entry.hits, entry.last_accessed) for entry in books.entries()]


def test_entries_come_in_the_order_of_their_last_use(books: Books, tmp_path: Path) -> None:
    for image_id, minutes in (("b", 2), ("a", 3), ("c", 1)):
        add(books, tmp_path, image_id, minutes)
    assert [entry.image_id for entry in books.entries()] == ["c", "b", "a"]
    later = THEN + timedelta(hours=1)
    books.hit("c", 2, later)
    books.hit("c", 1, later)
    books.hit("nothing", 1, later)
    assert plain(books)[-1] == ("c", 4, 3, later)
    assert [entry.image_id for entry in books.entries()] == ["b", "a", "c"]


def test_what_is_dropped_is_gone_and_what_is_added_again_begins_anew(books: Books, tmp_path: Path) -> None:
    for image_id in ("a", "b"):
        add(books, tmp_path, image_id)
    books.hit("a", 1, THEN)
    (tmp_path / "cache" / "a").unlink()
    books.drop(["a", "nothing"])
    books.drop(["a"])
    assert [entry.image_id for entry in books.entries()] == ["b"]
    add(books, tmp_path, "a", 5)
    assert plain(books)[-1] == ("a", 4, 0, THEN + timedelta(minutes=5))


def test_only_the_central_books_know_of_other_nodes(books: Books, tmp_path: Path) -> None:
    add(books, tmp_path, "a")
    if isinstance(books, (FileBooks, AttributeBooks)):
        with pytest.raises(Conflict, match="centralized_db"):
            books.nodes("a")
    else:
        assert (books.nodes("a"), books.nodes("b")) == (["http://w1:9292"], [])


def test_the_books_file_is_laid_out_as_glance_has_it(tmp_path: Path) -> None:
    books = FileBooks(tmp_path / "cache.db")
    entry = CacheEntry(image_id="a", size=4, last_accessed=THEN, last_modified=THEN, checksum="c" * 32)
    books.add(entry)
    with sqlite3.connect(tmp_path / "cache.db") as db:
        columns = [(name, kind) for _, name, kind, *_ in db.execute("PRAGMA table_info(cached_images)")]
        assert columns == [
            ("image_id", "TEXT"), ("last_accessed", "REAL"), ("last_modified", "REAL"), ("size", "INTEGER"),
            ("hits", "INTEGER"), ("checksum", "TEXT"),
        ]  # fmt: skip
        assert db.execute("SELECT last_accessed FROM cached_images").fetchone() == (1767323045.0,)
    db.close()
    assert FileBooks(tmp_path / "cache.db").entries() == [msgspec.structs.replace(entry, id=None)]


def test_a_books_file_that_is_none_stops_the_start_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match=r"cache\.db"):
        FileBooks(tmp_path / "cache.db")


def test_a_books_file_that_breaks_later_is_unavailable(tmp_path: Path) -> None:
    books = FileBooks(tmp_path / "cache.db")
    (tmp_path / "cache.db").write_bytes(b"no database" * 100)
    with pytest.raises(Unavailable, match="cannot be used"):
        books.entries()
