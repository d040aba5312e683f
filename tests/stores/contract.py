"""What every driver must do, as one suite: a driver's own test is a subclass of DriverContract with its fixtures.

    class TestFileStore(DriverContract):
        @pytest.fixture
        def settings(self, tmp_path): ...

A driver that only reads takes ReadingContract and says how objects get there. `settings` describes an empty store.
Where a store can be filled or taken away, `small` and `take_away` say how.
"""

# ruff: noqa: PT012  what a writer's block raises is what is under test

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from glancetui.config.settings import StoreSettings
from glancetui.errors import BadRequest, Duplicate, ObjectNotFound, ShortRead, StoreFull, StoreUnavailable
from glancetui.model import Location, StoredObject
from glancetui.stores.catalogue import open_driver
from glancetui.stores.driver import CHUNK, Driver

HOSTILE = [
    "", ".", "..", "../up", "a/b", "/etc/passwd", "a\0b", ".hidden", ".id.0123456789abcdef.partial", "a\nb", "a b",
    "\N{LATIN SMALL LETTER E WITH ACUTE}", "%2e%2e%2fup", "x" * 201, "-rf", "~root", "a\\b", "a?b", "a#b",
]  # fmt: skip
SMALL_ROOM = 8 << 20  # bytes that a store made by `small` has at most

