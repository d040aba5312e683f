"""What a worker does beside answering: undoing broken uploads, removing the bytes of deleted images, comparing stores
and registry. One thread in each worker; leases and claims in the registry keep workers and nodes apart.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from glancetui.images.importing.staging import Staging
from glancetui.images.outbox import Outbox
from glancetui.images.patrol import Patrol
from glancetui.images.recovery import LEASE_NAME, Recovery
from glancetui.images.rounds import attempt
from glancetui.registry.interface import Registry

log = logging.getLogger(__name__)

OUTBOX_SECONDS = 5.0  # for entries whose wake-up went to another process, or that were postponed
SWEEP_SECONDS = 3600.0  # between two looks for files in the staging folder that nobody needs
PATROL_LEASE = "patrol"
PATROL_PIECE = 500  # objects or images looked at in one go


class Housekeeping:
    """Start after forking; `stop` returns when the piece in hand is done."""

    def __init__(
        self,
        registry: Registry,
        recovery: Recovery,
        outbox: Outbox,
        patrol: Patrol,
        staging: Staging,
        worker: str,
        lease: float,
    ) -> None:
        self._registry = registry
        self._recovery = recovery
        self._outbox = outbox
        self._patrol = patrol
        self._staging = staging
        self._worker = worker
        self._every = max(0.2, min(15.0, lease / 4))  # seconds between two looks for broken uploads
        self._lease = lease
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """An image was deleted: its bytes may go now."""
        self._woken.set()

    def stop(self, timeout: float | None = None) -> None:
        self._stop.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        recover_at = sweep_at = 0.0
        while not self._stop.is_set():
            self._woken.clear()
            if time.monotonic() >= recover_at:
                recover_at = time.monotonic() + self._every
                self._do("recovery", self._recover)
                self._do("patrol", self._look_round)
            if time.monotonic() >= sweep_at:
                sweep_at = time.monotonic() + SWEEP_SECONDS
                self._do("staging", self._sweep)
            self._do("outbox", self._empty_outbox)
            self._woken.wait(min(OUTBOX_SECONDS, self._every))
        self._do("giving back of leases", self._give_back)

    def _do(self, name: str, piece: Callable[[], None]) -> None:
        attempt(log, "Housekeeping", name, piece)

    def _recover(self) -> None:
        recovered = self._recovery.run_once()
        if recovered.total:
            log.info("Recovery: %s", recovered)

    def _look_round(self) -> None:
        if self._registry.acquire_lease(PATROL_LEASE, self._worker, 4 * self._every) is not None:
            self._patrol.step(PATROL_PIECE)

    def _sweep(self) -> None:
        self._staging.sweep(self._registry)

    def _give_back(self) -> None:
        """The next service need not wait for them to run out."""
        for name in (LEASE_NAME, PATROL_LEASE):
            self._registry.release_lease(name, self._worker)

    def _empty_outbox(self) -> None:
        self._outbox.run_once(self._stop)
