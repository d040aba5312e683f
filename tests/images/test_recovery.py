"""What crashes leave behind is undone: by whom, when, in which order, and what is never touched."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from glancetui.errors import RegistryUnavailable, Stale
from glancetui.images.outbox import LONGEST_WAIT, Outbox, back_off, now
from glancetui.images.patrol import Patrol
from glancetui.images.recovery import Recovered
from glancetui.images.worker import Worker, this_worker
from glancetui.model import Image, ImageLocation
from glancetui.registry.interface import Actor, Intent, Published, Seen
from tests.images.data_path import ALL_SEEING, OWNER, Body, House, dead, house, noise
from tests.images.losing import lose_answers

ACTOR = Actor()
DAY = timedelta(days=1)


class Crash(BaseException):
    """The process ends here: no handler runs. A BaseException, as SIGKILL asks nobody either."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


def seen(image: Image) -> Seen:
    return Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at)


def broken(home: House, worker: Worker, lease: float = 60.0, *, committed: bool = False) -> tuple[Image, Intent]:
    """An upload as a worker leaves it that dies: bytes under a temporary name, or committed and not yet published."""
    image = home.new()
    intent = home.registry.begin_upload(seen(image), "s0", image.id, str(worker), lease, ACTOR)
    with home.catalogue["s0"].open_writer(image.id, None) as writer:
        writer.write(b"half of it")
        if committed:
            writer.commit()
        else:
            writer.__exit__ = None  # type: ignore[assignment]
            (left,) = home.files()
            left.rename(left.with_name("kept"))
    if not committed:
        (kept,) = [path for path in home.files() if path.name == "kept"]
        kept.rename(left)
    return image, intent


def no_intents(home: House) -> bool:
    return not home.registry.expired_intents(now() + DAY, 10)


def assert_undone(home: House, image: Image) -> None:
    after = home.show(image.id)
    assert (after.status, after.size, after.locations) == ("queued", None, ())
    assert after.reason
    assert home.files() == []
    assert no_intents(home)


@pytest.mark.parametrize("committed", [False, True])
def test_uploads_of_a_dead_worker_of_this_node_are_undone_at_once(home: House, committed: bool) -> None:
    image, _ = broken(home, dead(home.worker), committed=committed)
    assert home.recovery().run_once() == Recovered(uploads=1)
    assert_undone(home, image)
    assert home.ingest.upload(OWNER, image.id, Body(b"again")).status == "active"


def test_a_live_upload_is_left_alone(home: House) -> None:
    image, _ = broken(home, home.worker)
    assert home.recovery().run_once() == Recovered()
    assert home.show(image.id).status == "saving"
    assert len(home.files()) == 1


def test_a_worker_of_another_node_is_given_its_lease(home: House) -> None:
    elsewhere = msgspec.structs.replace(dead(home.worker), node="elsewhere")
    image, _ = broken(home, elsewhere, lease=60)
    assert home.recovery().run_once() == Recovered()
    later = home.recovery()
    later._clock = lambda: now() + timedelta(seconds=61)
    assert later.run_once() == Recovered(uploads=1)
    assert_undone(home, image)


def test_a_late_owner_cannot_publish_what_was_undone(home: House) -> None:
    image, intent = broken(home, dead(home.worker), committed=True)
    home.recovery().run_once()
    location = ImageLocation(url=home.catalogue["s0"].location_of(image.id).url)
    published = Published(
        size=10, checksum=None, os_hash_algo=None, os_hash_value=None, virtual_size=None, location=location
    )
    with pytest.raises(Stale):
        home.registry.publish_upload(intent, published, ACTOR)
    assert_undone(home, image)


def test_an_image_deleted_meanwhile_leaves_neither_bytes_nor_intent(home: House) -> None:
    image, _ = broken(home, dead(home.worker), committed=True)
    home.images.delete(OWNER, image.id)
    assert home.recovery().run_once() == Recovered(uploads=1)
    assert home.files() == []
    assert no_intents(home)