WRITE_AND_DIE = """
import os, signal, sys, msgspec
from glancetui.config.settings import StoreSettings
from glancetui.stores.catalogue import open_driver
driver = open_driver(msgspec.json.decode(sys.argv[1], type=StoreSettings))
with driver.open_writer(sys.argv[2], None) as writer:
    for _ in range(3):
        writer.write(b"x" * 1_000_000)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def put(driver: Driver, object_id: str, content: bytes, step: int = CHUNK) -> Location:
    with driver.open_writer(object_id, len(content)) as writer:
        for at in range(0, len(content), step):
            writer.write(content[at : at + step])
        return writer.commit()


def take(driver: Driver, location: Location, offset: int = 0, length: int | None = None) -> bytes:
    with driver.open_reader(location, offset, length) as chunks:
        return b"".join(chunks)


def ids(stored: Iterator[StoredObject]) -> set[str]:
    return {each.object_id for each in stored}


class ReadingContract:
    """What every driver must do that can be read. `put` says how an object gets into the store; `remove`, out of it."""

    @pytest.fixture
    def settings(self) -> StoreSettings:
        raise NotImplementedError

    @pytest.fixture
    def driver(self, settings: StoreSettings) -> Iterator[Driver]:
        driver = open_driver(settings)
        yield driver
        driver.close()

    def put(self, driver: Driver, object_id: str, content: bytes, step: int = CHUNK) -> Location:
        return put(driver, object_id, content, step)

    def remove(self, driver: Driver, location: Location) -> None:
        driver.delete(location)

    @contextlib.contextmanager
    def take_away(self, settings: StoreSettings) -> Iterator[None]:
        """Within, the store cannot be reached."""
        pytest.skip("this kind of store cannot be taken away in a test")
        yield

    @pytest.mark.parametrize("size", [0, 1, 511, 65_536, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK + 13])
    def test_what_was_committed_is_read_back(self, driver: Driver, size: int) -> None:
        content = noise(size)
        location = self.put(driver, "whole", content)
        assert take(driver, location) == content
        assert driver.stat(location) == StoredObject(object_id="whole", size=size)

    def test_chunks_are_small(self, driver: Driver) -> None:
        location = self.put(driver, "small-chunks", noise(5 * CHUNK + 1))
        with driver.open_reader(location) as chunks:
            assert all(0 < len(chunk) <= CHUNK for chunk in chunks)

    @pytest.mark.parametrize(
        ("offset", "length"),
        [
            (0, 0), (0, 1), (1, None), (5, 7), (CHUNK - 1, 2), (CHUNK, None),
            (3 * CHUNK + 4, 1), (3 * CHUNK + 5, None), (3 * CHUNK + 5, 0),
        ],
    )  # fmt: skip
    def test_parts_are_read(self, driver: Driver, offset: int, length: int | None) -> None:
        content = noise(3 * CHUNK + 5)
        location = self.put(driver, "parts", content)
        assert take(driver, location, offset, length) == content[offset:][:length]

    def test_reading_beyond_the_end_is_a_short_read(self, driver: Driver) -> None:
        location = self.put(driver, "short", b"0123456789")
        with pytest.raises(ShortRead) as caught:
            take(driver, location, 4, 100)
        assert (caught.value.got, caught.value.wanted) == (6, 100)

    def test_a_reader_may_stop_early(self, driver: Driver) -> None:
        location = self.put(driver, "stopped", noise(4 * CHUNK))
        with driver.open_reader(location) as chunks:
            assert next(iter(chunks))
        self.remove(driver, location)

    def test_what_is_not_there_is_told_from_what_cannot_be_reached(
        self, driver: Driver, settings: StoreSettings
    ) -> None:
        gone, stays = self.put(driver, "gone", b"x"), self.put(driver, "stays", b"stays")
        self.remove(driver, gone)
        for attempt in (lambda: driver.stat(gone), lambda: take(driver, gone), lambda: take(driver, gone, 0, 1)):
            with pytest.raises(ObjectNotFound):
                attempt()
        with self.take_away(settings):
            for attempt in (lambda: driver.stat(stays), lambda: take(driver, stays), lambda: take(driver, stays, 1, 2)):
                with pytest.raises(StoreUnavailable):
                    attempt()
        assert take(driver, stays) == b"stays"

    def test_a_driver_that_only_reads_says_so(self, driver: Driver) -> None:
        if driver.capabilities.writes:
            pytest.skip("the driver writes")
        location = self.put(driver, "not-ours", b"stays")
        for attempt in (lambda: driver.open_writer("x", 1), lambda: driver.location_of("x")):
            with pytest.raises(StoreUnavailable, match="only reads"):
                attempt()
        driver.delete(location)
        driver.discard("not-ours")
        assert take(driver, location) == b"stays"
        assert_empty(driver)

    def test_many_readers_at_once_do_not_mix(self, driver: Driver) -> None:
        contents = {f"stream-{number}": noise(2 * CHUNK + number, number) for number in range(8)}
        locations = {name: self.put(driver, name, content) for name, content in contents.items()}
        with ThreadPoolExecutor(len(contents)) as pool:
            read = dict(zip(contents, pool.map(lambda name: take(driver, locations[name]), contents), strict=True))
        assert read == contents

    def test_capacity_is_plausible(self, driver: Driver) -> None:
        capacity = driver.capacity()
        assert capacity is None or 0 <= capacity.free <= capacity.total


class DriverContract(ReadingContract):
    """What a driver that writes must do beside."""

    @pytest.fixture
    def small(self) -> StoreSettings:
        """An empty store with room for at most SMALL_ROOM bytes."""
        pytest.skip("this kind of store cannot be filled in a test")

    # -- what was committed ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("step", [1, 7, 4096, 70_001, 3 * CHUNK])
    def test_the_way_chunks_are_cut_does_not_matter(self, driver: Driver, step: int) -> None:
        content = noise(20_000 if step < 10 else 4 * CHUNK)
        assert take(driver, put(driver, "cut", content, step)) == content

    def test_a_chunk_belongs_to_its_owner_again_after_the_write(self, driver: Driver) -> None:
        buffer = bytearray(noise(CHUNK))
        want = bytes(buffer)
        with driver.open_writer("reused", None) as writer:
            writer.write(memoryview(buffer))
            buffer[:] = bytes(CHUNK)
            location = writer.commit()
        assert take(driver, location) == want

    def test_zeros_keep_their_place(self, driver: Driver) -> None:
        content = bytes(3 * CHUNK) + b"end" + bytes(300_001)
        location = put(driver, "zeros", content, 100_003)
        assert hashlib.sha256(take(driver, location)).digest() == hashlib.sha256(content).digest()

    def test_location_tells_where_it_is_before_and_after(self, driver: Driver) -> None:
        expected = driver.location_of("somewhere")
        location = put(driver, "somewhere", b"x")
        assert location == expected == driver.location_of("somewhere")
        assert location.store == driver.store_id
        assert driver.claims(location.url)

    def test_foreign_urls_are_not_claimed(self, driver: Driver) -> None:
        for url in ("", "ftp://x/y", "cinder://v", "file:///etc/passwd", "https://elsewhere.invalid/x"):
            assert not driver.claims(url)

    # -- parts -------------------------------------------------------------------------------------------------------

    def test_local_files_are_the_object(self, driver: Driver) -> None:
        if not driver.capabilities.local_files:
            pytest.skip("the driver has no local files")
        location = put(driver, "local", b"0123456789")
        with driver.open_file(location) as file:
            assert os.pread(file.fileno(), 4, 3) == b"3456"
        with pytest.raises(ObjectNotFound):
            driver.open_file(driver.location_of("absent"))

    # -- what was not committed --------------------------------------------------------------------------------------

    def test_an_object_is_invisible_until_it_is_committed(self, driver: Driver) -> None:
        with driver.open_writer("hidden", None) as writer:
            writer.write(b"x" * 100)
            assert ids(driver.list_objects()) == set()
            with pytest.raises(ObjectNotFound):
                driver.stat(driver.location_of("hidden"))
            writer.commit()
            assert ids(driver.list_objects()) == {"hidden"}

    def test_an_object_cut_off_in_writing_leaves_nothing(self, driver: Driver) -> None:
        with pytest.raises(ConnectionResetError), driver.open_writer("cut", None) as writer:
            writer.write(b"half")
            raise ConnectionResetError
        assert_empty(driver)

    def test_an_abandoned_writer_leaves_nothing(self, driver: Driver) -> None:
        with driver.open_writer("abandoned", 100) as writer:
            writer.write(b"half")
        assert_empty(driver)
        put(driver, "abandoned", b"whole")

    def test_a_crash_in_writing_shows_and_can_be_discarded(self, driver: Driver, settings: StoreSettings) -> None:
        bystander = put(driver, "bystander", b"stays")
        crash(settings, "crashed")
        assert ids(driver.list_objects()) == {"bystander"}
        if driver.capabilities.lists:
            assert ids(driver.list_unfinished()) <= {"crashed"}
        driver.discard("crashed")
        driver.discard("crashed")
        assert ids(driver.list_unfinished()) == set()
        assert take(driver, bystander) == b"stays"
        assert take(driver, put(driver, "crashed", b"second attempt")) == b"second attempt"

    def test_discard_removes_what_was_committed_as_well(self, driver: Driver) -> None:
        put(driver, "committed", b"x")
        driver.discard("committed")
        assert_empty(driver)
        driver.discard("never-there")

    # -- names -------------------------------------------------------------------------------------------------------

    def test_an_id_is_taken_once(self, driver: Driver) -> None:
        location = put(driver, "once", b"first")
        with pytest.raises(Duplicate):
            put(driver, "once", b"second")
        assert take(driver, location) == b"first"
        assert ids(driver.list_unfinished()) == set()

    def test_of_two_that_write_one_id_the_first_to_commit_wins(self, driver: Driver) -> None:
        with driver.open_writer("raced", None) as one, driver.open_writer("raced", None) as other:
            one.write(b"one")
            other.write(b"other")
            location = other.commit()
            with pytest.raises(Duplicate):
                one.commit()
        assert take(driver, location) == b"other"
        assert ids(driver.list_unfinished()) == set()

    @pytest.mark.parametrize("name", HOSTILE)
    def test_hostile_names_are_refused(self, driver: Driver, name: str) -> None:
        for attempt in (
            lambda: driver.open_writer(name, None),
            lambda: driver.location_of(name),
            lambda: driver.discard(name),
        ):
            with pytest.raises(BadRequest):
                attempt()
        assert_empty(driver)

    # -- deleting and listing ----------------------------------------------------------------------------------------

    def test_deleting_is_done_once_and_may_be_asked_twice(self, driver: Driver) -> None:
        location, other = put(driver, "gone", b"x"), put(driver, "stays", b"y")
        driver.delete(location)
        driver.delete(location)
        for attempt in (lambda: driver.stat(location), lambda: take(driver, location)):
            with pytest.raises(ObjectNotFound):
                attempt()
        assert take(driver, other) == b"y"
        put(driver, "gone", b"again")

    def test_listing_names_every_object_with_its_size(self, driver: Driver) -> None:
        for number in range(23):
            put(driver, f"object-{number}", bytes(number))
        want = {StoredObject(object_id=f"object-{number}", size=number) for number in range(23)}
        assert set(driver.list_objects()) == want

    def test_listing_bears_changes_meanwhile(self, driver: Driver) -> None:
        locations = [put(driver, f"object-{number}", b"x") for number in range(20)]
        listing = driver.list_objects()
        next(listing)
        for location in locations[1:]:
            driver.delete(location)
        assert ids(listing) <= {f"object-{number}" for number in range(20)}

    # -- many at once ------------------------------------------------------------------------------------------------

    # -- full and unavailable ----------------------------------------------------------------------------------------

    def test_a_full_store_says_so_and_keeps_nothing(self, small: StoreSettings) -> None:
        driver = open_driver(small)
        kept = put(driver, "kept", b"kept")
        with pytest.raises(StoreFull), driver.open_writer("too-much", None) as writer:
            for number in itertools.count():
                assert number <= 2 * SMALL_ROOM // CHUNK, "the store took more than it has room for"
                writer.write(noise(CHUNK, number))
        assert ids(driver.list_objects()) == {"kept"}
        assert ids(driver.list_unfinished()) == set()
        assert take(driver, kept) == b"kept"
        put(driver, "fits-again", noise(CHUNK))

    def test_a_size_that_cannot_fit_is_refused_at_once(self, small: StoreSettings) -> None:
        driver = open_driver(small)
        with pytest.raises(StoreFull), driver.open_writer("too-much", 100 * SMALL_ROOM):
            pytest.fail("the writer was opened")
        assert_empty(driver)

    def test_a_store_that_is_away_says_so_and_comes_back(self, driver: Driver, settings: StoreSettings) -> None:
        location = put(driver, "there", b"there")
        with self.take_away(settings):
            for attempt in (
                lambda: put(driver, "new", b"x"),
                lambda: take(driver, location),
                lambda: driver.stat(location),
                lambda: driver.delete(location),
                lambda: driver.discard("there"),
                lambda: list(driver.list_objects()),
                lambda: list(driver.list_unfinished()),
            ):
                with pytest.raises(StoreUnavailable):
                    attempt()
            health = driver.probe()
            assert not health.ok
            assert health.error
        assert driver.probe().ok
        assert take(driver, location) == b"there"

    def test_a_store_that_goes_away_in_writing_commits_nothing(self, driver: Driver, settings: StoreSettings) -> None:
        with pytest.raises(StoreUnavailable), driver.open_writer("lost", None) as writer:
            writer.write(b"x" * 100)
            with self.take_away(settings):
                writer.commit()
        assert_empty(driver)

    def test_probing_leaves_nothing(self, driver: Driver) -> None:
        health = driver.probe()
        assert health.ok, health.error
        assert health.seconds >= 0
        assert_empty(driver)

    def test_many_streams_at_once_do_not_mix(self, driver: Driver) -> None:
        contents = {f"stream-{number}": noise(2 * CHUNK + number, number) for number in range(8)}
        failures: list[BaseException] = []

        def run(object_id: str) -> None:
            try:
                location = put(driver, object_id, contents[object_id], 200_003)
                assert take(driver, location) == contents[object_id]
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(object_id,)) for object_id in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert ids(driver.list_objects()) == set(contents)


def assert_empty(driver: Driver) -> None:
    assert list(driver.list_objects()) == []
    assert list(driver.list_unfinished()) == []


def crash(settings: StoreSettings, object_id: str) -> None:
    """Have another process write half an object and be killed."""
    described = msgspec.json.encode(settings).decode()
    done = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, described, object_id], check=False, timeout=60)
    assert done.returncode == -9
