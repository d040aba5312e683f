"""Who is taken for hung, and who is not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from glancetui.server.heartbeat import Heart, Watch


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, watch: Watch, pipe: int, seconds: int) -> list[int]:
        """What a supervisor sees that looks once a second."""
        seen: list[int] = []
        for _ in range(seconds):
            self.now += 1
            seen = watch.silent([pipe])
        return seen


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for end in ends:
        os.close(end)


def test_silence_is_noticed_after_the_patience_and_not_before(pipe: tuple[int, int]) -> None:
    time = Time()
    watch, heart = Watch(10, time), Heart(pipe[1], time)
    assert watch.silent([pipe[0]]) == []
    for _ in range(30):
        heart.beat()
        assert time.passes(watch, pipe[0], 1) == []
    assert time.passes(watch, pipe[0], 9) == []
    assert time.passes(watch, pipe[0], 3) == [pipe[0]]


def test_a_supervisor_that_was_stopped_itself_blames_nobody(pipe: tuple[int, int]) -> None:
    time = Time()
    watch = Watch(10, time)
    watch.silent([pipe[0]])
    time.now += 3600
    assert watch.silent([pipe[0]]) == []
    assert time.passes(watch, pipe[0], 9) == []
    assert time.passes(watch, pipe[0], 3) == [pipe[0]]


def test_a_descriptor_that_is_used_anew_starts_its_time_anew(pipe: tuple[int, int]) -> None:
    time = Time()
    watch = Watch(10, time)
    assert time.passes(watch, pipe[0], 9) == []
    watch.forget(pipe[0])
    assert time.passes(watch, pipe[0], 9) == []


def test_nobody_is_watched_without_patience(pipe: tuple[int, int]) -> None:
    time = Time()
    watch = Watch(0, time)
    assert watch.interval is None
    assert time.passes(watch, pipe[0], 1000) == []


def test_a_heart_beats_at_most_once_a_second_and_never_blocks_where_nobody_listens(pipe: tuple[int, int]) -> None:
    time = Time()
    heart = Heart(pipe[1], time)
    for _ in range(100):
        time.now += 0.1
        heart.beat()
    assert len(os.read(pipe[0], 1000)) in {10, 11}
    for _ in range(200_000):
        time.now += 1
        heart.beat()
