"""The one bridge between the event loop and synchronous code: threads that take calls and hand results back.

Leaner than concurrent.futures, whose two locks and a condition for each call cost as much as a short database read.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, TypeVarTuple, Unpack

from starlette.requests import Request

from glancetui.errors import Overloaded
from glancetui.server.routing import service_of

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

QUICK_THREADS = 8  # calls of milliseconds: the registry, policy files, file headers
QUICK_WAITING = 2000  # beyond it the worker is hopelessly behind, and says so
SLOW_THREADS = 32  # calls that wait for others: stores over the network, cold disks, Keystone, password hashes
SLOW_WAITING = 2000


class _Answer(asyncio.Future[Any]):
    """Cannot be cancelled: whoever awaits it learns of a cancellation only when the call has ended.

    A call that goes on behind the back of its caller would use files that have been closed, or their numbers anew.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - asyncio's signature
        return False


class _Job(NamedTuple):
    future: _Answer
    loop: asyncio.AbstractEventLoop
    call: Callable[..., Any]
    arguments: tuple[Any, ...]  # of `call`; typed where they are put in


class Threads:
    """At most `size` threads, started as they are needed. Calls beyond them wait, at most `waiting` of them."""

    def __init__(self, name: str, size: int, waiting: int) -> None:
        self._name = name
        self._size = size
        self._most = size + waiting
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0  # jobs not yet answered; counted on the event loop only

    @property
    def busy(self) -> int:
        return self._busy

    async def run(self, call: Callable[[Unpack[Arguments]], T], *arguments: *Arguments) -> T:
        """What `call` returns or raises. Raises Overloaded. Cancelled, it first lets the call come to its end."""
        if self._busy >= self._most:
            raise Overloaded("This service has more to do than it can. Try again in a moment.")
        loop = asyncio.get_running_loop()
        future = _Answer(loop=loop)
        self._busy += 1
        self._jobs.put(_Job(future, loop, call, arguments))
        if self._busy > len(self._threads) and len(self._threads) < self._size:
            self._start()
        result: T = await future
        return result

    def close(self) -> None:
        """Threads end after the jobs that wait; it does not wait for them."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads.clear()

    def _start(self) -> None:
        # Daemons: a call that hangs in a dead store must not keep the process from ending.
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        jobs = self._jobs
        while (job := jobs.get()) is not None:
            self._do(job)
            del job  # holds the result, which may be large, until the next call otherwise

    def _do(self, job: _Job) -> None:
        error: BaseException | None = None
        result: Any = None
        try:
            result = job.call(*job.arguments)
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the call is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            job.loop.call_soon_threadsafe(self._answer, job.future, result, error)

    def _answer(self, future: _Answer, result: object, error: BaseException | None) -> None:
        self._busy -= 1
        if error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):  # a future cannot carry it
            future.set_exception(RuntimeError("a call ended by StopIteration"))
        else:
            future.set_exception(error)


class Pools:
    """The threads of one worker."""

    def __init__(self, max_uploads: int) -> None:
        self.quick = Threads("quick", QUICK_THREADS, QUICK_WAITING)
        self.slow = Threads("slow", SLOW_THREADS, SLOW_WAITING)
        self.uploads = Threads("upload", max_uploads, 0)

    def close(self) -> None:
        for threads in (self.quick, self.slow, self.uploads):
            threads.close()


async def in_thread(request: Request, call: Callable[[Unpack[Arguments]], T], *arguments: *Arguments) -> T:
    """For calls that take milliseconds. Raises what `call` raises, and Overloaded."""
    return await service_of(request).pools.quick.run(call, *arguments)


async def in_slow_thread(request: Request, call: Callable[[Unpack[Arguments]], T], *arguments: *Arguments) -> T:
    """For calls that wait for a network, a cold disk or a password hash."""
    return await service_of(request).pools.slow.run(call, *arguments)


async def in_asking_thread(request: Request, call: Callable[[Unpack[Arguments]], T], *arguments: *Arguments) -> T:
    """For calls of milliseconds that ask Keystone for limits where the operator keeps to them."""
    service = service_of(request)
    threads = service.pools.slow if service.images.quotas.asks_keystone else service.pools.quick
    return await threads.run(call, *arguments)


async def in_stream_thread(request: Request, call: Callable[[Unpack[Arguments]], T], *arguments: *Arguments) -> T:
    """For uploads: a thread each, at most `max_uploads` at once. Raises Overloaded beyond that, without waiting."""
    return await service_of(request).pools.uploads.run(call, *arguments)
