"""Answers from a file that somebody still writes."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from glancetui.server.files import growing_response
from tests.server.edge import Client, Edge, head, open_descriptors, running_edge, until

DATA = os.urandom(6_000_001)
HALF = 2_500_000


class Growth:
    """A file of which the test says how far it is, and whether more will come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self.file = path.open("rb", buffering=0)
        self.there = 0
        self.dead = False
        self.rest_asked: list[tuple[int, int]] = []
        self.rest_breaks = False
        self.asked = 0

    def grow(self, to: int) -> None:
        with self.path.open("ab") as file:
            file.write(DATA[self.there : to])
        self.there = to

    def reach(self, offset: int) -> int | None:
        self.asked += 1
        return self.there if self.there > offset else None if self.dead else offset

    def rest(self, offset: int, count: int) -> Generator[bytes, None, None]:
        self.rest_asked.append((offset, count))
        yield DATA[offset : offset + 1000]
        if not self.rest_breaks:
            yield DATA[offset + 1000 : offset + count]

    def close(self) -> None:
        self.file.close()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with running_edge(tmp_path) as running:
        yield running


@pytest.fixture
def growth(edge: Edge, tmp_path: Path) -> Growth:
    growth = Growth(tmp_path / "image")

    async def growing(request: Request) -> Response:
        offset = int(request.query_params.get("offset", 0))
        count = len(DATA) - offset
        return growing_response(request, growth, offset, count, {"content-length": str(count)}, 200)

    edge.growing = growing  # type: ignore[attr-defined]
    return growth


def ask(client: Client, offset: int = 0) -> None:
    client.send(head("GET", f"/growing?offset={offset}"))


def test_bytes_are_sent_as_they_come(edge: Edge, growth: Growth) -> None:
    growth.grow(HALF)
    with Client(edge.port) as client:
        ask(client)
        received = client.stream.read(HALF)
        before = threading.active_count()
        growth.grow(len(DATA))
        received += client.stream.read(len(DATA) - HALF)
        assert received.partition(b"\r\n\r\n")[2] == DATA[: len(received) - received.index(b"\r\n\r\n") - 4]
        assert threading.active_count() <= before
    until(lambda: growth.file.closed)


def test_the_answer_is_whole_and_the_connection_goes_on(edge: Edge, growth: Growth) -> None:
    growth.grow(len(DATA))
    with Client(edge.port) as client:
        for offset in (0, len(DATA) - 1):
            ask(client, offset)
            status, headers, body = client.answer()
            assert (status, headers["content-length"], body == DATA[offset:]) == (200, str(len(body)), True)
            growth.file = growth.path.open("rb", buffering=0)
    growth.close()


def test_what_will_not_come_is_taken_from_elsewhere(edge: Edge, growth: Growth) -> None:
    growth.grow(HALF)
    with Client(edge.port) as client:
        ask(client, 1000)
        until(lambda: growth.asked > 3)
        growth.dead = True
        assert client.answer()[2] == DATA[1000:]
    assert growth.rest_asked == [(HALF, len(DATA) - HALF)]
    until(lambda: growth.file.closed)


def test_an_answer_whose_rest_is_short_never_looks_whole(edge: Edge, growth: Growth) -> None:
    growth.grow(HALF)
    growth.dead = growth.rest_breaks = True
    with Client(edge.port) as client:
        ask(client)
        assert len(client.stream.read().partition(b"\r\n\r\n")[2]) == HALF + 1000
    until(lambda: growth.file.closed and not edge.state.connections)


def test_a_reader_that_hangs_up_while_it_waits_is_noticed_at_once(edge: Edge, growth: Growth) -> None:
    growth.grow(1000)
    before = open_descriptors()
    with Client(edge.port) as client:
        ask(client)
        until(lambda: growth.asked > 3)
    until(lambda: growth.file.closed and not edge.state.tasks)
    until(lambda: open_descriptors() < before)


def test_many_who_wait_take_no_thread(edge: Edge, growth: Growth) -> None:
    growth.grow(1000)
    before = threading.active_count()
    clients = [Client(edge.port) for _ in range(60)]
    for client in clients:
        ask(client)
    until(lambda: len(edge.state.tasks) == 60)
    with Client(edge.port) as quick:
        quick.send(head("GET", "/"))
        assert quick.answer()[2] == b"ok"
    assert threading.active_count() <= before
    for client in clients:
        client.close()
    until(lambda: not edge.state.tasks)
