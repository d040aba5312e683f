"""A house of the data path with all that imports need: staging, jobs, a fetcher that may read one web server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from glancetui.config.settings import FetchSettings, ImportSettings, Settings, StoreSettings
from glancetui.fetch.fetcher import Fetcher
from glancetui.fetch.filter import Filter
from glancetui.images.importing.imports import Imports
from glancetui.images.importing.stage import Stage
from glancetui.images.importing.staging import Staging
from glancetui.images.importing.work import ImportWork
from glancetui.images.jobs import JobRunner
from glancetui.images.worker import Worker
from glancetui.model import Caller, Image
from glancetui.registry.jobs import Job, Task
from glancetui.registry.sql import open_registry
from glancetui.stores.catalogue import Catalogue
from tests.images.data_path import ALL_SEEING, NODE, OWNER, Body, House, house
from tests.images.waiting import until

METHODS = ("glance-direct", "web-download", "glance-download", "copy-image")


@dataclass
class Yard:
    house: House
    settings: Settings
    staging: Staging
    stage: Stage
    imports: Imports
    work: ImportWork
    runner: JobRunner

    @property
    def staging_folder(self) -> Path:
        assert self.settings.staging_dir is not None
        return self.settings.staging_dir

    def staged(self, data: bytes, **attributes: object) -> Image:
        return self.stage.put(OWNER, self.house.new(**attributes).id, Body(data))

    def begin(self, image_id: str, method: dict[str, str] | str, caller: Caller = OWNER, **body: Any) -> Job:
        named = {"name": method} if isinstance(method, str) else method
        job = self.imports.begin(caller, image_id, {"method": named, **body}, token=body.pop("token", None))
        assert isinstance(job, Job)
        return job

    def settle(self, job: Job, seconds: float = 20.0) -> Job:
        """The job once it has ended."""
        registry = self.house.registry
        until(lambda: registry.job(job.id).state in {"succeeded", "failed"}, seconds)
        return registry.job(job.id)

    def imported(self, image_id: str, method: dict[str, str] | str, caller: Caller = OWNER, **body: Any) -> Job:
        return self.settle(self.begin(image_id, method, caller, **body))

    def show(self, image_id: str) -> Image:
        return self.house.registry.image(image_id, ALL_SEEING)

    def task(self, job: Job) -> Task:
        return self.house.registry.task(job.id, None)

    def staging_files(self) -> list[str]:
        return sorted(path.name for path in self.staging_folder.iterdir())

    def assert_nothing_left(self, image_id: str) -> None:
        """In no store, not in staging, and no intent."""
        assert [path for path in self.house.files() if image_id in path.name] == []
        assert [name for name in self.staging_files() if image_id in name] == []
        assert [
            each for each in self.house.registry.intents_of(str(self.house.worker)) if each.image_id == image_id
        ] == []

    def another_runner(self, worker: Worker, lease: float | None = None, site: str | None = None) -> JobRunner:
        """Another process, as it were: the same registry and stores."""
        house = self.house
        staging = Staging(house.catalogue, self.settings.staging_dir, site or self.staging.site, None)
        work = ImportWork(house.registry, house.catalogue, house.ingest, staging, self.fetcher(), self.settings, worker)
        lease = self.settings.upload_lease_seconds if lease is None else lease
        return JobRunner(house.registry, worker, staging.site, lease, 4, work.run)

    def fetcher(self) -> Fetcher:
        fetch = self.settings.imports.fetch
        return Fetcher(Filter(fetch), fetch)


def loopback_allowed(port: int, **more: Any) -> FetchSettings:
    return FetchSettings(allowed_hosts=("127.0.0.1",), allowed_ports=(port,), **more)


@contextmanager
def yard(
    folder: Path, stores: int = 1, lease: float = 60.0, slots: int = 4, imports: ImportSettings | None = None,
    start: bool = True, **images: object,
) -> Iterator[Yard]:  # fmt: skip
    with house(folder, stores, lease, **images) as made:
        settings = msgspec.structs.replace(
            made.settings,
            staging_dir=folder / "staging",
            enabled_import_methods=METHODS,
            imports=imports or ImportSettings(),
        )
        made.catalogue = Catalogue.from_settings(settings)
        made.settings = settings
        made.ingest.close()
        made.ingest = type(made.ingest)(made.images, made.registry, made.catalogue, settings, str(made.worker))
        built = build(made, settings, slots)
        if start:
            built.runner.start()
        try:
            yield built
        finally:
            built.runner.close()
            made.ingest.close()


def with_web_store(it: Yard) -> Yard:
    """The same with a store of other people's addresses, `web`, beside its own."""
    web = StoreSettings(id="web", kind="http")
    it.house.settings = msgspec.structs.replace(it.settings, stores=(*it.settings.stores, web), multi_store=True)
    it.house.catalogue = Catalogue.from_settings(it.house.settings)
    return build(it.house, it.house.settings)


def build(made: House, settings: Settings, slots: int = 4) -> Yard:
    fetcher = Fetcher(Filter(settings.imports.fetch), settings.imports.fetch)
    staging = Staging(made.catalogue, settings.staging_dir, f"{NODE}:{settings.staging_dir}", settings.imports.self_url)
    worker = str(made.worker)
    work = ImportWork(made.registry, made.catalogue, made.ingest, staging, fetcher, settings, made.worker)
    lease = settings.upload_lease_seconds
    runner = JobRunner(made.registry, made.worker, staging.site, lease, slots, work.run)
    return Yard(
        house=made,
        settings=settings,
        staging=staging,
        stage=Stage(made.images, made.registry, made.ingest, staging, settings, worker),
        imports=Imports(made.images, made.registry, made.catalogue, staging, fetcher, runner, settings),
        work=work,
        runner=runner,
    )


__all__ = ["Yard", "build", "loopback_allowed", "open_registry", "with_web_store", "yard"]
