"""Locations that are added by a job: owners that die or stop on the way, and what the job leaves then."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import msgspec
import pytest

from glancetui.config.settings import FetchSettings, ImportSettings
from glancetui.errors import Conflict
from glancetui.images.admission import Admission
from glancetui.images.importing.adding import HASH_MISMATCH
from glancetui.images.locations import Locations, without_secrets
from glancetui.model import ImageLocation
from glancetui.registry.jobs import Job
from tests.backends.web import Web, cut_after, held_back, web_server
from tests.images.data_path import OWNER, Body, dead, noise
from tests.images.importing.yard import Yard, build, loopback_allowed, with_web_store, yard
from tests.images.waiting import until

DATA = noise(2_000_000)
SAID = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(DATA).hexdigest()}


class Adder:
    """A yard with an http store, and what adds locations to it."""

    def __init__(self, it: Yard) -> None:
        self.yard = with_web_store(it)
        house, settings = it.house, it.house.settings
        admission = Admission(house.catalogue, self.yard.fetcher(), settings)
        self.runner, self.registry = self.yard.runner, house.registry
        self.locations = Locations(house.images, self.registry, house.catalogue, admission, self.runner, settings)

    def add(self, url: str, **said: str) -> tuple[str, Job]:
        image = self.yard.house.new()
        return image.id, self.locations.add(OWNER, image.id, {"url": url, "validation_data": said})

    def died(self, url: str, **said: str) -> tuple[str, Job]:
        """The job of a process that is gone."""
        self.runner._closing = True  # so that the job is begun without an owner
        image_id, job = self.add(url, **said)
        self.runner._closing = False
        return image_id, self.registry.take_over_job(job, str(dead(self.yard.house.worker)), 60)


def imports(web: Web, **more: object) -> ImportSettings:
    return ImportSettings(fetch=loopback_allowed(web.port, **more))


@pytest.mark.parametrize("said", [{}, SAID])
def test_a_neighbour_goes_on_with_the_job_of_a_process_that_is_gone(tmp_path: Path, said: dict[str, str]) -> None:
    with web_server() as web, yard(tmp_path, start=False, imports=imports(web)) as it:
        web.paths["/image"] = DATA
        adder = Adder(it)
        image_id, job = adder.died(web.url("/image"), **said)
        adder.runner.claim_of_dead_neighbours()
        assert adder.yard.settle(job).state == "succeeded"
        image = it.show(image_id)
        assert (image.status, image.size, image.virtual_size) == ("active", len(DATA), len(DATA))
        assert image.os_hash_value == hashlib.new(image.os_hash_algo or "", DATA).hexdigest()
        assert [row.metadata for row in image.locations] == [{"store": "web"}]
        assert image.properties == {}


def test_who_goes_on_after_the_location_was_added_only_reads_for_the_hash(tmp_path: Path) -> None:
    with web_server() as web, yard(tmp_path, start=False, imports=imports(web)) as it:
        adder, reached, go_on = Adder(it), threading.Event(), threading.Event()
        answers = [DATA, DATA]

        def respond(handler: object) -> None:
            held = held_back(DATA, 1000, go_on, reached)
            (cut_after(answers.pop(), len(DATA)) if answers else held)(handler)  # type: ignore[arg-type]

        web.paths["/image"] = respond
        image_id, job = adder.add(web.url("/image"))
        assert reached.wait(20)
        assert it.show(image_id).status == "active"
        late = adder.registry.job(job.id)
        ours = adder.registry.take_over_job(late, str(dead(it.house.worker)), 60)
        web.paths["/image"] = DATA
        adder.runner.claim_of_dead_neighbours()
        go_on.set()
        assert adder.yard.settle(ours).state == "succeeded"
        image = it.show(image_id)
        assert image.os_hash_value == hashlib.sha512(DATA).hexdigest()
        assert len(image.locations) == 1


def test_a_job_that_must_stop_is_handed_over_and_done_by_another(tmp_path: Path) -> None:
    with web_server() as web, yard(tmp_path, start=False, imports=imports(web)) as it:
        adder, reached, go_on = Adder(it), threading.Event(), threading.Event()
        web.paths["/image"] = held_back(DATA, 1000, go_on, reached)
        image_id, job = adder.add(web.url("/image"), **SAID)
        assert reached.wait(20)
        handing = threading.Thread(target=adder.runner.hand_over, args=(20,))
        handing.start()
        go_on.set()
        handing.join(20)
        assert adder.registry.job(job.id).state == "pending"
        assert it.show(image_id).status == "importing"
        web.paths["/image"] = DATA
        other = it.another_runner(it.house.worker)
        until(lambda: other.claim_due() == 1 or adder.registry.job(job.id).state != "pending", 10)
        assert adder.yard.settle(job).state == "succeeded"
        other.close()


def test_an_address_that_may_not_be_read_any_more_fails_the_job(tmp_path: Path) -> None:
    with web_server() as web, yard(tmp_path, start=False, imports=imports(web)) as it:
        web.paths["/image"] = DATA
        adder = Adder(it)
        image_id, job = adder.died(web.url("/image"), **SAID)
        forbidding = msgspec.structs.replace(adder.yard.settings, imports=ImportSettings(fetch=FetchSettings()))
        build(it.house, forbidding).runner.claim_of_dead_neighbours()
        ended = adder.yard.settle(job)
        assert (ended.state, ended.error_code) == ("failed", "refused")
        assert (it.show(image_id).status, web.asked) == ("queued", [])


def test_an_image_that_takes_other_data_meanwhile_keeps_them(tmp_path: Path) -> None:
    with web_server() as web, yard(tmp_path, start=False, imports=imports(web)) as it:
        web.paths["/image"] = DATA
        adder = Adder(it)
        image_id, job = adder.died(web.url("/image"))
        with pytest.raises(Conflict, match="running"):
            adder.locations.add(OWNER, image_id, {"url": web.url("/image")})
        it.house.ingest.upload(OWNER, image_id, Body(b"other data"))
        adder.runner.claim_of_dead_neighbours()
        assert adder.yard.settle(job).state == "failed"
        image = it.show(image_id)
        assert (image.status, image.size, len(image.locations), image.properties) == ("active", 10, 1, {})


def test_only_an_address_at_which_nothing_can_be_deleted_stays_as_what_was_tried(tmp_path: Path) -> None:
    with web_server() as web, yard(tmp_path, start=False, imports=imports(web)) as it:
        adder = Adder(it)
        _, job = adder.died(web.url("/image"), **SAID)
        spec = msgspec.structs.replace(job.spec, uri=f"file://{tmp_path}/s0/x")
        own = msgspec.structs.replace(job, spec=spec)
        adding = adder.yard.work._adding
        assert adding.refused(job, HASH_MISMATCH) == ImageLocation(url=web.url("/image"), metadata={"store": "web"})
        assert adding.refused(job, "data-missing") is None
        assert adding.refused(own, HASH_MISMATCH) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@host/path?key=secret#part", "https://host/path?***"),
        ("swift+https://acct%3Auser:key@host/container/object", "swift+https://host/container/object"),
        ("rbd://fsid/pool/image/snap", "rbd://fsid/pool/image/snap"),
        ("http://[::1", "http:***"),
    ],
)
def test_what_a_task_shows_of_an_address_holds_no_secret(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
