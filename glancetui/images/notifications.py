"""Sends the notifications that committed changes owe, oldest first, as often as it takes.

One process at a time, by a lease: so they reach the broker in their order. What was sent before a crash and not yet
forgotten is sent again, under the same message id.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from glancetui.errors import GlancetuiError
from glancetui.registry.interface import Notification, Registry

log = logging.getLogger(__name__)

LEASE_NAME = "notifications"
LEASE_SECONDS = 30.0
BATCH = 32  # sent before they are forgotten together
POLL_SECONDS = 0.5
LONGEST_WAIT = 30.0  # seconds before a broker that is down is tried again


class Broker(Protocol):
    """Used by one thread."""

    def send(self, notification: Notification) -> None:
        """Returns when the broker has it. Raises Unavailable."""

    def close(self) -> None: ...


class Notifications:
    """Start after forking; `stop` returns when the batch in hand is done."""

    def __init__(self, registry: Registry, broker: Broker, worker: str) -> None:
        self._registry = registry
        self._broker = broker
        self._worker = worker
        self._stop = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def run_once(self) -> int:
        """Sends what waits, unless another process does. How many were sent. Raises Unavailable."""
        sent = 0
        while not self._stop.is_set() and self._registry.notifications(1) and self._leads():
            batch = self._registry.notifications(BATCH)
            sent += self._send(batch)
        return sent

    def _leads(self) -> bool:
        return self._registry.acquire_lease(LEASE_NAME, self._worker, LEASE_SECONDS) is not None

    def _send(self, batch: Sequence[Notification]) -> int:
        """In their order, and no further than the first that fails or the end of the lease."""
        sent: list[int] = []
        ends = time.monotonic() + LEASE_SECONDS / 2
        try:
            for each in batch:
                if time.monotonic() > ends:
                    break  # another might send by now
                self._broker.send(each)
                sent.append(each.id)
        finally:
            self._registry.finish_notifications(sent)
        return len(sent)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self._round())
        self._broker.close()
        try:
            self._registry.release_lease(LEASE_NAME, self._worker)
        except GlancetuiError as error:  # then it runs out
            log.info("The lease of notifications was not given back: %s", error)

    def _round(self) -> float:
        """Seconds until the next."""
        try:
            self.run_once()
        except GlancetuiError as error:
            log.warning("Notifications wait in the database: %s", error)
        except Exception:  # the loop's edge: whatever went wrong, the next round tries again
            log.exception("Notifications wait in the database: sending one failed unexpectedly.")
        else:
            self._failures = 0
            return POLL_SECONDS
        self._failures += 1
        return min(LONGEST_WAIT, POLL_SECONDS * 2.0 ** min(self._failures, 10))
