"""The node's staging folder: `ID` is the staged data of an image, `ID.…` are files of the work that imports it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from glancetui.errors import GlancetuiError, NotFound, ObjectNotFound
from glancetui.images.access import there
from glancetui.registry.interface import Registry
from glancetui.registry.jobs import Job
from glancetui.stores.catalogue import STAGING, Catalogue
from glancetui.stores.driver import Driver

log = logging.getLogger(__name__)

IMAGE_FILE = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\..*)?", re.ASCII | re.IGNORECASE)
WORK = re.compile(r"\.work-([0-9a-f-]{36})-\d+\.", re.ASCII)


class Staging:
    """Callable from many threads and processes of the node."""

    def __init__(self, catalogue: Catalogue, folder: Path | None, site: str, url: str | None) -> None:
        """`site` names whoever shares the folder; `url` is where other nodes reach it, None: nowhere."""
        self._driver = catalogue.staging
        self._folder = folder
        self.site = site
        self.url = url

    @property
    def driver(self) -> Driver:
        if self._driver is None:
            raise NotFound("This service has no staging folder.")
        return self._driver

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise NotFound("This service has no staging folder.")
        return self._folder

    def open(self, object_id: str) -> BinaryIO:
        """Unbuffered. Raises ObjectNotFound."""
        return self.driver.open_file(self.driver.location_of(object_id))

    def path(self, object_id: str) -> Path:
        return self.folder / object_id

    def size_of(self, image_id: str) -> int | None:
        """Bytes of the staged data; None: there are none."""
        try:
            return self.driver.stat(self.driver.location_of(image_id)).size
        except ObjectNotFound:
            return None

    def work_file(self, job: Job, what: str) -> str:
        """The name of a file of this claim of the job: no earlier owner, late as it may be, writes to it."""
        return f"{job.image_id}.work-{job.id}-{job.fence}.{what}"

    def remove(self, image_id: str) -> None:
        """The staged data. Idempotent."""
        if self._driver is not None and IMAGE_FILE.fullmatch(image_id):
            self._driver.discard(image_id)

    def remove_work(self, job: Job) -> None:
        """What claims of the job left, finished or not. Idempotent."""
        if self._folder is None:
            return
        for name in self._names():
            match = WORK.search(name)
            if match and match[1] == job.id:
                self._unlink(name)

    def sweep(self, registry: Registry) -> int:
        """Removes files whose name is the UUID of no image, and those of work that is over. How many were removed.

        Files of an image, and names that are no UUID, stay. Of an image that is being made the row comes first.
        """
        doomed = [name for name in self._names() if self._is_nobodys(registry, name)]
        for name in doomed:
            self._unlink(name)
            log.info("Removed %s from the staging folder: no image and no import needs it.", name)
        return len(doomed)

    def _is_nobodys(self, registry: Registry, name: str) -> bool:
        match = IMAGE_FILE.fullmatch(name)
        if match is None:
            return False
        if there(registry, match[1].lower()) is None:
            return True
        work = WORK.search(name)
        return work is not None and _is_over(registry, work[1])

    def _names(self) -> Iterator[str]:
        """Files of images; those that a writer has not finished are the patrol's."""
        with contextlib.suppress(FileNotFoundError):
            yield from [entry.name for entry in os.scandir(self.folder) if entry.is_file(follow_symlinks=False)]

    def _unlink(self, name: str) -> None:
        try:
            self.path(name).unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s in the staging folder cannot be removed: %s", name, error.strerror)


def _is_over(registry: Registry, job_id: str) -> bool:
    try:
        return registry.job(job_id).state in {"succeeded", "failed"}
    except NotFound:
        return True
    except GlancetuiError:
        return False


__all__ = ["STAGING", "Staging"]
