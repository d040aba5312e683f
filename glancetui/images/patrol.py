"""Compares stores and registry, a piece at a time.

What contradicts is logged: objects that nobody knows, images whose bytes are missing. It is never removed, since a
store beside a registry that was restored from yesterday's copy, or beside the wrong one, is full of strangers, and a
folder that is not mounted looks like lost bytes. Only unfinished objects that no upload speaks of are removed.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator

from glancetui.errors import GlancetuiError, ObjectNotFound
from glancetui.images.access import EVERYTHING, there
from glancetui.model import Image, ImageLocation, StoredObject
from glancetui.registry.interface import ImageQuery, OneOf, Registry, Sort
from glancetui.stores.catalogue import Catalogue
from glancetui.stores.driver import Driver

log = logging.getLogger(__name__)

PAGE = 100
PATIENCE = 300.0  # seconds; several times what a sender may stall


class Patrol:
    """Used by one thread. Its rounds begin anew when they have come to the end."""

    def __init__(
        self,
        registry: Registry,
        catalogue: Catalogue,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`patience`: seconds for which an unfinished object must not change before it counts as left behind."""
        self._registry = registry
        self._catalogue = catalogue
        self._patience = patience
        self._clock = clock
        self._suspects: dict[tuple[str, StoredObject], float] = {}
        self._round: Iterator[None] = iter(())
        self._reported: set[tuple[str, str]] = set()  # each contradiction is logged once by a process

    def step(self, limit: int) -> bool:
        """Looks at the next `limit` objects or images. False: this round has ended; the next step begins another."""
        done = sum(1 for _ in itertools.islice(self._round, limit))
        if done < limit:
            self._round = itertools.chain(self._stores(), self._losses())
        return done == limit

    def _stores(self) -> Iterator[None]:
        for store in self._catalogue.ids():
            driver = self._catalogue[store]
            if driver.capabilities.lists and driver.capabilities.writes:
                yield from self._search(driver)
        if self._catalogue.staging is not None:
            yield from self._search(self._catalogue.staging, objects=False)

    def _search(self, driver: Driver, *, objects: bool = True) -> Iterator[None]:
        """`objects` false: only for what is unfinished; whole files in the staging folder are `Staging.sweep`'s."""
        try:
            yield from self._leftovers(driver)
            for stored in driver.list_objects() if objects else ():
                self._look_up(driver, stored)
                yield
        except GlancetuiError as error:
            log.warning("Store %s cannot be compared with the registry now: %s", driver.store_id, error)

    def _leftovers(self, driver: Driver) -> Iterator[None]:
        suspects: dict[tuple[str, StoredObject], float] = {}
        for stored in driver.list_unfinished():
            if not self._known(driver, stored):
                key = (driver.store_id, stored)
                suspects[key] = self._suspects.get(key, self._clock())
            yield
        for (_, stored), since in suspects.items():
            if self._clock() - since >= self._patience:
                driver.discard(stored.object_id)
                log.warning("Removed unfinished object %s, of which no upload speaks.", stored.object_id)
        others = {key: since for key, since in self._suspects.items() if key[0] != driver.store_id}
        self._suspects = others | suspects

    def _known(self, driver: Driver, stored: StoredObject) -> bool:
        # Listed first, asked about after: since an intent comes before its bytes, what is unknown now is nobody's.
        url = driver.location_of(stored.object_id).url
        return self._registry.knows_object(driver.store_id, stored.object_id, url)

    def _look_up(self, driver: Driver, stored: StoredObject) -> None:
        key = (driver.store_id, stored.object_id)
        if key in self._reported or self._known(driver, stored):
            return
        self._reported.add(key)
        log.warning(
            "Store %s holds %s (%d bytes), which the registry does not know. Check that store and registry belong "
            "together before you remove it.", driver.store_id, stored.object_id, stored.size,
        )  # fmt: skip

    def _losses(self) -> Iterator[None]:
        for hidden in (False, True):
            for image in self._images(hidden=hidden):
                for row in image.locations:
                    self._stat(image, row)
                yield

    def _images(self, *, hidden: bool) -> Iterator[Image]:
        marker: str | None = None
        while True:
            query = ImageQuery(
                viewer=EVERYTHING, limit=PAGE, sort=(Sort("id", "asc"),), marker=marker, visibility="all",
                os_hidden=hidden, filters=(OneOf(field="status", values=("active", "deactivated")),),
            )  # fmt: skip
            page = self._registry.page(query)
            yield from page
            if len(page) < PAGE:
                return
            marker = page[-1].id

    def _stat(self, image: Image, row: ImageLocation) -> None:
        try:
            location = self._catalogue.location(row)
            driver = self._catalogue.driver_of(location)
            if not driver.capabilities.writes:
                return  # what lies at other people's addresses is theirs to keep, and theirs to be asked rarely
            size = driver.stat(location).size
        except ObjectNotFound:
            self._report_loss(image, row, "is missing")
        except GlancetuiError as error:
            log.debug("Image %s cannot be looked at now: %s", image.id, error)
        else:
            if image.size is not None and size != image.size:
                self._report_loss(image, row, f"has {size} bytes")

    def _report_loss(self, image: Image, row: ImageLocation, what: str) -> None:
        if (image.id, row.url) in self._reported or self._is_gone(image):
            return
        self._reported.add((image.id, row.url))
        log.error(
            "The copy of image %s (%s bytes) at %s %s. Bring it back, or delete the image.",
            image.id, image.size, row.url, what,
        )  # fmt: skip

    def _is_gone(self, image: Image) -> bool:
        """Deleted since the page was read, and its bytes with it."""
        return there(self._registry, image.id) is None
