"""An import under way: from material (staged, downloaded, or a copy) to locations, one store after another.

Every step may be cut off and done again by another worker. What is stored is recorded in the registry as it is stored;
what is not recorded is undone by its intent. The image becomes active with the last copy (or the first, where not all
must succeed), and only when staged data and work files are gone is the job over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta

import msgspec

from glancetui.config.settings import Settings
from glancetui.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    GlancetuiError,
    Gone,
    JobFailed,
    LimitExceeded,
    NotFound,
    RegistryUnavailable,
    Stale,
    StoreFull,
    StoreUnavailable,
    Unavailable,
    UnsupportedMedia,
)
from glancetui.fetch.fetcher import Fetcher
from glancetui.images.access import EVERYTHING
from glancetui.images.admission import Admission
from glancetui.images.importing.adding import Adding, still_there
from glancetui.images.importing.plugins import Plugins
from glancetui.images.importing.remote import RemoteGlance
from glancetui.images.importing.sources import FileSource, Metered, stored_source
from glancetui.images.importing.staging import Staging
from glancetui.images.ingest import Ingest, Publishing, Taking, free_object_id, fresh_object_id, reason_of, told_of
from glancetui.images.jobs import HandedOver, Running
from glancetui.images.outbox import now
from glancetui.images.source import ByteSource
from glancetui.images.worker import Worker, surely_dead
from glancetui.model import Caller, Image, ImageLocation, ImageStatus, Location
from glancetui.registry.interface import Published, Registry
from glancetui.registry.jobs import Facts, ImportSpec, Job
from glancetui.stores.catalogue import Catalogue
from glancetui.stores.driver import Driver

log = logging.getLogger(__name__)

UNDOING_SECONDS = 3.0
NAP = 0.05
MOST_ATTEMPTS = 5  # workers that may die over one job before it counts as the job's fault
CODES: Sequence[tuple[type[GlancetuiError], str]] = (  # the first that fits; stable, as programs may compare them
    (UnsupportedMedia, "unsupported-content"),
    (StoreFull, "store-full"),
    (LimitExceeded, "over-limit"),
    (StoreUnavailable, "store-unavailable"),
    (Gone, "image-deleted"),
    (NotFound, "data-missing"),
    (Conflict, "conflict"),
    (Forbidden, "forbidden"),
    (BadRequest, "refused"),
    (Unavailable, "unavailable"),
)

#: Staged data of which no import can come any more.
HOPELESS = frozenset({"unsupported-content", "not-convertible", "bad-archive", "staged-gone", "staged-damaged"})


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be stored. `open` may be called once for each store that is tried."""

    open: Callable[[], AbstractContextManager[ByteSource]]
    disk_format: str | None
    container_format: str | None
    facts: Facts = Facts()
    store: str | None = None  # where it is a copy that there is


class DamagedCopy(JobFailed):
    """A copy is not what the image was when it became active."""

    def __init__(self, image_id: str, store: str | None) -> None:
        super().__init__(
            "source-damaged",
            f"The copy of image {image_id} in store {store} is not what the image was. The operator must replace it.",
        )


