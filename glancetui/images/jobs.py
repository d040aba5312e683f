"""Runs durable jobs: claims them under a lease, keeps the lease while they run, and lets go of them in good order.

A worker has a bounded number of threads for jobs. One that dies leaves its jobs in the registry: those of a process
that is surely gone are taken over at once by a neighbour on the node, any other when its lease has run out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import msgspec

from glancetui.errors import GlancetuiError, Stale
from glancetui.images.outbox import now
from glancetui.images.worker import Worker, surely_dead
from glancetui.registry.interface import Registry
from glancetui.registry.jobs import Job, Progress, StoreProgress

log = logging.getLogger(__name__)

SIGN_SECONDS = 2.0  # between two signs of life of a job that gets on: how fresh its progress is
LOOK_SECONDS = 2.0  # between two looks for work that came to another worker
MANY = 1000


class HandedOver(Exception):
    """The job has to stop here, so that somebody else can go on with it."""


class Meter:
    """How far a job is. Written by its thread, read by the one that keeps the leases."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._phase = "starting"
        self._done = 0
        self._total: int | None = None
        self._stores: dict[str, StoreProgress] = {}
        self._began = time.monotonic()

    def begin(self, phase: str, total: int | None) -> None:
        with self._lock:
            self._phase, self._done, self._total, self._began = phase, 0, total, time.monotonic()

    def begin_store(self, store: str, total: int | None) -> None:
        self.begin("storing", total)
        with self._lock:
            self._stores[store] = StoreProgress(store=store, total=total)

    def add(self, count: int, store: str | None = None) -> None:
        with self._lock:
            self._done += count
            if store is not None:
                each = self._stores[store]
                self._stores[store] = msgspec.structs.replace(each, done=each.done + count)

    def read(self) -> Progress:
        with self._lock:
            seconds = time.monotonic() - self._began
            rate = self._done / seconds if seconds > 0 else 0.0
            left = None if self._total is None or not rate else (self._total - self._done) / rate
            return Progress(
                phase=self._phase,
                done=self._done,
                total=self._total,
                stores=tuple(self._stores.values()),
                rate=round(rate, 1),
                ends_at=None if left is None else now() + timedelta(seconds=max(0.0, left)),
            )


class Running:
    """A job that this process holds. `secret`: what only the process that took the request knows, such as a token."""

    def __init__(self, job: Job, secret: str | None = None) -> None:
        self.job = job
        self.secret = secret
        self.meter = Meter()
        self.lost = False
        self.stopping = False
        self.renewed_at = time.monotonic()
        self.shown = Progress()

    def check(self) -> None:
        """To be called often. Raises Stale when somebody else has the job, HandedOver when it must stop here."""
        if self.lost:
            raise Stale(f"The job {self.job.id} was taken over from this worker, which gave no sign of life in time.")
        if self.stopping:
            raise HandedOver

    def see(self, count: int, store: str | None = None) -> None:
        """So many bytes more."""
        self.check()
        self.meter.add(count, store)


