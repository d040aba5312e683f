"""Calls that leave the event loop and come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from glancetui.errors import Overloaded
from glancetui.server.bridge import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads("test", size=2, waiting=1)
    yield made
    made.close()


async def test_result_and_error_come_back(threads: Threads) -> None:
    assert await threads.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 7, 0)
    assert threads.busy == 0


async def test_end_of_an_iterator_does_not_hang_the_caller(threads: Threads) -> None:
    with pytest.raises(RuntimeError):
        await threads.run(next, iter(()))


async def test_calls_beyond_the_bound_are_refused_at_once(threads: Threads) -> None:
    gate = threading.Event()
    running = [asyncio.create_task(threads.run(gate.wait, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    assert threads.busy == 3
    with pytest.raises(Overloaded):
        await threads.run(int)
    gate.set()
    assert await asyncio.gather(*running) == [True] * 3
    assert await threads.run(int) == 0


async def test_cancelled_caller_hears_of_it_when_the_call_has_ended(threads: Threads) -> None:
    gate, ended = threading.Event(), threading.Event()

    def work() -> None:
        gate.wait(10)
        ended.set()

    task = asyncio.create_task(threads.run(work))
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.sleep(0.02)
    assert not task.done(), "what the call uses must not be closed beneath it"
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_no_more_threads_than_needed(threads: Threads) -> None:
    for _ in range(20):
        await threads.run(int)
    assert sum(thread.name.startswith("test-") for thread in threading.enumerate()) == 1