class ImportWork:
    """Does one job at a time in each thread that calls it."""

    def __init__(
        self,
        registry: Registry,
        catalogue: Catalogue,
        ingest: Ingest,
        staging: Staging,
        fetcher: Fetcher,
        settings: Settings,
        worker: Worker,
    ) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._ingest = ingest
        self._staging = staging
        self._fetcher = fetcher
        self._settings = settings
        self._worker = worker
        self._plugins = Plugins(staging, settings)
        self._adding = Adding(registry, catalogue, ingest, Admission(catalogue, fetcher, settings), settings)

    def run(self, running: Running) -> None:
        """Ends the job in the registry, whichever way; leaves it there where it is in other hands."""
        job = running.job
        try:
            self._do(running)
        except HandedOver:
            self._staging.remove_work(job)
            self._registry.release_job(running.job)
            log.info("Handed over the import of image %s.", job.image_id)
        except (Stale, RegistryUnavailable) as error:
            log.warning("The import of image %s stops here: %s", job.image_id, error)
        except GlancetuiError as error:
            self._fail(running, error)
        except Exception as error:
            log.exception("The import of image %s failed unexpectedly.", job.image_id)
            self._fail(running, error)
        else:
            self._finish(running)

    def _do(self, running: Running) -> None:
        job = running.job
        if job.attempts > MOST_ATTEMPTS:
            raise JobFailed("workers-died", f"{job.attempts - 1} workers died over this import. Ask the operator why.")
        self._staging.remove_work(job)  # of earlier attempts
        self._clear_earlier_copies(running)
        image = still_there(self._registry, job.image_id)
        if job.spec.method == "add-location":
            self._adding.do(running, image)
            return
        left = [name for name in job.spec.stores if name not in done_stores(job)]
        if left:
            with self._material(running, image) as material:
                for store in left:
                    self._fill(running, image, store, material)
        if not running.job.copies:
            raise JobFailed("no-store", f"No store took the image. {running.job.error}")

    def _clear_earlier_copies(self, running: Running) -> None:
        """So that the copy begun anew can have the image's own id for its name.

        What recovery has in hand already is waited for a moment; whatever remains then, recovery undoes in time.
        """
        deadline = time.monotonic() + UNDOING_SECONDS
        while self._registry.intents_of_job(running.job.id) and time.monotonic() < deadline:
            running.check()
            self._undo_copies_of_the_dead(running.job)
            time.sleep(NAP)

    def _undo_copies_of_the_dead(self, job: Job) -> None:
        for intent in self._registry.intents_of_job(job.id):
            if not surely_dead(intent.owner, self._worker):
                continue
            try:
                ours = self._registry.take_over(intent, str(self._worker), self._settings.upload_lease_seconds)
                self._catalogue.holder(ours.store).discard(ours.object_id)
                self._registry.abandon_upload(ours, "Another worker goes on with it.", job.actor())
            except Stale:
                continue

    def _finish(self, running: Running) -> None:
        """All is stored. What fails here does not fail the import: the job stays, and is ended after its lease."""
        job = running.job
        try:
            # First: a crash in between leaves a job that is gone on with, not a file that nobody minds.
            self._staging.remove_work(job)
            if job.spec.method == "glance-direct":
                self._staging.remove(job.image_id)
            self._registry.finish_job(job, job.error or "", self._kept_until())
        except GlancetuiError as error:
            log.warning("The import of image %s is done, but cannot be ended yet: %s", job.image_id, error)

    # -- storing -----------------------------------------------------------------------------------------------------

    def _fill(self, running: Running, image: Image, store: str, material: Material | None) -> None:
        """Raises what went wrong, unless the import may do without this store."""
        try:
            if material is None or running.job.copies:
                running.job = self._store_copy(running, self._registry.image(image.id, EVERYTHING), store)
            else:
                running.job = self._store(running, image, store, material)
        except GlancetuiError as error:
            if running.job.spec.must_succeed or not is_stores_fault(error, running.job):
                raise
            log.warning("Store %s does not take image %s: %s", store, image.id, error)
            running.job = self._registry.note_failed_store(running.job, store, f"{store}: {told_of(error)}")

    def _store_copy(self, running: Running, image: Image, store: str) -> Job:
        """From the first copy that there is and that is what the image was. Raises why there is none."""
        failure: GlancetuiError = NotFound(f"Image {image.id} has no copy that could be read.")
        for row in image.locations:
            try:
                location = self._whole(image, row)
            except GlancetuiError as error:
                failure = error
                continue
            try:
                return self._store(running, image, store, self._copied(location))
            except DamagedCopy as error:
                log.warning("%s It is not copied from there.", error)
                failure = error
        raise failure

    def _store(self, running: Running, image: Image, store: str, material: Material) -> Job:
        job, driver = running.job, self._catalogue[store]
        known = self._registry.image(image.id, EVERYTHING) if job.copies or job.spec.method == "copy-image" else None
        facts = material.facts if known is None else None
        # Copies of a copy that was verified are held against its hash.
        signed = known is None
        signature = self._ingest.signatures.of(image.properties, running.secret, job.project) if signed else None
        with material.open() as source:
            running.check()
            running.meter.begin_store(store, source.declared_size)
            intent = self._registry.begin_copy(
                job, store, self._object_id(image, driver), str(self._worker), self._settings.upload_lease_seconds
            )
            taking = Taking(
                intent=intent,
                driver=driver,
                source=Metered(source, lambda count: running.see(count, store)),
                limits=self._ingest.limits(image, source.declared_size),
                actor=job.actor(),
                disk_format=material.disk_format,
                container_format=material.container_format,
                hashes=self._hashes(known),
                check=lambda size, value: self._check(image, known, material.store, size, value),
                # What was staged has a known size; of a copy only the first is held against the limit by it.
                signature=signature,
                allowance=self._ingest.allowance(image, None if job.copies else job.spec.staged_size),
            )
            return self._ingest.intake.run(
                taking,
                Publishing(
                    lambda held, found: self._registry.add_copy(job, held, found, facts, activate=activates(job)),
                    lambda _, found: self._added(job, found),
                ),
            )

    def _added(self, job: Job, found: Published) -> Job | None:
        """Under our own fence: should the job be another's by now, its next step says so."""
        try:
            copies = self._registry.job(job.id).copies
        except NotFound:
            return None
        added = found.location.url in {copy.url for copy in copies}
        return msgspec.structs.replace(job, copies=copies) if added else None

    def _hashes(self, known: Image | None) -> tuple[str, ...]:
        """For a first copy both; for a further one what tells whether it is the same."""
        if known is None:
            return ("md5", self._settings.images.hashing_algorithm)
        return (known.os_hash_algo,) if known.os_hash_algo else ()

    def _check(self, image: Image, known: Image | None, source: str | None, size: int, value: str | None) -> None:
        self._ingest.check_quota(image, size)
        if known is None:
            return
        if (known.size is not None and size != known.size) or (value is not None and value != known.os_hash_value):
            raise DamagedCopy(image.id, source)

    def _object_id(self, image: Image, driver: Driver) -> str:
        """Never one that another attempt may still be writing under."""
        object_id = free_object_id(image, driver)
        known = self._registry.knows_object(driver.store_id, object_id, driver.location_of(object_id).url)
        return fresh_object_id() if known else object_id

    # -- material ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _material(self, running: Running, image: Image) -> Iterator[Material | None]:
        """The bytes to store, after the plugins; None where a copy that there is will do. Work files live as long as
        the block."""
        spec = running.job.spec
        if running.job.copies or spec.method == "copy-image":
            yield None
            return
        raw = self._raw_material(running, image)
        copied, caller = raw.facts.properties, caller_of(running.job)
        self._ingest.check_imported(caller, image, copied, copied)  # before much is done for nothing
        with self._plugins.applied(running, raw.disk_format, raw.container_format, raw.open) as done:
            properties = {**copied, **done.facts.properties}
            self._ingest.check_imported(caller, image, properties, copied)
            yield Material(
                open=done.open,
                disk_format=done.disk_format,
                container_format=done.container_format,
                facts=msgspec.structs.replace(
                    done.facts, properties=properties,
                    disk_format=done.facts.disk_format or raw.facts.disk_format,
                    container_format=done.facts.container_format or raw.facts.container_format,
                ),
            )  # fmt: skip

    def _raw_material(self, running: Running, image: Image) -> Material:
        """As it comes: staged here, on a web server, at another Glance."""
        spec = running.job.spec
        # The formats may be changed while the image is importing; it becomes active with those it was inspected as.
        inspected_as = Facts(disk_format=image.disk_format, container_format=image.container_format)
        if spec.method == "glance-direct":
            self._check_staged(running.job)
            return Material(
                open=lambda: self.staged(image.id),
                disk_format=image.disk_format,
                container_format=image.container_format,
                facts=inspected_as,
            )
        if spec.method == "glance-download":
            remote = RemoteGlance(spec, running.secret, self._settings)
            found = remote.image()
            return Material(
                open=remote.open,
                disk_format=found.disk_format,
                container_format=found.container_format,
                facts=found,
            )
        return Material(
            open=lambda: self._fetcher.open(spec.uri or ""),
            disk_format=image.disk_format,
            container_format=image.container_format,
            facts=inspected_as,
        )

    @contextmanager
    def staged(self, object_id: str) -> Iterator[ByteSource]:
        with self._staging.open(object_id) as file:
            yield FileSource(file, self._staging.driver.store_id)

    def _check_staged(self, job: Job) -> None:
        size, wanted = self._staging.size_of(job.image_id), job.spec.staged_size
        if size is not None and wanted in {None, size}:
            return
        if size is not None:
            raise JobFailed("staged-damaged", f"Of {wanted} bytes that were staged {size} are there. Stage them again.")
        if job.site == self._staging.site:
            raise JobFailed("staged-gone", f"The staged data of image {job.image_id} are gone. Stage them again.")
        raise JobFailed(
            "staged-elsewhere",
            f"The node that holds the staged data of image {job.image_id} gives no sign of life. Try again when it is "
            "back, or delete the image.",
        )

    def _copied(self, location: Location) -> Material:
        # The content was looked into when the first copy came; what it was called then is not repeated here.
        driver = self._catalogue.driver_of(location)
        return Material(
            open=lambda: stored_source(driver, location),
            disk_format=None,
            container_format=None,
            store=location.store,
        )

    def _whole(self, image: Image, row: ImageLocation) -> Location:
        """A copy that is there, as far as its size tells. Raises DamagedCopy, NotFound, StoreUnavailable."""
        location = self._catalogue.location(row)
        size = self._catalogue.driver_of(location).stat(location).size
        if image.size is not None and size != image.size:
            raise DamagedCopy(image.id, location.store)
        return location

    # -- failing -----------------------------------------------------------------------------------------------------

    def _fail(self, running: Running, error: Exception) -> None:
        job, reason = running.job, reason_of(error)
        log.warning("The import of image %s (job %s) failed: %s", job.image_id, job.id, reason)
        back_to = back_to_after(job.spec, error)
        try:
            self._staging.remove_work(job)
            if job.spec.method == "glance-direct" and back_to == ImageStatus.QUEUED:
                self._staging.remove(job.image_id)
            self._registry.fail_job(
                job, code_of(error), reason, back_to=back_to, message=told_of(error), kept_until=self._kept_until(),
                refused=self._adding.refused(job, code_of(error)),
            )  # fmt: skip
        except Stale:
            log.info("Job %s is in other hands, or over.", job.id)
        except GlancetuiError as failure:
            # The job stays, and is undone by whoever claims it when its lease has run out.
            log.warning("The failed import of image %s cannot be undone yet: %s", job.image_id, failure)

    def _kept_until(self) -> datetime:
        return now() + timedelta(hours=self._settings.imports.task_hours)


