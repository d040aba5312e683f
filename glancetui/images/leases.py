"""Keeps the leases of the uploads that this process is receiving: one thread for all of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from glancetui.errors import GlancetuiError, RegistryUnavailable, Stale
from glancetui.registry.interface import Intent

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_NAP, LONGEST_NAP = 0.1, 2.0  # seconds between two attempts while the registry is away


class Renewer(Protocol):
    def renew_intent(self, intent: Intent, lease: float) -> Intent: ...


class Held:
    """An intent that is being renewed. `lost`: somebody else has taken it over, so nothing may be written under it."""

    def __init__(self, intent: Intent) -> None:
        self.intent = intent
        self.renewed_at = time.monotonic()
        self.lost = False

    def check(self) -> None:
        if self.lost:
            raise Stale(
                f"The upload of image {self.intent.image_id} was taken from this worker, which gave no sign of life "
                "in time. Send the data again."
            )


class LeaseKeeper:
    """Renews at a third of the lease, also while a sender stalls and its upload's own thread waits."""

    def __init__(self, registry: Renewer, lease: float) -> None:
        self._registry = registry
        self._lease = lease
        self._held: set[Held] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, intent: Intent) -> Iterator[Held]:
        held = Held(intent)
        with self._lock:
            self._held.add(held)
            self._start()
        try:
            yield held
        finally:
            with self._lock:
                self._held.discard(held)

    def renew(self, held: Held) -> None:
        """Raises Stale when the intent is no longer ours."""
        asked_at = time.monotonic()
        try:
            held.intent = self._registry.renew_intent(held.intent, self._lease)
        except Stale:
            held.lost = True
            raise
        held.renewed_at = asked_at

    def renew_if_old(self, held: Held) -> None:
        """Spares short uploads a transaction: half of the lease is time enough for what follows."""
        if time.monotonic() - held.renewed_at > self._lease / 2:
            self.renew(held)

    def patiently(self, held: Held, call: Callable[[], T]) -> T:
        """`call`, again and again while the registry is away, for as long as the lease runs. Raises RegistryUnavailable
        at its end; Stale when the upload was taken over meanwhile; and what `call` raises."""
        nap = FIRST_NAP
        while True:
            try:
                return call()
            except RegistryUnavailable:
                held.check()
                if time.monotonic() + nap > held.renewed_at + self._lease or self._closed.wait(nap):
                    raise
            nap = min(2 * nap, LONGEST_NAP)

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        # Started with the first upload, not with the object: a process that forks before serving must not lose it.
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="upload-leases", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(self._lease / 3):
            with self._lock:
                all_held = tuple(self._held)
            for held in all_held:
                self._renew_quietly(held)

    def _renew_quietly(self, held: Held) -> None:
        try:
            self.renew(held)
        except Stale:
            log.warning("The intent of image %s is no longer held here; its upload stops.", held.intent.image_id)
        except GlancetuiError as error:
            # Not the end: the lease still runs, and publishing checks the fence in the same transaction.
            log.warning("The lease of the upload of image %s was not renewed: %s", held.intent.image_id, error)
