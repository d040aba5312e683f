"""Uploads: what is stored, what is refused, and that nothing is left of what failed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from glancetui.errors import (
    BadRequest,
    BodyBroken,
    BodyTimeout,
    Conflict,
    Forbidden,
    GlancetuiError,
    Gone,
    LimitExceeded,
    NotFound,
    Stale,
    StoreUnavailable,
    UnsupportedMedia,
)
from glancetui.images.outbox import now
from glancetui.images.ring import SLOT_BYTES, SLOTS
from glancetui.model import Caller, Image
from glancetui.registry.interface import Actor, Intent
from tests.images.data_path import ADMIN, ALL_SEEING, OWNER, STRANGER, Body, House, dead, house, noise

MIB = 1 << 20
ACTOR = Actor()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


def raises(error: Exception):
    def act() -> None:
        raise error

    return act


def assert_untouched(home: House, image_id: str) -> None:
    """As if nothing had been uploaded, and ready for the next attempt."""
    image = home.show(image_id)
    assert image.status == "queued"
    assert (image.size, image.virtual_size, image.checksum, image.os_hash_value, image.locations) == (None,) * 4 + ((),)
    assert home.files() == []
    assert list(home.registry.expired_intents(now() + timedelta(days=1), 10)) == []


@pytest.mark.parametrize(
    "size", [0, 1, 1000, SLOT_BYTES - 1, SLOT_BYTES, SLOT_BYTES + 1, 2 * SLOT_BYTES, (SLOTS + 3) * SLOT_BYTES + 17]
)
def test_every_byte_is_stored_and_hashed_whatever_the_size(home: House, size: int) -> None:
    data = noise(size)
    image = home.ingest.upload(OWNER, home.new().id, Body(data))
    assert image.status == "active"
    assert image.size == size
    assert image.checksum == hashlib.md5(data).hexdigest()
    assert (image.os_hash_algo, image.os_hash_value) == ("sha512", hashlib.sha512(data).hexdigest())
    assert [path.read_bytes() for path in home.files()] == [data]
    assert home.files()[0].name == image.id
    assert image.locations[0].url == f"file://{home.files()[0]}"
    assert home.show(image.id) == image


@pytest.mark.parametrize("piece", [1, 4096, 65_537, 4 * MIB])
def test_the_sizes_of_the_senders_pieces_do_not_matter(home: House, piece: int) -> None:
    data = noise(MIB + 3 if piece > 1 else 5000)
    image = home.ingest.upload(OWNER, home.new().id, Body(data, piece))
    assert image.os_hash_value == hashlib.sha512(data).hexdigest()


def test_the_configured_hash_is_used(tmp_path: Path) -> None:
    with house(tmp_path, hashing_algorithm="sha256") as home:
        image = home.uploaded(b"abc")
        assert (image.os_hash_algo, image.os_hash_value) == ("sha256", hashlib.sha256(b"abc").hexdigest())


@pytest.mark.parametrize("at", [0, 1, 70_000, SLOT_BYTES, 3 * MIB])
@pytest.mark.parametrize("error", [BodyBroken("cut"), BodyTimeout("stalled"), RuntimeError("a defect")])
def test_a_sender_that_fails_leaves_nothing_and_may_try_again(home: House, at: int, error: Exception) -> None:
    image = home.new()
    with pytest.raises(type(error)):
        home.ingest.upload(OWNER, image.id, Body(noise(4 * MIB), at={at: raises(error)}))
    assert_untouched(home, image.id)
    assert home.show(image.id).reason
    assert home.ingest.upload(OWNER, image.id, Body(b"again")).status == "active"
    assert [path.read_bytes() for path in home.files()] == [b"again"]


def test_the_file_carries_the_images_id_after_a_failed_attempt_too(home: House) -> None:
    image = home.new()
    with pytest.raises(BodyBroken):
        home.ingest.upload(OWNER, image.id, Body(noise(MIB), at={10: raises(BodyBroken("cut"))}))
    home.ingest.upload(OWNER, image.id, Body(b"again"))
    assert [path.name for path in home.files()] == [image.id]


def test_an_object_that_is_not_ours_is_neither_replaced_nor_in_the_way(home: House, tmp_path: Path) -> None:
    image = home.new()
    (tmp_path / "s0" / image.id).write_bytes(b"somebody else's")
    home.ingest.upload(OWNER, image.id, Body(b"ours"))
    assert sorted(path.read_bytes() for path in home.files()) == [b"ours", b"somebody else's"]


def test_a_defect_is_not_told_as_the_reason(home: House) -> None:
    image = home.new()
    with pytest.raises(RuntimeError):
        home.ingest.upload(OWNER, image.id, Body(b"x", at={0: raises(RuntimeError("secret"))}))
    assert "secret" not in str(home.show(image.id).reason)


@pytest.mark.parametrize(("sent", "declared"), [(10, 11), (11, 10), (0, 1), (MIB, MIB - 1), (3 * MIB, 4 * MIB)])
def test_data_of_another_length_than_declared_is_refused(home: House, sent: int, declared: int) -> None:
    image = home.new()
    with pytest.raises(BadRequest):
        home.ingest.upload(OWNER, image.id, Body(noise(sent)), declared_size=declared)
    assert_untouched(home, image.id)


def test_a_header_that_contradicts_the_framing_is_refused_before_anything_happens(home: House) -> None:
    image = home.new()
    with pytest.raises(BadRequest):
        home.ingest.upload(OWNER, image.id, Body(b"abc", declared=3), declared_size=4)
    assert home.show(image.id) == image
    assert home.ingest.upload(OWNER, image.id, Body(b"abc", declared=3), declared_size=3).size == 3


@pytest.mark.parametrize("declared", [None, 1001])
def test_more_than_the_size_cap_is_refused(tmp_path: Path, declared: int | None) -> None:
    with house(tmp_path, size_cap=1000) as home:
        image = home.new()
        with pytest.raises(LimitExceeded):
            home.ingest.upload(OWNER, image.id, Body(noise(1001), declared=declared))
        assert_untouched(home, image.id)
        assert home.ingest.upload(OWNER, image.id, Body(noise(1000))).size == 1000


@pytest.mark.parametrize("declared", [None, 500])
def test_the_quota_counts_what_the_project_has_and_no_more(tmp_path: Path, declared: int | None) -> None:
    with house(tmp_path, storage_quota=1000) as home:
        home.uploaded(noise(600))
        image = home.new()
        with pytest.raises(LimitExceeded):
            home.ingest.upload(OWNER, image.id, Body(noise(500), declared=declared))
        assert home.show(image.id).status == "queued"
        assert len(home.files()) == 1
        theirs = home.new(STRANGER)
        assert home.ingest.upload(STRANGER, theirs.id, Body(noise(900))).size == 900
        assert home.ingest.upload(OWNER, image.id, Body(noise(400))).size == 400


def test_two_uploads_at_once_do_not_exceed_the_quota_together(tmp_path: Path) -> None:
    with house(tmp_path, storage_quota=1000) as home:
        second = home.new()
        first = Body(noise(600), at={300: lambda: void(home.ingest.upload(OWNER, second.id, Body(noise(700))))})
        with pytest.raises(LimitExceeded):
            home.ingest.upload(OWNER, home.new().id, Body(bytes(first._data), piece=300, at=first._at))
        assert [path.stat().st_size for path in home.files()] == [700]


def test_quota_that_is_used_up_in_the_last_moment_leaves_no_bytes_and_a_second_try_works(tmp_path: Path) -> None:
    """Two uploads that both saw room publish one behind the other."""
    with house(tmp_path, storage_quota=1000) as home:
        first, second = home.new(), home.new()
        real = home.registry.bytes_stored
        home.registry.bytes_stored = lambda *_: 0  # type: ignore[method-assign]
        home.ingest.upload(OWNER, first.id, Body(noise(600)))
        with pytest.raises(LimitExceeded):
            home.ingest.upload(OWNER, second.id, Body(noise(600)))
        home.registry.bytes_stored = real  # type: ignore[method-assign]
        assert home.show(second.id).status == "queued"
        assert [path.stat().st_size for path in home.files()] == [600]
        assert home.ingest.upload(OWNER, second.id, Body(noise(400))).size == 400


def void(_: object) -> None:
    return None


def test_only_a_queued_image_takes_data(home: House) -> None:
    image = home.uploaded(b"first")
    with pytest.raises(Conflict):
        home.ingest.upload(OWNER, image.id, Body(b"second"))
    assert [path.read_bytes() for path in home.files()] == [b"first"]
    assert home.show(image.id).checksum == image.checksum


@pytest.mark.parametrize("unset", ["disk_format", "container_format"])
def test_both_formats_must_be_set(home: House, unset: str) -> None:
    image = home.new(**{unset: None})
    with pytest.raises(BadRequest, match=unset):
        home.ingest.upload(OWNER, image.id, Body(b"x"))
    assert home.show(image.id) == image


def test_an_unseen_image_is_absent_and_a_seen_one_of_others_forbidden(home: House) -> None:
    hidden, seen = home.new(visibility="private"), home.new(visibility="community")
    with pytest.raises(NotFound):
        home.ingest.upload(STRANGER, hidden.id, Body(b"x"))
    with pytest.raises(Forbidden):
        home.ingest.upload(STRANGER, seen.id, Body(b"x"))
    with pytest.raises(Forbidden):
        home.ingest.upload(Caller(project="p", roles=frozenset({"reader"})), hidden.id, Body(b"x"))
    with pytest.raises(NotFound):
        home.ingest.upload(ADMIN, "no-such-id", Body(b"x"))


@pytest.mark.parametrize("store", ["nosuch", "os_glance_staging_store", "os_glance_tasks_store", ""])
def test_an_unknown_or_reserved_store_is_refused(home: House, store: str) -> None:
    image = home.new()
    if store == "":
        assert home.ingest.upload(OWNER, image.id, Body(b"x"), store).status == "active"
        return
    with pytest.raises(BadRequest):
        home.ingest.upload(OWNER, image.id, Body(b"x"), store)
    assert home.show(image.id) == image


def test_the_store_that_is_asked_for_gets_the_bytes(tmp_path: Path) -> None:
    with house(tmp_path, stores=2) as home:
        image = home.ingest.upload(OWNER, home.new().id, Body(b"x"), "s1")
        assert home.files() == [tmp_path / "s1" / image.id]
        assert image.locations[0].metadata["store"] == "s1"


def test_content_that_is_not_what_it_claims_is_refused_and_leaves_nothing(home: House) -> None:
    image = home.new(disk_format="qcow2")
    with pytest.raises(UnsupportedMedia):
        home.ingest.upload(OWNER, image.id, Body(noise(3 * MIB)))
    assert_untouched(home, image.id)


def test_an_image_deleted_meanwhile_is_gone_and_leaves_no_byte(home: House) -> None:
    for size in (1000, 3 * MIB):
        image = home.new()
        body = Body(noise(size), piece=500, at={500: lambda i=image.id: home.images.delete(OWNER, i)})
        with pytest.raises(Gone):
            home.ingest.upload(OWNER, image.id, body)
        assert home.files() == []
        assert list(home.registry.expired_intents(now() + timedelta(days=1), 10)) == []
        with pytest.raises(NotFound):
            home.registry.image(image.id, ALL_SEEING)


def test_of_many_uploads_of_one_image_exactly_one_wins(home: House) -> None:
    image = home.new()
    start = threading.Barrier(8)

    def attempt(number: int) -> str:
        start.wait()
        try:
            return str(home.ingest.upload(OWNER, image.id, Body(noise(2 * MIB, number))).checksum)
        except Conflict:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert outcomes.count("conflict") == 7
    assert home.show(image.id).checksum in outcomes
    assert [hashlib.md5(path.read_bytes()).hexdigest() for path in home.files()] == [home.show(image.id).checksum]


def test_a_patch_during_an_upload_does_not_disturb_it(home: House) -> None:
    image = home.new()
    body = Body(noise(1000), piece=500, at={500: lambda: home.registry.add_tag(image.id, "t", -1, ACTOR)})
    assert home.ingest.upload(OWNER, image.id, body).tags == ("t",)


def test_a_store_that_vanished_is_unavailable_and_the_image_queued_again(home: House, tmp_path: Path) -> None:
    image = home.new()
    (tmp_path / "s0").rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable):
        home.ingest.upload(OWNER, image.id, Body(noise(1000)))
    assert home.show(image.id).status == "queued"
    (tmp_path / "away").rename(tmp_path / "s0")
    assert home.ingest.upload(OWNER, image.id, Body(noise(1000))).status == "active"


def test_a_store_that_vanishes_in_the_middle_is_unavailable(home: House, tmp_path: Path) -> None:
    image = home.new()
    body = Body(noise(2 * MIB), at={MIB: lambda: void((tmp_path / "s0").rename(tmp_path / "away"))})
    with pytest.raises(GlancetuiError) as caught:
        home.ingest.upload(OWNER, image.id, body)
    assert isinstance(caught.value, StoreUnavailable)
    assert home.show(image.id).status == "queued"


@pytest.mark.parametrize("noticed", ["at the commit", "at the end"])
def test_an_upload_that_another_worker_took_over_leaves_the_new_data_alone(home: House, noticed: str) -> None:
    """As after a pause longer than the lease: the late owner must neither publish nor clean up after the new one."""
    image = home.new()

    def usurp() -> None:
        for held in home.ingest._keeper._held:
            held.renewed_at -= 1000 if noticed == "at the commit" else 0
        (intent,) = home.registry.intents_of(str(home.worker))
        other = str(dead(home.worker))
        taken = home.registry.take_over(intent, other, 60)
        home.catalogue[taken.store].discard(taken.object_id)
        home.registry.abandon_upload(taken, "the lease ran out", ACTOR)
        home.ingest.upload(OWNER, image.id, Body(b"the new data"))

    with pytest.raises((Stale, StoreUnavailable)):  # the store has lost the unfinished file by then
        home.ingest.upload(OWNER, image.id, Body(noise(3 * MIB), at={MIB: usurp}))
    assert home.show(image.id).status == "active"
    assert [path.read_bytes() for path in home.files()] == [b"the new data"]


def test_bytes_that_became_visible_after_the_upload_was_undone_are_removed(home: House) -> None:
    """The late owner's commit just after another worker has removed what it found."""
    image = home.new()
    publish = home.registry.publish_upload

    def too_late(intent: Intent, *rest: Any) -> Image:
        taken = home.registry.take_over(home.registry.intents_of(str(home.worker))[0], "another", 60)
        home.registry.abandon_upload(taken, "the lease ran out", ACTOR)
        return publish(intent, *rest)

    home.registry.publish_upload = too_late  # type: ignore[method-assign]
    with pytest.raises(Stale):
        home.ingest.upload(OWNER, image.id, Body(b"late"))
    assert home.files() == []
    home.registry.publish_upload = publish  # type: ignore[method-assign]
    assert home.ingest.upload(OWNER, image.id, Body(b"in time")).status == "active"


def test_a_sender_may_stall_for_longer_than_the_lease(tmp_path: Path) -> None:
    with house(tmp_path, lease=0.6) as home:
        image = home.new()
        expiries: set[object] = set()

        def stall() -> None:
            while len(expiries) < 4:
                expiries.update(intent.expires_at for intent in home.registry.intents_of(str(home.worker)))
            assert home.recovery(dead(home.worker)).run_once().uploads == 0

        assert home.ingest.upload(OWNER, image.id, Body(noise(1000), piece=500, at={500: stall})).size == 1000


def test_one_thread_renews_for_all_uploads(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with house(tmp_path, lease=0.3) as home:
        ready = threading.Barrier(6)
        bodies = [Body(noise(1000, n), piece=500, at={500: lambda: void(ready.wait())}) for n in range(5)]
        with ThreadPoolExecutor(5) as pool:
            results = [pool.submit(home.ingest.upload, OWNER, home.new().id, body) for body in bodies]
            ready.wait()
            names = [thread.name for thread in set(threading.enumerate()) - before]
            assert [result.result().status for result in results] == ["active"] * 5
        assert names.count("upload-leases") == 1
        assert "upload-hash" not in names
