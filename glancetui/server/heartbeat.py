"""How a supervisor notices a worker that lives but no longer answers: its event loop says so, or it does not.

Only the loop has to turn. Threads may wait for a store or hash for hours without being taken for dead.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

Clock = Callable[[], float]


class Heart:
    """In the worker: a byte on `descriptor` at each beat, at most one a second."""

    def __init__(self, descriptor: int, clock: Clock = time.monotonic) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._clock = clock
        self._next = 0.0

    def beat(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + 1.0
        with contextlib.suppress(OSError):  # the pipe is full, so there is much to hear already; or nobody listens
            os.write(self._descriptor, b".")


class Watch:
    """In the supervisor: which workers have said nothing for `patience` seconds. 0: nobody is watched."""

    def __init__(self, patience: float, clock: Clock = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._heard: dict[int, float] = {}  # by the descriptor that a worker speaks on
        self._looked = clock()

    @property
    def interval(self) -> float | None:
        """Seconds after which to look again."""
        return self.patience / 4 if self.patience else None

    def forget(self, descriptor: int) -> None:
        self._heard.pop(descriptor, None)

    def silent(self, descriptors: list[int]) -> list[int]:
        """Those of `descriptors` (non-blocking) on which nothing came for too long. A new one starts its time now."""
        now = self._clock()
        # Somebody stopped us, and perhaps all of us (Ctrl-Z, a paused machine): that says nothing about the workers.
        slept = now - self._looked > self.patience / 2
        self._looked = now
        for descriptor in descriptors:
            if drained(descriptor) or slept or descriptor not in self._heard:
                self._heard[descriptor] = now
        if not self.patience:
            return []
        return [descriptor for descriptor in descriptors if now - self._heard[descriptor] > self.patience]


def drained(descriptor: int) -> bool:
    """Takes out what is there. Whether anything was."""
    heard = False
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            heard = True
    return heard
