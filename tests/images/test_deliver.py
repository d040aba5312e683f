"""Downloads: which copy, which bytes, and who may."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glancetui.errors import (
    BadRequest,
    Forbidden,
    NotFound,
    ObjectNotFound,
    RangeNotSatisfiable,
    ShortRead,
    StoreUnavailable,
)
from glancetui.images.deliver import Copy, Delivery, relay
from glancetui.images.ranges import Span
from glancetui.model import Caller, Image, ImageLocation, Location
from glancetui.registry.interface import ImageQuery
from glancetui.stores.catalogue import Catalogue
from glancetui.stores.driver import Capabilities
from tests.images.data_path import ADMIN, ALL_SEEING, OWNER, STRANGER, Body, House, house, noise

DATA = noise(100_000)
QUERY = ImageQuery(viewer=ALL_SEEING, limit=1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


def content(delivery: Delivery | None) -> bytes:
    assert delivery is not None
    try:
        if isinstance(delivery.content, Generator):
            return b"".join(delivery.content)
        delivery.content.seek(delivery.offset)
        return delivery.content.read(delivery.count)
    finally:
        delivery.close()


def test_the_whole_image_comes_as_a_file_with_its_checksum(home: House) -> None:
    image = home.uploaded(DATA)
    delivery = home.deliver.open(OWNER, image.id)
    assert delivery is not None
    assert (delivery.size, delivery.offset, delivery.count, delivery.partial) == (len(DATA), 0, len(DATA), False)
    assert (delivery.checksum, delivery.etag) == (image.checksum, image.os_hash_value)
    assert isinstance(delivery.content, io.FileIO)
    assert content(delivery) == DATA
    assert delivery.content.closed


def test_an_empty_image_is_data_too(home: House) -> None:
    image = home.uploaded(b"")
    assert content(home.deliver.open(OWNER, image.id)) == b""


@pytest.mark.parametrize(
    ("header", "expected"),
    [("bytes=0-9", DATA[:10]), ("bytes=99990-", DATA[-10:]), ("bytes=-5", DATA[-5:]), ("bytes=0-", DATA)],
)
def test_a_range_is_served(home: House, header: str, expected: bytes) -> None:
    image = home.uploaded(DATA)
    delivery = home.deliver.open(OWNER, image.id, header)
    assert delivery is not None
    assert delivery.partial
    assert content(delivery) == expected
    old = f"bytes {delivery.offset}-{delivery.offset + delivery.count - 1}/*"
    assert content(home.deliver.open(OWNER, image.id, None, old)) == expected


def test_a_range_outside_is_refused_and_several_are_too(home: House) -> None:
    image = home.uploaded(DATA)
    with pytest.raises(RangeNotSatisfiable):
        home.deliver.open(OWNER, image.id, "bytes=100000-")
    with pytest.raises(RangeNotSatisfiable):
        home.deliver.open(OWNER, image.id, None, "bytes 0-100000/*")
    with pytest.raises(BadRequest):
        home.deliver.open(OWNER, image.id, "bytes=0-1,3-4")


def test_an_image_without_data_delivers_nothing(home: House) -> None:
    image = home.new()
    assert home.deliver.open(OWNER, image.id) is None
    assert home.deliver.open(OWNER, image.id, "bytes=0-1") is None


def test_lost_bytes_deliver_nothing_and_are_reported(home: House, caplog: pytest.LogCaptureFixture) -> None:
    image = home.uploaded(DATA)
    home.files()[0].unlink()
    assert home.deliver.open(OWNER, image.id) is None
    assert home.deliver.open(OWNER, image.id, "bytes=0-1") is None
    assert image.id in caplog.text


def test_a_file_cut_short_is_an_error_and_not_a_short_image(home: House) -> None:
    image = home.uploaded(DATA)
    with home.files()[0].open("r+b") as file:
        file.truncate(50_000)
    with pytest.raises(ShortRead):
        home.deliver.open(OWNER, image.id)


def test_a_deactivated_image_is_for_administrators(home: House) -> None:
    image = home.uploaded(DATA, visibility="community")
    home.images.deactivate(OWNER, image.id)
    with pytest.raises(Forbidden):
        home.deliver.open(OWNER, image.id)
    assert content(home.deliver.open(ADMIN, image.id)) == DATA


def test_readers_may_see_but_not_download_and_strangers_not_even_see(home: House) -> None:
    image = home.uploaded(DATA, visibility="private")
    with pytest.raises(Forbidden):
        home.deliver.open(Caller(project="p", roles=frozenset({"reader"})), image.id)
    with pytest.raises(NotFound):
        home.deliver.open(STRANGER, image.id)


def test_prefer_is_for_servers_with_several_stores(home: House) -> None:
    image = home.uploaded(DATA)
    with pytest.raises(BadRequest):
        home.deliver.open(OWNER, image.id, prefer="s0")


def test_a_preferred_store_must_exist(tmp_path: Path) -> None:
    with house(tmp_path, stores=2) as home:
        image = home.uploaded(DATA)
        with pytest.raises(BadRequest):
            home.deliver.open(OWNER, image.id, prefer="s0,nosuch")
        assert content(home.deliver.open(OWNER, image.id, prefer="s1,s0")) == DATA


class Shelf:
    """A store in memory that fails where it is told to."""

    capabilities = Capabilities()

    def __init__(self, store_id: str, data: bytes, *, fails_at: int | None = None, error: Exception | None = None):
        self.store_id, self.data, self.fails_at = store_id, data, fails_at
        self.error = error or StoreUnavailable(store_id, "it was unplugged")

    def claims(self, url: str) -> bool:
        return url == f"x://{self.store_id}"

    @contextmanager
    def open_reader(self, location: Location, offset: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        end = len(self.data) if length is None else min(len(self.data), offset + length)
        yield self._chunks(offset, end)

    def _chunks(self, offset: int, end: int) -> Iterator[bytes]:
        while offset < end:
            if self.fails_at is not None and offset >= self.fails_at:
                raise self.error
            chunk = self.data[offset : min(offset + 10, end, self.fails_at or end)]
            offset += len(chunk)
            yield chunk


def copies(*shelves: Shelf) -> list[Copy]:
    return [Copy(shelf, Location(store=shelf.store_id, url=f"x://{shelf.store_id}")) for shelf in shelves]  # type: ignore[arg-type]


ERRORS = (StoreUnavailable("a", "it broke"), ObjectNotFound("a", "x"), ShortRead("a", "x", 1, 2))


@given(
    data=st.binary(min_size=1, max_size=200),
    cuts=st.lists(st.tuples(st.integers(1, 200), st.sampled_from(ERRORS)), max_size=4),
    draw=st.data(),
)
def test_when_stores_die_in_the_middle_the_next_goes_on_from_the_byte_sent(data: bytes, cuts: list, draw) -> None:
    first = draw.draw(st.integers(0, len(data) - 1))
    count = draw.draw(st.integers(1, len(data) - first))
    failing = [Shelf(f"f{n}", data, fails_at=cut, error=error) for n, (cut, error) in enumerate(cuts)]
    got = b"".join(relay("x", copies(*failing, Shelf("last", data)), Span(first, count)))
    assert got == data[first : first + count]


def test_a_copy_that_ends_early_is_not_taken_for_the_whole() -> None:
    short, whole = Shelf("short", DATA[:500]), Shelf("whole", DATA)
    assert b"".join(relay("x", copies(short, whole), Span(0, 1000))) == DATA[:1000]
    with pytest.raises(ShortRead):
        b"".join(relay("x", copies(short), Span(0, 1000)))


def with_copies(home: House, image: Image, *shelves: Shelf, stores: str | None = None) -> None:
    """Makes `deliver` see the image with copies in these stores, by default one on each shelf."""
    names = stores.split() if stores else [shelf.store_id for shelf in shelves]
    rows = tuple(ImageLocation(url=f"x://{name}") for name in names)
    seen = msgspec.structs.replace(image, locations=rows)
    home.deliver._images = type(  # type: ignore[assignment]
        "Rules", (), {"visible": lambda *_: seen, "forbid_or_hide": lambda *_: None}
    )()
    home.deliver._catalogue = Catalogue({shelf.store_id: shelf for shelf in shelves}, shelves[0].store_id)  # type: ignore[misc]
    home.deliver._multi_store = True
    home.deliver._weights = {shelf.store_id: number for number, shelf in enumerate(shelves)}


def test_copies_are_tried_by_weight_and_preferred_ones_first(home: House) -> None:
    image = home.uploaded(DATA)
    with_copies(home, image, *(Shelf(name, name.encode() * 50_000) for name in ("aa", "bb", "cc")))
    assert content(home.deliver.open(OWNER, image.id, "bytes=0-1")) == b"cc"
    assert content(home.deliver.open(OWNER, image.id, "bytes=0-1", prefer="bb")) == b"bb"
    assert content(home.deliver.open(OWNER, image.id, "bytes=0-1", prefer="aa, bb")) == b"aa"


def test_a_store_that_is_down_at_once_is_an_error_before_the_answer_begins(home: House) -> None:
    image = home.uploaded(DATA)
    with_copies(
        home, image, Shelf("aa", DATA, fails_at=0), Shelf("bb", DATA, fails_at=0, error=ObjectNotFound("bb", "x"))
    )
    with pytest.raises(StoreUnavailable):
        home.deliver.open(OWNER, image.id)


def test_an_image_that_every_store_has_lost_delivers_nothing(home: House) -> None:
    image = home.uploaded(DATA)
    with_copies(home, image, *(Shelf(n, DATA, fails_at=0, error=ObjectNotFound(n, "x")) for n in ("aa", "bb")))
    assert home.deliver.open(OWNER, image.id) is None


def test_copies_in_stores_that_are_not_configured_are_passed_over(home: House) -> None:
    image = home.uploaded(DATA)
    with_copies(home, image, Shelf("aa", DATA), stores="unknown aa")
    assert content(home.deliver.open(OWNER, image.id)) == DATA
    with_copies(home, image, Shelf("aa", DATA), stores="unknown")
    with pytest.raises(StoreUnavailable):
        home.deliver.open(OWNER, image.id)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(first=st.integers(0, 1100), last=st.integers(0, 1100))
def test_a_range_is_always_the_same_slice_of_the_image(home: House, first: int, last: int) -> None:
    images = home.registry.page(QUERY)
    image = images[0] if images else home.ingest.upload(OWNER, home.new().id, Body(DATA[:1000]))
    try:
        got = content(home.deliver.open(OWNER, image.id, f"bytes={first}-{last}"))
    except RangeNotSatisfiable:
        assert first > last or first >= 1000
    else:
        assert got == DATA[:1000][first : last + 1]