class JobRunner:
    """Start after forking. `work` does one job and must not raise."""

    def __init__(
        self, registry: Registry, worker: Worker, site: str, lease: float, slots: int, work: Callable[[Running], None]
    ) -> None:
        self._registry = registry
        self._worker = worker
        self._site = site
        self._lease = lease
        self._slots = slots
        self._work = work
        self._running: set[Running] = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._woken = threading.Event()
        self._closing = False
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._look, name="jobs", daemon=True),
            threading.Thread(target=self._keep, name="job-leases", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def owner(self) -> str:
        return str(self._worker)

    @property
    def lease(self) -> float:
        """Seconds."""
        return self._lease

    @property
    def busy(self) -> int:
        return len(self._running)

    def has_room(self) -> bool:
        return not self._closing and self.busy < self._slots

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def take_up(self, job: Job, secret: str | None = None) -> Job:
        """A new job: one that was begun under this worker's name runs now, others wait until a worker has room."""
        if job.owner == self.owner:
            self.run_now(job, secret)
        else:
            self.wake()
        return job

    def run_now(self, job: Job, secret: str | None = None) -> None:
        """A job that is under this worker's name. It may be one more than there are slots."""
        self._start(Running(job, secret))

    def close_claims(self) -> None:
        """No job is begun any more; those that run get their time."""
        self._closing = True
        self._woken.set()

    def hand_over(self, seconds: float) -> None:
        """What runs stops at its next breath, and waits for others in the registry. Returns when all have."""
        self.close_claims()
        with self._changed:
            for running in self._running:
                running.stopping = True
            self._changed.wait_for(lambda: not self._running, seconds)

    def close(self, seconds: float = 5.0) -> None:
        self.hand_over(seconds)
        self._ended.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(seconds)

    # -- claiming ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        neighbours_at = 0.0
        while not self._closing:
            self._woken.clear()
            try:
                if time.monotonic() >= neighbours_at:
                    neighbours_at = time.monotonic() + max(0.2, min(15.0, self._lease / 4))
                    self.claim_of_dead_neighbours()
                self.claim_due()
            except GlancetuiError as error:
                log.warning("Jobs cannot be looked for now: %s", error)
            except Exception:  # the loop's edge: the next round tries again
                log.exception("Looking for jobs failed.")
            if not self._closing:  # asked again: the wake-up of the closing may have been cleared above
                self._woken.wait(min(LOOK_SECONDS, self._lease / 4))

    def claim_due(self) -> int:
        """Begins jobs while there are any and there is room. How many."""
        begun = 0
        while self.has_room():
            job = self._registry.claim_job(self.owner, self._site, self._lease, now())
            if job is None:
                break
            if job.attempts > 1:
                log.warning("Goes on with job %s of image %s, which another worker left.", job.id, job.image_id)
            self._start(Running(job))
            begun += 1
        return begun

    def claim_of_dead_neighbours(self) -> None:
        for job in self._registry.running_jobs(MANY):
            if not self.has_room():
                return
            if job.owner is None or not surely_dead(job.owner, self._worker):
                continue
            if job.site not in {None, self._site}:
                continue  # the staged data are another service's, which may be back in a moment
            try:
                self._start(Running(self._registry.take_over_job(job, self.owner, self._lease)))
            except Stale:
                continue
            log.warning("Goes on with job %s of image %s, whose worker %s died.", job.id, job.image_id, job.owner)

    def _start(self, running: Running) -> None:
        with self._lock:
            self._running.add(running)
        threading.Thread(target=self._do, args=(running,), name=f"job-{running.job.id[:8]}", daemon=True).start()

    def _do(self, running: Running) -> None:
        try:
            self._work(running)
        except Exception:
            # The job stays ours until its lease has run out; then it is tried again, a bounded number of times.
            log.exception("Job %s of image %s failed unexpectedly.", running.job.id, running.job.image_id)
        finally:
            with self._changed:
                self._running.discard(running)
                self._changed.notify_all()
            self._woken.set()

    # -- keeping -----------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._ended.wait(min(SIGN_SECONDS, self._lease / 3)):
            with self._lock:
                held = tuple(self._running)
            for running in held:
                self._renew(running)

    def _renew(self, running: Running) -> None:
        progress = running.meter.read()
        if not moved_on(progress, running.shown) and time.monotonic() - running.renewed_at < self._lease / 3:
            return
        asked_at = time.monotonic()
        try:
            self._registry.renew_job(running.job, self._lease, progress)
        except Stale:
            running.lost = True
        except GlancetuiError as error:
            # Not the end: the lease still runs, and every step checks the fence in its own transaction.
            log.warning("The lease of job %s was not renewed: %s", running.job.id, error)
        else:
            running.renewed_at, running.shown = asked_at, progress


def moved_on(progress: Progress, before: Progress) -> bool:
    """Whether there is something to tell; rates alone change all the time."""
    return (progress.phase, progress.done, progress.total) != (before.phase, before.done, before.total)
