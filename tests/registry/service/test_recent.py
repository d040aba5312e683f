"""A write that is sent twice is done once."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest

from glancetui.registry.service import recent as module
from glancetui.registry.service.frames import Request, decode_answer
from glancetui.registry.service.recent import Recent


class Counting:
    def __init__(self) -> None:
        self.done = 0

    def __call__(self) -> bytes:
        self.done += 1
        return b"%d" % self.done


def request(number: int, age: float | None = None) -> Request:
    return Request(number, "write", msgspec.Raw(b"\x80"), age)


def test_a_copy_gets_the_answer_of_the_first() -> None:
    recent, do = Recent(), Counting()
    assert recent.once("a", request(1), do) == b"1"
    assert recent.once("a", request(1, 0.1), do) == b"1"
    assert recent.once("a", request(2), do) == b"2"
    assert recent.once("b", request(1), do) == b"3"


def test_a_copy_that_comes_while_the_first_is_done_waits_for_it() -> None:
    recent, do, begun, go = Recent(), Counting(), threading.Event(), threading.Event()

    def slow() -> bytes:
        begun.set()
        assert go.wait(10)
        return do()

    answers: list[bytes] = []
    first = threading.Thread(target=lambda: answers.append(recent.once("a", request(1), slow)))
    first.start()
    assert begun.wait(10)
    second = threading.Thread(target=lambda: answers.append(recent.once("a", request(1, 0.1), slow)))
    second.start()
    go.set()
    for thread in (first, second):
        thread.join(10)
    assert answers == [b"1", b"1"]


def test_a_copy_that_may_have_been_forgotten_is_not_done() -> None:
    recent, do = Recent(answers=2), Counting()
    for number in range(1, 5):
        recent.once("a", request(number), do)
    answer = decode_answer(recent.once("a", request(1, 1.0), do))
    assert answer.fault is not None
    assert answer.fault.kinds[0] == "RegistryUnavailable"
    assert do.done == 4


def test_a_copy_of_what_certainly_never_came_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    recent, do = Recent(answers=1), Counting()
    recent.once("a", request(1), do)
    recent.once("a", request(2), do)  # forgets the first
    monkeypatch.setattr(module, "MARGIN", 0.0)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and recent._complete_since >= time.monotonic() - 0.001:
        pass
    assert recent.once("a", request(3, 0.0), do) == b"3"


def test_memory_is_bounded_by_count_and_bytes_and_age(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = Recent(answers=10, size=1000)
    for number in range(100):
        recent.once("a", request(number + 1), lambda: b"x")
    assert len(recent._entries) == 10
    for number in range(100, 200):
        recent.once("a", request(number + 1), lambda: b"x" * 300)
    assert recent._bytes <= 1000
    monkeypatch.setattr(module, "KEPT_SECONDS", -1.0)
    recent.once("a", request(500), lambda: b"x")
    assert recent._bytes == 0
