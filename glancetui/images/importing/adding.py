"""A location added to an image: what lies there is read for its hash, before or after the image becomes active."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from glancetui.config.settings import Settings
from glancetui.errors import Gone, JobFailed, NotFound, ObjectNotFound, RegistryUnavailable, ShortRead, StoreUnavailable
from glancetui.formats.inspect import Inspector
from glancetui.images.access import EVERYTHING
from glancetui.images.admission import Admission
from glancetui.images.importing.sources import Metered, stored_source
from glancetui.images.ingest import Ingest, Limits, Stream
from glancetui.images.jobs import Running
from glancetui.images.ring import Digests
from glancetui.model import Image, ImageLocation, Location
from glancetui.registry.interface import Registry
from glancetui.registry.jobs import Job
from glancetui.registry.values import Published
from glancetui.stores.catalogue import Catalogue

LOOK_SECONDS = 2.0  # between two looks at whether the image is still there
NAP = 0.25
HASH_MISMATCH = "hash-mismatch"
T = TypeVar("T")


class Nowhere:
    """Takes bytes that are only looked at."""

    def write(self, chunk: bytes | memoryview) -> None:
        """Nothing is kept."""

    def commit(self) -> Location:
        raise AssertionError("what is only read is never committed")


class Adding:
    """Does one job at a time in each thread that calls it."""

    def __init__(
        self, registry: Registry, catalogue: Catalogue, ingest: Ingest, admission: Admission, settings: Settings
    ) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._ingest = ingest
        self._admission = admission
        self._settings = settings

    def do(self, running: Running, image: Image) -> None:
        """Raises what fails the job."""
        spec = running.job.spec
        location = self._admission.check(spec.uri or "")
        if not running.job.copies:
            found = self._patiently(running, lambda: self._found(running, image, location))
            running.check()
            running.job = self._registry.add_location(running.job, found)
        if spec.hashing and not spec.is_checked_first:
            hashed = self._patiently(
                running, lambda: self._read(running, image, location, self._settings.images.hashing_algorithm)
            )
            self._registry.record_hashes(running.job, hashed)

    def refused(self, job: Job, code: str) -> ImageLocation | None:
        """What stays with the queued image as what was tried, as in Glance (launchpad bug 2076648): an address of the
        user's own, at which its store can delete nothing."""
        if code != HASH_MISMATCH:
            return None
        location = self._admission.check(job.spec.uri or "")
        deletes = self._catalogue.driver_of(location).capabilities.writes
        return None if deletes else self._admission.row(location)

    def _found(self, running: Running, image: Image, location: Location) -> Published:
        """What is recorded with the location: read, or as it was said."""
        spec = running.job.spec
        if spec.is_checked_first:
            found = self._read(running, image, location, spec.hash_algo or "")
            if found.os_hash_value != spec.hash_value:
                raise JobFailed(
                    HASH_MISMATCH,
                    f"What lies there has another {spec.hash_algo} than was said. Check the url and the hash.",
                )
            return found
        size = self._admission.size(location, image)
        self._ingest.limits(image, size)
        return self._published(location, size, os_hash_algo=spec.hash_algo, os_hash_value=spec.hash_value)

    def _read(self, running: Running, image: Image, location: Location, algorithm: str) -> Published:
        """All of it, hashed and inspected."""
        size = self._catalogue.driver_of(location).stat(location).size
        running.meter.begin("hashing", size)
        # Glance's clients give plain data any format's name here, and what is plain can harm nobody.
        inspector = Inspector(image.disk_format, image.container_format, self._settings.images, plain_fits=True)
        digests = Digests(("md5", algorithm))
        watch = Watch(self._registry, running)
        limits = Limits(exact=size, most=size) if running.job.copies else self._ingest.limits(image, size)
        with stored_source(self._catalogue.driver_of(location), location) as source:
            Stream(Metered(source, watch.see), limits, watch, Nowhere(), inspector, digests).run()
        return self._published(
            location,
            size,
            checksum=digests.checksum,
            os_hash_algo=algorithm,
            os_hash_value=digests.hash_value,
            virtual_size=inspector.finish().virtual_size,
        )

    def _published(
        self,
        location: Location,
        size: int,
        *,
        checksum: str | None = None,
        os_hash_algo: str | None = None,
        os_hash_value: str | None = None,
        virtual_size: int | None = None,
    ) -> Published:
        return Published(
            size=size,
            checksum=checksum,
            os_hash_algo=os_hash_algo,
            os_hash_value=os_hash_value,
            virtual_size=virtual_size,
            location=self._admission.row(location),
            quota=self._settings.images.storage_quota or None,
        )

    def _patiently(self, running: Running, call: Callable[[], T]) -> T:
        """`http_retries` attempts, while it is the other side that fails."""
        for attempt in range(1, max(1, self._settings.images.http_retries)):
            try:
                return call()
            except ObjectNotFound:
                raise
            except (StoreUnavailable, ShortRead):
                deadline = time.monotonic() + NAP * 2**attempt
                while time.monotonic() < deadline:
                    running.check()
                    time.sleep(NAP)
        return call()


class Watch:
    """Stops the reading when the image is deleted meanwhile, or the job must stop."""

    def __init__(self, registry: Registry, running: Running) -> None:
        self._registry = registry
        self._running = running
        self._looked_at = time.monotonic()

    def see(self, count: int) -> None:
        self._running.see(count)

    def check(self) -> None:
        self._running.check()
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            with contextlib.suppress(RegistryUnavailable):  # the look is for a deletion; the lease sees to the rest
                still_there(self._registry, self._running.job.image_id)


def still_there(registry: Registry, image_id: str) -> Image:
    """Raises Gone."""
    try:
        return registry.image(image_id, EVERYTHING)
    except NotFound as error:
        raise Gone(f"Image {image_id} was deleted while it was being imported.") from error
