"""Every call in every state, with owners that die anywhere: no image stays saving, uploading or importing, and no byte
stays that nobody knows of.

Of a process that dies, whatever it would do next does not happen, and a fresh one with another name takes its place.
One that is merely late has its lease run out at any of its steps: a healthy worker undoes or does its work, and it goes
on. `make test-long` has many more lives, and longer ones.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule, run_state_machine_as_test

from glancetui.config.settings import ImportSettings
from glancetui.errors import GlancetuiError, NotFound
from glancetui.images.admission import Admission
from glancetui.images.jobs import Running
from glancetui.images.locations import Locations
from glancetui.images.outbox import now
from glancetui.images.patch import Operation
from glancetui.images.recovery import Recovery
from glancetui.images.worker import this_worker
from glancetui.model import Caller, Image, ImageStatus
from glancetui.registry.jobs import Job
from tests.backends.web import Web, cut_after, web_server
from tests.images.data_path import ADMIN, NODE, OWNER, Body, dead, noise
from tests.images.importing.yard import Yard, build, loopback_allowed, with_web_store, yard
from tests.longer import is_long

DATA = noise(90_000)
OTHER = noise(90_000, seed=2)
SAID = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(DATA).hexdigest()}
WRONG = {"os_hash_algo": "sha512", "os_hash_value": "0" * 128}
HERE = ("/good", "/mirror")  # the same data
#: Addresses, and what a client says lies there. What lies at /other is never the data of an image.
TRIED = (("/good", None), ("/mirror", SAID), ("/good", WRONG), ("/other", SAID), ("/cut", SAID), ("/away", None))
CHANGES = (("name", "new"), ("mine", "more"), ("disk_format", "qcow2"), ("container_format", "ova"))
SETTLED = {ImageStatus.QUEUED, ImageStatus.ACTIVE, ImageStatus.DEACTIVATED}
#: What changes nothing: there, dying makes no difference.
READS = frozenset({
    "image", "job", "task", "tasks", "tasks_of_image", "live_job_of", "intents_of_job", "running_jobs", "bytes_stored",
    "knows_object", "expired_intents", "intents_of", "stuck_images", "stranded_imports", "page", "members", "member",
})  # fmt: skip

#: What befalls the process that does a call, and at which of its steps. Few calls have many.
WHAT = ("dies before it", "dies after it", "is overtaken")
fates = st.sampled_from([None, None, *itertools.product((1, 1, 2, 2, 3, 4, 5, 6), WHAT)])


class Died(BaseException):
    """The process is gone: nothing that would run after this line runs."""


class Mortal:
    """A registry as one process sees it: something may befall it at a step. Once dead, it does nothing more."""

    def __init__(self, registry: Any, tally: Counter[str], overtake: Callable[[], None]) -> None:
        self._registry = registry
        self._tally = tally
        self._overtake = overtake
        self.alive = True
        self.fate: tuple[int, str] | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._registry, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if not self.alive:
                raise Died
            if self.fate is None or name in READS:
                return method(*arguments, **named)
            left, what = self.fate
            self.fate = (left - 1, what) if left > 1 else None
            return method(*arguments, **named) if left > 1 else self._meet(what, method, arguments, named)

        return call

    def _meet(self, what: str, method: Any, arguments: Any, named: Any) -> Any:
        self._tally[what] += 1
        if what == "is overtaken":
            self._overtake()
            return method(*arguments, **named)
        if what == "dies after it":
            method(*arguments, **named)
        self.alive = False
        raise Died


class Life(RuleBasedStateMachine):
    tally: ClassVar[Counter[str]]  # of the test's own subclass
    images = Bundle("images")

    @initialize(target=images)
    def begin(self) -> Any:
        """A queued image, one that is staged and one that is active: rules may be left out of a run, images not."""
        self.tally["lives"] += 1
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp())
        self.web: Web = self.stack.enter_context(web_server())
        self.web.paths |= dict.fromkeys(HERE, DATA) | {"/other": OTHER, "/cut": cut_after(DATA, 1000), "/away": hang_up}
        imports = ImportSettings(fetch=loopback_allowed(self.web.port))
        options = {"show_multiple_locations": True, "http_retries": 1}
        here = yard(self.folder, stores=2, imports=imports, start=False, **options)
        self.yard: Yard = with_web_store(self.stack.enter_context(here))
        self.truth = self.yard.house.registry
        house = self.yard.house
        made = (house.new().id, self.yard.staged(DATA).id, house.uploaded(DATA).id)
        self.ids = set(made)
        self.another_process()
        return multiple(*made)

    def another_process(self) -> None:
        """What the former one held is now held by one that is surely dead."""
        house = self.yard.house
        if hasattr(self, "process"):
            self.process.house.ingest.close()  # its threads, at least, must end
        self.mortal = Mortal(self.truth, self.tally, self.overtake)
        mortal_house = type(house)(**{**house.__dict__, "registry": self.mortal, "worker": dead(this_worker(NODE))})
        admission = Admission(house.catalogue, self.yard.fetcher(), house.settings)
        rules = type(house.images)(
            self.mortal,  # type: ignore[arg-type]
            house.images._policy,
            house.catalogue,
            house.settings,
            admit=admission.admit,
        )
        ingest = type(house.ingest)(rules, self.mortal, house.catalogue, house.settings, str(mortal_house.worker))  # type: ignore[arg-type]
        mortal_house.images, mortal_house.ingest = rules, ingest
        self.process = build(mortal_house, self.yard.settings)
        self.process.runner._closing = True  # jobs are begun by a rule of their own
        self.process.runner.run_now = lambda _job, _secret=None: None  # type: ignore[method-assign]
        self.locations = Locations(
            rules,
            self.mortal,  # type: ignore[arg-type]
            house.catalogue,
            admission,
            self.process.runner,
            house.settings,
        )

    def overtake(self) -> None:
        """The lease of whatever is under way runs out: another worker sees to it."""
        self.recovery().run_once()
        job = self.truth.claim_job(str(self.yard.house.worker), self.yard.staging.site, 60, later())
        if job is not None:
            self.yard.work.run(Running(job, "token"))

    def attempt(self, act: Any, fate: tuple[int, str] | None) -> None:
        """One call of a client, which may be refused; something may befall the process."""
        self.tally["steps"] += 1
        self.mortal.fate = fate
        try:
            act()
        except GlancetuiError:
            pass
        except Died:
            self.another_process()

    @rule(target=images)
    def create(self) -> str:
        image = self.yard.house.new()
        self.ids.add(image.id)
        return image.id

    @rule(image=images, good=st.booleans(), fate=fates)
    def upload(self, image: str, good: bool, fate: Any) -> None:
        body = Body(DATA, declared=None if good else 5)
        self.attempt(lambda: self.process.house.ingest.upload(OWNER, image, body), fate)

    @rule(image=images, change=st.sampled_from(CHANGES), fate=fates)
    def patch(self, image: str, change: tuple[str, str], fate: Any) -> None:
        operation = Operation(verb="add", name=change[0], value=change[1])
        self.attempt(lambda: self.process.house.images.patch(OWNER, image, [operation]), fate)

    @rule(image=images, good=st.booleans(), fate=fates)
    def stage(self, image: str, good: bool, fate: Any) -> None:
        self.attempt(lambda: self.process.stage.put(OWNER, image, Body(DATA, declared=None if good else 5)), fate)

    @rule(
        image=images,
        path=st.sampled_from(["/good", "/cut", "/none"]),
        every=st.booleans(),
        must=st.booleans(),
        at_once=st.booleans(),
        fate=fates,
    )
    def download(self, image: str, path: str, every: bool, must: bool, at_once: bool, fate: Any) -> None:
        body = {"method": {"name": "web-download", "uri": self.web.url(path)}, "all_stores": every}
        self.begin_import(image, {**body, "all_stores_must_succeed": must}, at_once, fate)

    @rule(image=images, path=st.sampled_from(["/good", "/cut", "/none"]), at_once=st.booleans(), fate=fates)
    def download_from_glance(self, image: str, path: str, at_once: bool, fate: Any) -> None:
        """Another region, which has the image's description and, perhaps, its data."""
        remote = f"{len(self.web.paths):08x}-0000-4000-8000-000000000000"
        self.web.paths[f"/v2/images/{remote}"] = b'{"status":"active","disk_format":"raw","container_format":"bare"}'
        if path in self.web.paths:
            self.web.paths[f"/v2/images/{remote}/file"] = self.web.paths[path]
        method = {"name": "glance-download", "glance_region": "r", "glance_image_id": remote}
        self.process.runner._closing = False  # others cannot take it, so it needs room here
        endpoint = {"token": "token", "endpoint_of": lambda *_: self.web.url("")}
        self.begin_import(image, {"method": method}, at_once, fate, **endpoint)
        self.process.runner._closing = True

    @rule(path=st.sampled_from(["/good", "/cut", "/none"]), fate=fates)
    def import_by_task(self, path: str, fate: Any) -> None:
        """It makes an image of its own, which goes with the task when that fails."""
        image_id = f"{len(self.ids):08x}-1111-4000-8000-000000000000"
        self.ids.add(image_id)
        attributes = {"id": image_id, "name": "x", "disk_format": "raw", "container_format": "bare"}
        self.attempt(lambda: self.process.imports.begin_task(ADMIN, attributes, self.web.url(path), {}), fate)

    @rule(image=images, every=st.booleans(), must=st.booleans(), at_once=st.booleans(), fate=fates)
    def import_staged(self, image: str, every: bool, must: bool, at_once: bool, fate: Any) -> None:
        body = {"method": {"name": "glance-direct"}, "all_stores": every, "all_stores_must_succeed": must}
        self.begin_import(image, body, at_once, fate)

    @rule(image=images, must=st.booleans(), at_once=st.booleans(), fate=fates)
    def copy(self, image: str, must: bool, at_once: bool, fate: Any) -> None:
        body = {"method": {"name": "copy-image"}, "all_stores": True, "all_stores_must_succeed": must}
        self.begin_import(image, body, at_once, fate, ADMIN)

    @rule(fate=fates)
    def work(self, fate: Any) -> None:
        """One job, as far as the process lives."""
        self.attempt(self.do_one_job, fate)

    def do_one_job(self) -> None:
        runner = self.process.runner
        job = self.mortal.claim_job(runner.owner, runner._site, 60, later())
        if job is not None:
            self.process.work.run(Running(job, "token"))

    def begin_import(
        self, image: str, body: Any, at_once: bool, fate: Any, caller: Caller = OWNER, **more: Any
    ) -> None:
        """Its work is done at once, in the same process, or left to a later step."""

        def act() -> None:
            self.process.imports.begin(caller, image, body, **more)
            if at_once:
                self.do_one_job()

        self.attempt(act, fate)

    @rule(store=st.sampled_from(["s0", "s1"]))
    def store_comes_or_goes(self, store: str) -> None:
        here, away = self.folder / store, self.folder / f"away-{store}"
        here.rename(away) if here.exists() else away.rename(here)

    @rule(image=images, fate=fates)
    def deactivate(self, image: str, fate: Any) -> None:
        self.attempt(lambda: self.process.house.images.deactivate(ADMIN, image), fate)

    @rule(image=images, fate=fates)
    def reactivate(self, image: str, fate: Any) -> None:
        self.attempt(lambda: self.process.house.images.reactivate(ADMIN, image), fate)

    @rule(image=images, fate=fates)
    def delete(self, image: str, fate: Any) -> None:
        self.attempt(lambda: self.process.imports.delete(OWNER, image), fate)

    @rule(image=images, store=st.sampled_from(["s0", "s1"]), fate=fates)
    def remove_copy(self, image: str, store: str, fate: Any) -> None:
        self.attempt(lambda: self.locations.remove_copy(ADMIN, store, image), fate)

    @rule(image=images, tried=st.sampled_from(TRIED), at_once=st.booleans(), fate=fates)
    def add_location(self, image: str, tried: tuple[str, dict[str, str] | None], at_once: bool, fate: Any) -> None:
        path, said = tried

        def act() -> None:
            self.locations.add(OWNER, image, {"url": self.web.url(path), "validation_data": said})
            if at_once:
                self.do_one_job()

        self.attempt(act, fate)

    @rule(
        image=images,
        verb=st.sampled_from(["add", "add", "replace", "remove"]),
        path=st.sampled_from([*HERE, "/cut", "/away"]),
        fate=fates,
    )
    def patch_locations(self, image: str, verb: Any, path: str, fate: Any) -> None:
        place = {"url": self.web.url(path), "metadata": {}}
        operation = {
            "add": Operation(verb="add", name="locations", position="-", value=place),
            "replace": Operation(verb="replace", name="locations", value=[place]),
            "remove": Operation(verb="remove", name="locations", position="0"),
        }[verb]
        self.attempt(lambda: self.process.house.images.patch(ADMIN, image, [operation]), fate)

    @rule()
    def recover(self) -> None:
        self.recovery().run_once()

    def recovery(self) -> Recovery:
        house = self.yard.house
        return Recovery(self.truth, house.catalogue, house.worker, 60.0, clock=later)

    def teardown(self) -> None:
        if not hasattr(self, "yard"):
            return
        try:
            self.settle()
            self.check()
        finally:
            self.process.house.ingest.close()
            self.stack.close()
            shutil.rmtree(self.folder)

    def settle(self) -> None:
        """All stores are back, and one healthy worker has done what it does for a while."""
        for store in ("s0", "s1"):
            away = self.folder / f"away-{store}"
            if away.exists():
                away.rename(self.folder / store)
        house = self.yard.house
        for _ in range(200):  # more than there can be jobs
            self.recovery().run_once()
            self.yard.staging.sweep(self.truth)
            house.outbox().run_once()
            job = self.claimed()
            if job is None and not self.truth.expired_intents(later(), 10):
                break
            if job is not None:
                self.yard.work.run(Running(job, "token"))

    def claimed(self) -> Job | None:
        for job in self.truth.running_jobs(100):
            return self.truth.take_over_job(job, str(self.yard.house.worker), 60)
        return self.truth.claim_job(str(self.yard.house.worker), self.yard.staging.site, 60, later())

    def import_by_hand(self, image_id: str) -> None:
        """Staged data are only waiting: an import of theirs ends well."""
        self.yard.runner._closing = True
        self.yard.begin(image_id, "glance-direct")
        job = self.claimed()
        assert job is not None
        self.yard.work.run(Running(job))
        image = self.yard.show(image_id)
        fits = (image.disk_format, image.container_format) == (
            "raw",
            "bare",
        )  # formats may change while it is importing
        assert image.status == ImageStatus.ACTIVE or (image.status == ImageStatus.QUEUED and not fits), image

    def check(self) -> None:
        objects: set[str] = set()
        stored: Counter[str | None] = Counter()  # bytes, by project
        for image_id in self.ids:
            try:
                image = self.yard.show(image_id)
            except NotFound:
                continue
            self.check_tasks(image_id)
            assert image.status in SETTLED or image.status == ImageStatus.UPLOADING, image
            assert "os_glance_import_task" not in image.properties
            assert (image.size is None) == (image.status == ImageStatus.QUEUED), image
            if image.status == ImageStatus.UPLOADING:
                assert image.locations == ()
                self.import_by_hand(image_id)
                image = self.yard.show(image_id)
            if image.status == ImageStatus.QUEUED:
                self.check_what_was_tried(image)
                continue
            stored[image.owner] += len(image.locations) * len(DATA)
            objects |= self.check_data(image)
        for caller in (OWNER, ADMIN):
            assert self.truth.bytes_stored(caller.project) == stored[caller.project]
        assert {str(path) for path in self.yard.house.files()} == objects
        assert all(Path(each).read_bytes() == DATA for each in objects)
        assert self.yard.staging_files() == []
        assert self.truth.running_jobs(10) == []
        assert list(self.truth.expired_intents(later(), 10)) == []

    def check_what_was_tried(self, image: Image) -> None:
        """A queued image shows at most an address that was refused, and that is not its data."""
        tried = [row.url.removeprefix(self.web.url("")) for row in image.locations]
        assert tried in ([], ["/good"], ["/other"]), image
        assert not tried or "than was said" in (image.reason or ""), image
        assert self.yard.house.deliver.read(image) is None

    def check_data(self, image: Image) -> set[str]:
        """What lies at each location is the image's data. Paths of those that are ours."""
        paths = [row.url.removeprefix(self.web.url("")).removeprefix("file://") for row in image.locations]
        assert len(set(paths)) == len(paths) > 0, image
        assert image.size == len(DATA), image
        if image.os_hash_value is not None:
            assert image.os_hash_value == hashlib.new(image.os_hash_algo or "", DATA).hexdigest(), image
        return set(paths) - set(HERE)

    def check_tasks(self, image_id: str) -> None:
        """All are over, and those that failed say why."""
        for task in self.truth.tasks_of_image(image_id, 100):
            assert task.status in {"success", "failure"}, task
            assert task.status == "success" or len((task.message or "").split()) > 3, task


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True  # without a word


def later() -> datetime:
    """Beyond every lease that is running now."""
    return now() + timedelta(hours=1)


@pytest.mark.slow(seconds=25)
@pytest.mark.timeout(240)
def test_no_life_leaves_an_image_stuck_or_a_byte_that_nobody_knows(
    record_property: Callable[[str, object], None],
) -> None:
    class Counted(Life):
        tally: ClassVar[Counter[str]] = Counter()

    examples, length = (3000, 50) if is_long() else (40, 25)
    settings_ = settings(
        max_examples=examples, stateful_step_count=length, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Counted, settings=settings_)
    for name, count in Counted.tally.items():
        record_property(f"never stuck: {name if name in {'lives', 'steps'} else f'a process {name}'}", count)
