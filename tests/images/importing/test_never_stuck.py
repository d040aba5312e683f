"""Every call in every state, with owners that die anywhere: no image stays saving, uploading or importing, and no byte
stays that nobody knows of.

Workers are three that take turns. To kill one is to take its clock away: whatever it does next fails as it would in a
process that is gone, and a fresh one with another name takes its place.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from glancetui.config.settings import ImportSettings
from glancetui.errors import GlancetuiError, NotFound
from glancetui.images.jobs import Running
from glancetui.images.outbox import now
from glancetui.images.recovery import Recovery
from glancetui.images.worker import this_worker
from glancetui.model import ImageStatus
from glancetui.registry.jobs import Job
from tests.backends.web import Web, cut_after, web_server
from tests.images.data_path import ADMIN, NODE, OWNER, Body, dead, noise
from tests.images.importing.yard import Yard, build, loopback_allowed, yard

DATA = noise(90_000)
SETTLED = {ImageStatus.QUEUED, ImageStatus.ACTIVE, ImageStatus.DEACTIVATED}
STEPS = (
    "begin_upload", "publish_upload", "begin_stage", "finish_stage", "begin_import", "begin_copy", "add_copy",
    "note_failed_store", "finish_job", "fail_job", "abandon_upload",
)  # fmt: skip


#: In about half of the calls the process that does it ends: at which of its steps, and whether that one still happens.
deaths = st.one_of(st.none(), st.tuples(st.integers(1, 5), st.booleans()))


class Died(BaseException):
    """The process is gone: nothing that would run after this line runs."""


class Mortal:
    """A registry as one process sees it: it may die right before or right after a step, and then does nothing more."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self.alive = True
        self.fatal: tuple[int, bool] | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._registry, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if not self.alive:
                raise Died
            if self.fatal is not None and name in STEPS:
                self.fatal = (self.fatal[0] - 1, self.fatal[1])
                if self.fatal[0] == 0:
                    if self.fatal[1]:
                        method(*arguments, **named)
                    self.alive = False
                    raise Died
            return method(*arguments, **named)

        return call


class Life(RuleBasedStateMachine):
    images = Bundle("images")

    @initialize(target=images)
    def begin(self) -> Any:
        """A queued image, one that is staged and one that is active: rules may be left out of a run, images not."""
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp())
        self.web: Web = self.stack.enter_context(web_server())
        self.web.paths |= {"/good": DATA, "/cut": cut_after(DATA, 1000)}
        imports = ImportSettings(fetch=loopback_allowed(self.web.port))
        self.yard: Yard = self.stack.enter_context(yard(self.folder, stores=2, imports=imports, start=False))
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
        self.mortal = Mortal(self.truth)
        mortal_house = type(house)(**{**house.__dict__, "registry": self.mortal, "worker": dead(this_worker(NODE))})
        rules = type(house.images)(self.mortal, house.images._policy, house.catalogue, house.settings)  # type: ignore[arg-type]
        ingest = type(house.ingest)(rules, self.mortal, house.catalogue, house.settings, str(mortal_house.worker))  # type: ignore[arg-type]
        mortal_house.images, mortal_house.ingest = rules, ingest
        self.process = build(mortal_house, self.yard.settings)
        self.process.runner._closing = True  # jobs are begun by a rule of their own

    def attempt(self, act: Any, dies: tuple[int, bool] | None) -> None:
        """One call of a client, which may be refused; the process may die of it."""
        self.mortal.fatal = dies
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

    @rule(image=images, dies=deaths)
    def upload(self, image: str, dies: Any) -> None:
        self.attempt(lambda: self.process.house.ingest.upload(OWNER, image, Body(DATA)), dies)

    @rule(image=images, good=st.booleans(), dies=deaths)
    def stage(self, image: str, good: bool, dies: Any) -> None:
        self.attempt(lambda: self.process.stage.put(OWNER, image, Body(DATA, declared=None if good else 5)), dies)

    @rule(
        image=images,
        path=st.sampled_from(["/good", "/cut", "/none"]),
        every=st.booleans(),
        must=st.booleans(),
        dies=deaths,
    )
    def download(self, image: str, path: str, every: bool, must: bool, dies: Any) -> None:
        body = {"method": {"name": "web-download", "uri": self.web.url(path)}, "all_stores": every}
        self.attempt(lambda: self.process.imports.begin(OWNER, image, {**body, "all_stores_must_succeed": must}), dies)

    @rule(image=images, every=st.booleans(), must=st.booleans(), dies=deaths)
    def import_staged(self, image: str, every: bool, must: bool, dies: Any) -> None:
        body = {"method": {"name": "glance-direct"}, "all_stores": every, "all_stores_must_succeed": must}
        self.attempt(lambda: self.process.imports.begin(OWNER, image, body), dies)

    @rule(image=images, must=st.booleans(), dies=deaths)
    def copy(self, image: str, must: bool, dies: Any) -> None:
        body = {"method": {"name": "copy-image"}, "all_stores": True, "all_stores_must_succeed": must}
        self.attempt(lambda: self.process.imports.begin(ADMIN, image, body), dies)

    @rule(dies=deaths)
    def work(self, dies: Any) -> None:
        """One job, as far as the process lives."""

        def do() -> None:
            runner = self.process.runner
            job = self.mortal.claim_job(runner.owner, runner._site, 60, later())
            if job is not None:
                self.process.work.run(Running(job))

        self.attempt(do, dies)

    @rule(store=st.sampled_from(["s0", "s1"]))
    def store_comes_or_goes(self, store: str) -> None:
        here, away = self.folder / store, self.folder / f"away-{store}"
        here.rename(away) if here.exists() else away.rename(here)

    @rule(image=images)
    def deactivate(self, image: str) -> None:
        self.attempt(lambda: self.process.house.images.deactivate(ADMIN, image), None)

    @rule(image=images, dies=deaths)
    def delete(self, image: str, dies: Any) -> None:
        self.attempt(lambda: self.process.imports.delete(OWNER, image), dies)

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
        for _ in range(20):
            self.recovery().run_once()
            self.yard.staging.sweep(self.truth)
            house.outbox().run_once()
            job = self.claimed()
            if job is None and not self.truth.expired_intents(later(), 10):
                break
            if job is not None:
                self.yard.work.run(Running(job))

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
        assert self.yard.show(image_id).status == ImageStatus.ACTIVE

    def check(self) -> None:
        objects: set[str] = set()
        for image_id in self.ids:
            try:
                image = self.yard.show(image_id)
            except NotFound:
                continue
            assert image.status in SETTLED or image.status == ImageStatus.UPLOADING, image
            assert "os_glance_import_task" not in image.properties
            assert bool(image.locations) == (image.status in {ImageStatus.ACTIVE, ImageStatus.DEACTIVATED}), image
            assert (image.size is None) == (image.status == ImageStatus.QUEUED), image
            objects |= {row.url.removeprefix("file://") for row in image.locations}
            if image.status == ImageStatus.UPLOADING:
                self.import_by_hand(image_id)
                objects |= {row.url.removeprefix("file://") for row in self.yard.show(image_id).locations}
        assert {str(path) for path in self.yard.house.files()} == objects
        assert all(Path(each).read_bytes() == DATA for each in objects)
        assert self.yard.staging_files() == []
        assert self.truth.running_jobs(10) == []
        assert list(self.truth.expired_intents(later(), 10)) == []


def later() -> datetime:
    """Beyond every lease that is running now."""
    return now() + timedelta(hours=1)


TestNeverStuck = pytest.mark.slow(seconds=30)(pytest.mark.timeout(240)(Life.TestCase))
Life.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