def activates(job: Job) -> bool:
    """Whether the next copy makes the image active."""
    if job.spec.method == "copy-image":
        return False
    if not job.spec.must_succeed:
        return not job.copies
    return len(job.copies) + len(job.failed_stores) + 1 == len(job.spec.stores)


def is_stores_fault(error: GlancetuiError, job: Job) -> bool:
    """Whether another store may do where this one failed. Once there is a copy, the source is beyond doubt."""
    if isinstance(error, (Stale, RegistryUnavailable, Gone)):
        return False
    return bool(job.copies) or isinstance(error, (StoreFull, StoreUnavailable, LimitExceeded))


def caller_of(job: Job) -> Caller:
    """Who asked for the import, as far as it is known by now."""
    return Caller(user=job.user, project=job.project, roles=frozenset(job.spec.roles))


def done_stores(job: Job) -> set[str]:
    return {copy.store for copy in job.copies} | set(job.failed_stores)


def code_of(error: Exception) -> str:
    if isinstance(error, JobFailed):
        return error.code
    return next((code for kind, code in CODES if isinstance(error, kind)), "internal")


def back_to_after(spec: ImportSpec, error: Exception) -> str:
    """The status before. Staged data that can never become this image are not kept: other data may be staged."""
    hopeless = code_of(error) in HOPELESS
    return ImageStatus.QUEUED if spec.method == "glance-direct" and hopeless else spec.before
