"""Reads past the cache: filled once, followed by all, never with bytes that are not the image's."""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from glancetui.cache import following
from glancetui.errors import BadRequest, Forbidden, NotFound, RangeNotSatisfiable, StoreUnavailable, Unavailable
from glancetui.images.deliver import Growing
from glancetui.model import Image
from tests.cache.yard import DATA, PIECE, Yard, content, yard
from tests.images.data_path import ADMIN, OWNER, STRANGER
from tests.images.waiting import until


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Yard]:
    with yard(tmp_path) as built:
        yield built


def test_a_whole_read_fills_the_cache_and_the_next_comes_from_it(home: Yard) -> None:
    image = home.uploaded()
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA
    assert home.entries() == [image.id]
    delivery = home.node.deliver.open(OWNER, image.id)
    assert delivery is not None
    assert isinstance(delivery.content, io.FileIO)
    assert (delivery.checksum, delivery.etag) == (image.checksum, image.os_hash_value)
    assert content(delivery) == DATA
    assert home.store.opened == 1
    (entry,) = home.node.cache.entries()
    assert (entry.size, entry.checksum, entry.hits) == (len(DATA), image.checksum, 1)
    assert entry.last_accessed > entry.last_modified
    assert home.files() == {".": [image.id]}


def test_sixteen_readers_at_once_cost_one_read_of_the_store(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(PIECE)
    with ThreadPoolExecutor(16) as pool:
        reads = [pool.submit(lambda: content(home.node.deliver.open(OWNER, image.id))) for _ in range(16)]
        until(lambda: home.store.opened == 1)
        home.store.give(None)
        assert {read.result() for read in reads} == {DATA}
    assert home.store.opened == 1
    assert home.entries() == [image.id]


def test_a_reader_follows_what_is_there_and_waits_for_the_rest(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(3 * PIECE)
    delivery = home.node.deliver.open(OWNER, image.id)
    assert delivery is not None
    growing = delivery.content
    assert isinstance(growing, Growing)
    until(lambda: growing.reach(0) == 3 * PIECE)
    assert growing.reach(3 * PIECE) == 3 * PIECE
    home.store.give(None)
    assert content(delivery) == DATA


def test_an_image_read_to_its_last_byte_is_in_the_cache(home: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HELD_BACK", 60.0)
    for number in range(5):
        image = home.uploaded(bytes([number]) * 1000)
        content(home.node.deliver.open(OWNER, image.id))
        assert image.id in home.entries()


def test_a_slow_disk_holds_back_the_last_byte_for_a_moment_only(home: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HELD_BACK", 0.0)
    image = home.uploaded()
    slow = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _descriptor: slow.wait(20))
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA
    assert home.entries() == []
    slow.set()
    until(lambda: home.entries() == [image.id])


def test_a_store_that_breaks_leaves_no_entry_and_its_readers_go_on_from_another_read(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(2 * PIECE)
    first, second = (home.node.deliver.open(OWNER, image.id) for _ in range(2))
    assert home.store.opened == 1
    home.store.break_off()
    home.settled()
    home.store.breaks_at, home.store.allowed = None, None
    assert content(first) == content(second) == DATA
    assert home.entries() == []
    assert home.files() == {"invalid": [image.id]}
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA  # and the next fills it
    assert home.entries() == [image.id]


def test_a_store_that_is_away_is_an_error_and_leaves_nothing(home: Yard) -> None:
    image = home.uploaded()
    home.store.breaks_at = 0
    with pytest.raises(StoreUnavailable):
        home.node.deliver.open(OWNER, image.id)
    assert (home.files(), home.entries()) == ({}, [])
    home.store.breaks_at = None
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA


def test_lost_bytes_deliver_nothing_and_leave_nothing(home: Yard) -> None:
    image = home.uploaded()
    home.home.files()[0].unlink()
    assert home.node.deliver.open(OWNER, image.id) is None
    assert home.files() == {}


def test_bytes_that_are_not_the_images_never_become_an_entry(home: Yard, caplog: pytest.LogCaptureFixture) -> None:
    image = home.uploaded()
    home.store.lies = True
    assert content(home.node.deliver.open(OWNER, image.id)) != DATA
    home.settled()
    assert home.entries() == []
    assert home.files() == {"invalid": [image.id]}
    assert image.id in caplog.text
    home.store.lies = False
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA
    assert home.entries() == [image.id]


def test_when_every_reader_broke_off_the_filling_is_given_up(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(PIECE)
    first, second = (home.node.deliver.open(OWNER, image.id) for _ in range(2))
    assert first is not None
    assert second is not None
    first.close()
    home.store.give(2 * PIECE)
    assert isinstance(second.content, Growing)
    until(lambda: second.content.reach(0) == 2 * PIECE)  # the other goes on
    second.close()
    home.store.give(None)
    home.settled()
    assert home.entries() == []
    assert home.files() == {"invalid": [image.id]}
    assert home.store.closed == home.store.opened == 1


def test_an_image_that_nobody_has_read_to_its_end_is_not_cached(home: Yard) -> None:
    image = home.uploaded()
    first, second = (home.node.deliver.open(OWNER, image.id) for _ in range(2))
    assert first is not None
    assert second is not None
    assert isinstance(first.content, Growing)
    until(lambda: first.content.reach(0) == len(DATA) - 1)  # the store was faster than the readers
    second.close()
    first.close()
    home.settled()
    assert (home.entries(), home.files()) == ([], {"invalid": [image.id]})


def test_a_range_at_the_end_is_no_reading_to_the_end(home: Yard) -> None:
    image = home.uploaded()
    whole = home.node.deliver.open(OWNER, image.id)
    assert whole is not None
    assert isinstance(whole.content, Growing)
    until(lambda: whole.content.reach(0) == len(DATA) - 1)
    part = home.node.deliver.open(OWNER, image.id, "bytes=-1")
    assert part is not None
    part.close()
    whole.close()
    home.settled()
    assert home.entries() == []


def test_queueing_an_image_makes_its_entry_independent_of_its_readers(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(PIECE)
    delivery = home.node.deliver.open(OWNER, image.id)
    home.node.rules.queue(ADMIN, image.id)
    assert delivery is not None
    delivery.close()
    home.store.give(None)
    until(lambda: home.entries() == [image.id])
    assert home.store.opened == 1


def test_a_full_disk_is_no_harm_to_readers(home: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    image = home.uploaded()
    monkeypatch.setattr(home.node.cache.folder, "room", lambda: 10)
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA
    assert (home.entries(), home.files()) == ([], {})


def test_a_folder_that_vanishes_while_it_is_filled_is_no_harm_to_readers(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(2 * PIECE)
    delivery = home.node.deliver.open(OWNER, image.id)
    shutil.rmtree(home.folder)
    home.store.give(None)
    assert content(delivery) == DATA
    home.settled()


def test_a_cache_folder_that_vanishes_is_no_harm_to_readers(home: Yard) -> None:
    image = home.cached()
    shutil.rmtree(home.folder)
    for _ in range(2):
        assert content(home.node.deliver.open(OWNER, image.id)) == DATA
    home.node.cache.forget(image.id)
    with pytest.raises(Unavailable):
        home.node.rules.state(ADMIN)


def test_more_fillings_than_a_worker_may_have_come_straight_from_the_store(home: Yard) -> None:
    images = [home.uploaded(DATA + bytes([number])) for number in range(9)]
    home.store.give(PIECE)
    deliveries = [home.node.deliver.open(OWNER, image.id) for image in images]
    home.store.give(None)
    assert [content(delivery) for delivery in deliveries] == [DATA + bytes([number]) for number in range(9)]
    home.settled()
    assert sorted(home.entries()) == sorted(image.id for image in images[:8])


@pytest.mark.parametrize(("header", "expected"), [("bytes=5-9", DATA[5:10]), ("bytes=-7", DATA[-7:])])
def test_a_range_of_a_cached_image_comes_from_the_cache(home: Yard, header: str, expected: bytes) -> None:
    image = home.cached()
    opened = home.store.opened
    delivery = home.node.deliver.open(OWNER, image.id, header)
    assert delivery is not None
    assert delivery.partial
    assert content(delivery) == expected
    assert home.store.opened == opened


def test_a_range_of_an_image_that_is_not_cached_does_not_cache_it(home: Yard) -> None:
    image = home.uploaded()
    assert content(home.node.deliver.open(OWNER, image.id, "bytes=0-")) == DATA
    assert (home.entries(), home.files()) == ([], {})


def test_a_range_of_an_image_that_is_being_cached_waits_only_where_it_has_begun(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(2 * PIECE)
    whole = home.node.deliver.open(OWNER, image.id)
    assert whole is not None
    assert isinstance(whole.content, Growing)
    until(lambda: whole.content.reach(0) == 2 * PIECE)
    with ThreadPoolExecutor(1) as pool:
        header = f"bytes={PIECE}-{3 * PIECE}"
        early: Future[bytes] = pool.submit(lambda: content(home.node.deliver.open(OWNER, image.id, header)))
        assert home.store.opened == 1
        home.store.give(None)
        assert early.result() == DATA[PIECE : 3 * PIECE + 1]
    assert home.store.opened == 1
    assert content(whole) == DATA


def test_a_range_far_ahead_of_the_filling_comes_from_the_store(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(PIECE)
    whole = home.node.deliver.open(OWNER, image.id)
    assert content(home.node.deliver.open(OWNER, image.id, "bytes=-5")) == DATA[-5:]
    assert home.store.opened == 2
    home.store.give(None)
    assert content(whole) == DATA


def test_a_range_outside_is_refused_whatever_is_cached(home: Yard) -> None:
    for image in (home.uploaded(), home.cached(DATA + b"x")):
        with pytest.raises(RangeNotSatisfiable):
            home.node.deliver.open(OWNER, image.id, f"bytes={len(DATA) + 1}-")
        with pytest.raises(BadRequest):
            home.node.deliver.open(OWNER, image.id, "bytes=0-1,3-4")


def test_the_policy_is_asked_before_the_cache(home: Yard) -> None:
    private, public = home.cached(visibility="private"), home.cached(DATA + b"x", visibility="community")
    with pytest.raises(NotFound):
        home.node.deliver.open(STRANGER, private.id)
    reader = OWNER.__class__(user="r", project="p", roles=frozenset({"reader"}))
    with pytest.raises(Forbidden):
        home.node.deliver.open(reader, public.id)


def test_a_deactivated_image_does_not_come_from_the_cache(home: Yard) -> None:
    image = home.cached()
    home.home.images.deactivate(OWNER, image.id)
    with pytest.raises(Forbidden):
        home.node.deliver.open(OWNER, image.id)
    opened = home.store.opened
    assert content(home.node.deliver.open(ADMIN, image.id)) == DATA
    assert home.store.opened == opened + 1


def test_prefer_counts_only_where_the_cache_has_nothing(home: Yard) -> None:
    with pytest.raises(BadRequest):
        home.node.deliver.open(OWNER, home.uploaded().id, prefer="s0")  # a single store
    assert content(home.node.deliver.open(OWNER, home.cached(DATA + b"x").id, prefer="s0")) == DATA + b"x"


def test_an_entry_of_the_wrong_length_is_thrown_out(home: Yard) -> None:
    image = home.cached()
    with (home.folder / image.id).open("ab") as file:
        file.write(b"more")
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA
    assert (home.folder / image.id).stat().st_size == len(DATA)


def test_an_image_that_was_given_other_bytes_does_not_come_from_the_cache(home: Yard) -> None:
    """Of the same length: its size would not tell."""
    image = home.cached()
    replaced = msgspec.structs.replace(image, os_hash_value="0" * 128)
    assert is_of_cache(home, image)
    assert not is_of_cache(home, replaced)
    assert home.files() == {}


def is_of_cache(home: Yard, image: Image) -> bool:
    found = home.node.deliver._cached(image)
    if found is not None:
        found.close()
    return found is not None


def test_a_link_in_the_folder_is_not_followed(home: Yard, tmp_path: Path) -> None:
    image = home.uploaded()
    (tmp_path / "secret").write_bytes(b"s" * len(DATA))
    (home.folder / image.id).symlink_to(tmp_path / "secret")
    assert content(home.node.deliver.open(OWNER, image.id)) == DATA
    assert (tmp_path / "secret").read_bytes() == b"s" * len(DATA)


@pytest.mark.parametrize("state", ["queued", "empty"])
def test_what_has_no_bytes_is_not_cached(home: Yard, state: str) -> None:
    if state == "queued":
        assert home.node.deliver.open(OWNER, home.home.new().id) is None
    else:
        assert content(home.node.deliver.open(OWNER, home.uploaded(b"").id)) == b""
    assert home.files() == {}