def test_a_store_that_is_down_keeps_the_intent_for_later(home: House, tmp_path: Path) -> None:
    image, _ = broken(home, dead(home.worker))
    (tmp_path / "s0").rename(tmp_path / "away")
    assert home.recovery().run_once() == Recovered()
    assert home.show(image.id).status == "saving"
    (tmp_path / "away").rename(tmp_path / "s0")
    later = home.recovery()
    later._clock = lambda: now() + timedelta(seconds=61)
    assert later.run_once() == Recovered(uploads=1)
    assert_undone(home, image)


STEPS = ("take_over", "discard", "abandon_upload")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_recovery_itself_may_be_cut_off_anywhere(home: House, step: str, when: str) -> None:
    image, _ = broken(home, dead(home.worker), committed=True)
    other = this_worker("here")
    doomed = home.recovery(msgspec.structs.replace(other, start="2"))  # dead by its name when the next one looks
    target = home.catalogue["s0"] if step == "discard" else home.registry
    with crashing(target, step, when), pytest.raises(Crash):
        doomed.run_once()
    home.recovery().run_once()
    assert_undone(home, image)


class crashing:  # noqa: N801 - reads as a statement
    def __init__(self, target: object, step: str, when: str) -> None:
        self.target, self.step, self.when = target, step, when

    def __enter__(self) -> None:
        real: Callable[..., Any] = getattr(self.target, self.step)

        def crash(*arguments: Any) -> None:
            if self.when == "after":
                real(*arguments)
            raise Crash

        setattr(self.target, self.step, crash)

    def __exit__(self, *_: object) -> None:
        delattr(self.target, self.step)


