"""Removes the bytes of deleted images: what a committed delete owes. A store that is down delays this, no more."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from glancetui.errors import GlancetuiError
from glancetui.model import Location
from glancetui.registry.interface import OutboxEntry, Registry
from glancetui.stores.catalogue import Catalogue
from glancetui.stores.driver import Driver

log = logging.getLogger(__name__)

BATCH = 8  # entries claimed at once
CLAIM_SECONDS = 20.0  # then another worker may repeat it, harmlessly: the first may have died
LONGEST_WAIT = 3600.0


def now() -> datetime:
    """UTC without zone, as the registry keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)


class Outbox:
    def __init__(
        self, registry: Registry, catalogue: Catalogue, worker: str, clock: Callable[[], datetime] = now
    ) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._worker = worker
        self._clock = clock

    def run_once(self, stop: threading.Event | None = None) -> int:
        """Does what is due and returns how many objects were removed. Returns early when `stop` is set."""
        removed = 0
        while stop is None or not stop.is_set():
            entries = self._registry.claim_outbox(self._worker, CLAIM_SECONDS, self._clock(), BATCH)
            removed += sum(self._do(entry) for entry in entries)
            if len(entries) < BATCH:
                break
        return removed

    def _do(self, entry: OutboxEntry) -> bool:
        try:
            # Two images may have been given one location; the bytes go with the last.
            if not self._registry.is_location(entry.location.url):
                self._driver(entry.location).delete(entry.location)
        except GlancetuiError as error:
            wait = back_off(entry.attempts)
            log.warning(
                "The bytes of deleted image %s stay in store %s for now: %s Next attempt in %d s.",
                entry.image_id, name_of_store(entry.location), error, wait,
            )  # fmt: skip
            self._registry.postpone_outbox(entry, self._clock() + timedelta(seconds=wait), str(error))
            return False
        self._registry.finish_outbox(entry)  # last: a crash before this line repeats the delete, harmlessly
        log.info("Removed the bytes of deleted image %s from store %s.", entry.image_id, name_of_store(entry.location))
        return True

    def _driver(self, location: Location) -> Driver:
        """A service with a single store records no store with its locations; then the URL tells."""
        return self._catalogue.driver_of(location) if location.store else self._catalogue.driver_of_url(location.url)


def back_off(attempts: int) -> float:
    """Seconds: 1, 2, 4 … up to an hour, spread by a quarter so that a returning store is not met by all at once."""
    return min(LONGEST_WAIT, 2.0 ** min(attempts, 12)) * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret


def name_of_store(location: Location) -> str:
    """For people: the store, or its kind where a single store has no name. Not the URL, which may hold a password."""
    return location.store or location.url.partition(":")[0]
