"""Waiting for the network off the event loop.

Textual's thread workers run on asyncio's default executor, whose threads are joined at exit: one stalled request would
hold the terminal for its whole timeout. These threads are daemons, so quitting never waits for them.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Job = Callable[[], None]


class Pool:
    """At most `threads` calls at a time; the rest wait their turn in order."""

    def __init__(self, threads: int = 6, name: str = "http") -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._free = threading.Semaphore(0)
        self._names = (f"{name}-{number}" for number in itertools.count(1))
        self._room = threads

    def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Start `call` in a thread. Cancelling the future drops the result; the call itself runs to its own limits."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            if future.cancelled():
                return
            try:
                result = call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  # carried to whoever awaits; nothing may kill the thread
                _tell(loop, future, None, error)
            else:
                _tell(loop, future, result, None)

        self._jobs.put(job)
        self._ensure_thread()
        return future

    def _ensure_thread(self) -> None:
        if self._free.acquire(blocking=False) or not self._room:
            return
        self._room -= 1
        threading.Thread(target=self._work, name=next(self._names), daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            self._free.release()


def _tell(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], result: T | None, error: BaseException | None
) -> None:
    def deliver() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
            return
        future.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    try:
        loop.call_soon_threadsafe(deliver)
    except RuntimeError:
        return  # the loop has closed: the program is leaving and nobody waits any more