@pytest.mark.parametrize("step", ["begin_upload", "renew_intent", "publish_upload"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_upload_cut_off_at_any_step_ends_whole_or_undone(tmp_path: Path, step: str, when: str) -> None:
    with house(tmp_path) as home:
        image = home.new()
        home.ingest._worker = str(dead(home.worker))
        abandon = home.registry.abandon_upload
        home.registry.abandon_upload = lambda *_: None  # type: ignore[method-assign]  # a killed process cleans nothing up
        discard = home.catalogue["s0"].discard
        home.catalogue["s0"].discard = lambda *_: None  # type: ignore[method-assign]
        with crashing(home.registry, step, when), pytest.raises(Crash):
            home.ingest.upload(OWNER, image.id, Body(noise(1000), at={0: lambda: age_lease(home)}))
        home.registry.abandon_upload = abandon  # type: ignore[method-assign]
        home.catalogue["s0"].discard = discard  # type: ignore[method-assign]
        home.recovery().run_once()
        after = home.show(image.id)
        assert after.status in {"queued", "active"}
        assert len(home.files()) == (after.status == "active")
        assert (after.status == "active") == (step == "publish_upload" and when == "after")
        assert no_intents(home)


def age_lease(home: House) -> None:
    """As if the upload had taken so long that its lease is renewed before the commit."""
    for held in home.ingest._keeper._held:
        held.renewed_at -= 1000


@pytest.mark.parametrize("done", [True, False], ids=["after it was done", "before"])
def test_a_publication_whose_answer_got_lost_is_asked_after(home: House, done: bool) -> None:
    """The sender hears of success once, however often the step has to be tried."""
    lose_answers(home, "publish_upload", times=1, done=done)
    image = home.uploaded(b"data")
    assert image.status == "active"
    assert home.show(image.id) == image
    assert [path.read_bytes() for path in home.files()] == [b"data"]


def test_a_quota_that_cannot_be_asked_at_once_is_asked_again(tmp_path: Path) -> None:
    with house(tmp_path, storage_quota=1000) as home:
        image, real = home.new(), home.registry.bytes_stored
        calls = iter(range(10))

        def second_fails(owner: str | None, besides: str | None = None) -> int:
            if next(calls) == 1:  # the one at the end of the data
                raise RegistryUnavailable("away")
            return real(owner, besides)

        home.registry.bytes_stored = second_fails  # type: ignore[method-assign]
        assert home.ingest.upload(OWNER, image.id, Body(b"data")).status == "active"


def test_a_publication_whose_fate_stays_unknown_keeps_its_bytes(tmp_path: Path) -> None:
    """The transaction was done, and the registry is away from then on: undoing would leave a row without a file."""
    with house(tmp_path, lease=0.3) as home:
        image = home.new()
        publish, show = home.registry.publish_upload, home.registry.image

        def last(*arguments: Any) -> None:
            for name in ("renew_intent", "publish_upload", "image"):  # first, or a renewal could see what is published
                lose_answers(home, name, times=1000, done=False)
            publish(*arguments)
            raise RegistryUnavailable("the connection broke")

        home.registry.publish_upload = last  # type: ignore[method-assign,assignment]
        with pytest.raises(RegistryUnavailable):
            home.ingest.upload(OWNER, image.id, Body(b"data"))
        assert show(image.id, ALL_SEEING).status == "active"
        assert [path.read_bytes() for path in home.files()] == [b"data"]


def test_images_that_an_older_service_left_saving_are_queued_again(home: House) -> None:
    """Glance writes under the final name, without an intent: what it left must not stand in the next upload's way."""
    image, intent = broken(home, home.worker)
    home.catalogue["s0"].discard(image.id)
    half = Path(home.catalogue["s0"].location_of(image.id).url.removeprefix("file://"))
    half.write_bytes(b"half an image")
    forget_intent(home, intent)
    assert home.recovery().run_once() == Recovered()  # it may have begun a moment ago
    assert half.exists()
    later = home.recovery()
    later._clock = lambda: now() + timedelta(seconds=61)
    assert later.run_once() == Recovered(images=1)
    assert home.show(image.id).status == "queued"
    home.ingest.upload(OWNER, image.id, Body(b"the whole image"))
    assert half.read_bytes() == b"the whole image"


def forget_intent(home: House, intent: Intent) -> None:
    import sqlite3

    with sqlite3.connect(home.settings.data_dir / "registry.sqlite") as db:
        db.execute("DELETE FROM gt_intents WHERE id = ?", (intent.id,))
    db.close()


def test_only_one_worker_looks_after_the_uploads_of_all_nodes(home: House) -> None:
    elsewhere = msgspec.structs.replace(home.worker, node="elsewhere")
    image, _ = broken(home, elsewhere, lease=0.0)
    first, second = home.recovery(msgspec.structs.replace(home.worker, node="third")), home.recovery()
    assert home.registry.acquire_lease("recovery", "somebody else", 60) is not None
    assert second.run_once() == Recovered()
    home.registry.release_lease("recovery", "somebody else")
    outcomes: list[Recovered] = []
    threads = [threading.Thread(target=lambda r=r: outcomes.append(r.run_once())) for r in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(outcome.uploads for outcome in outcomes) == 1
    assert_undone(home, image)


# -- outbox ------------------------------------------------------------------------------------------------------------


def test_the_bytes_of_a_deleted_image_are_removed_once(home: House) -> None:
    image, other = home.uploaded(b"data"), home.uploaded(b"other")
    home.images.delete(OWNER, image.id)
    assert home.outbox().run_once() == 1
    assert [path.name for path in home.files()] == [other.id]
    assert home.outbox().run_once() == 0


def test_a_store_that_is_down_delays_and_does_not_forget(home: House, tmp_path: Path) -> None:
    image = home.uploaded(b"data")
    home.images.delete(OWNER, image.id)
    (tmp_path / "s0").rename(tmp_path / "away")
    time = now()
    outbox = Outbox(home.registry, home.catalogue, "w", lambda: time)
    assert outbox.run_once() == 0
    (tmp_path / "away").rename(tmp_path / "s0")
    assert outbox.run_once() == 0, "not before its time"
    time += timedelta(seconds=LONGEST_WAIT)
    assert outbox.run_once() == 1
    assert home.files() == []


def test_a_removal_cut_off_before_it_was_noted_is_repeated_harmlessly(home: House) -> None:
    home.images.delete(OWNER, home.uploaded(b"data").id)
    time = now()
    outbox = Outbox(home.registry, home.catalogue, "w", lambda: time)
    with crashing(home.registry, "finish_outbox", "before"), pytest.raises(Crash):
        outbox.run_once()
    assert home.files() == []
    time += timedelta(hours=1)
    assert outbox.run_once() == 1
    assert outbox.run_once() == 0


def test_many_deletions_are_emptied_in_one_run_and_stop_when_told(home: House) -> None:
    for number in range(40):
        home.images.delete(OWNER, home.uploaded(noise(10, number)).id)
    stop = threading.Event()
    stop.set()
    assert home.outbox().run_once(stop) == 0
    assert home.outbox().run_once() == 40
    assert home.files() == []


def test_back_off_grows_to_an_hour_and_no_further() -> None:
    assert 0.5 < back_off(0) < 2
    assert back_off(3) > back_off(0)
    assert back_off(10**9) <= LONGEST_WAIT * 1.25


# -- patrol ------------------------------------------------------------------------------------------------------------


def test_a_stranger_in_a_store_is_reported_once_and_stays(home: House, caplog: pytest.LogCaptureFixture) -> None:
    known = home.uploaded(b"known")
    stranger = home.files()[0].with_name("0f31ee6c-2a0e-4d0b-9d7c-3f1c0d1b1a11")
    stranger.write_bytes(b"whose?")
    patrol = Patrol(home.registry, home.catalogue, patience=0)
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            patrol.step(100)
    assert caplog.text.count(stranger.name) == 1
    assert known.id not in caplog.text
    assert stranger.exists()


@pytest.mark.parametrize("harm", ["missing", "cut"])
def test_bytes_that_are_lost_are_reported_and_the_image_stays(
    home: House, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    image, fine = home.uploaded(b"data", os_hidden=True), home.uploaded(b"fine")
    path = next(path for path in home.files() if path.name == image.id)
    path.unlink() if harm == "missing" else path.write_bytes(b"da")
    patrol = Patrol(home.registry, home.catalogue, patience=0)
    for _ in range(6):
        patrol.step(100)
    assert caplog.text.count(image.id + " (") == 1
    assert fine.id not in caplog.text
    assert home.show(image.id) == image


class Rounds:
    """A patrol with a patience of 120 s, and the time it is told."""

    def __init__(self, home: House) -> None:
        self.time = 0.0
        self.patrol = Patrol(home.registry, home.catalogue, 120, lambda: self.time)

    def at(self, time: float) -> None:
        self.time = time
        while self.patrol.step(100):
            pass
        self.patrol.step(100)


def test_unfinished_objects_that_no_upload_speaks_of_go_after_a_while(home: House) -> None:
    _, intent = broken(home, home.worker)
    rounds = Rounds(home)
    for time in (0.0, 200.0, 400.0):
        rounds.at(time)
        assert len(home.files()) == 1, "an upload speaks of it"
    forget_intent(home, intent)
    for time in (500.0, 619.0):
        rounds.at(time)
        assert len(home.files()) == 1, "it may be somebody's"
    rounds.at(621.0)
    assert home.files() == []


def test_an_unfinished_object_that_grows_is_somebodys(home: House) -> None:
    _, intent = broken(home, home.worker)
    forget_intent(home, intent)
    (left,) = home.files()
    rounds = Rounds(home)
    for time in (0.0, 100.0, 200.0, 300.0):
        left.write_bytes(b"x" * int(time + 1))
        rounds.at(time)
    assert left.exists()


def test_a_round_goes_on_where_it_stopped(home: House) -> None:
    for number in range(7):
        home.uploaded(noise(10, number))
    patrol = Patrol(home.registry, home.catalogue, patience=0)
    assert not patrol.step(5)  # the first step begins a round
    steps = 1
    while patrol.step(5):
        steps += 1
    assert steps == 3  # seven objects and seven images, five at a time


def test_a_store_that_is_down_does_not_end_the_round(
    home: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.uploaded(b"data")
    (tmp_path / "s0").rename(tmp_path / "away")
    patrol = Patrol(home.registry, home.catalogue, patience=0)
    for _ in range(3):
        patrol.step(100)
    assert "cannot be compared" in caplog.text
