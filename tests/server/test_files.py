"""Files and chunks on their way out."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.server import kernel
from glancetui.server.limits import WireLimits
from tests.server.edge import Client, Edge, head, open_descriptors, running_edge, until

SIZE = 9_000_001


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with running_edge(tmp_path, WireLimits(send_idle_seconds=5.0)) as running:
        yield running


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    data = os.urandom(SIZE)
    (tmp_path / "image").write_bytes(data)
    return data


def ask(client: Client, offset: int, count: int) -> bytes:
    client.send(head("GET", f"/file?name=image&offset={offset}&count={count}"))
    status, headers, body = client.answer()
    assert (status, headers["content-length"]) == (200, str(count))
    return body


@pytest.mark.parametrize(
    ("offset", "count"), [(0, SIZE), (0, 1), (SIZE - 1, 1), (1, SIZE - 2), (4096, 4096), (12_345, 5_000_000), (7, 0)]
)
def test_part_of_a_file_arrives_exactly(edge: Edge, content: bytes, offset: int, count: int) -> None:
    with Client(edge.port) as client:
        assert ask(client, offset, count) == content[offset : offset + count]
        client.send(head("GET", "/"))
        assert client.answer()[2] == b"ok"


def test_pipelined_downloads_do_not_mix(edge: Edge, content: bytes) -> None:
    wanted = [(0, 3_000_000), (5, 10), (1_000_000, 2_000_000)]
    with Client(edge.port) as client:
        client.send(
            b"".join(head("GET", f"/file?name=image&offset={o}&count={c}") for o, c in wanted) + head("GET", "/")
        )
        assert [client.answer()[2] for _ in wanted] == [content[o : o + c] for o, c in wanted]
        assert client.answer()[2] == b"ok"


def test_cold_pages_are_sent_from_a_thread_and_arrive_exactly(
    edge: Edge, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()
    cold = kernel._send_cold

    def spied(*arguments: int) -> int | None:
        threads.add(threading.current_thread().name)
        return cold(*arguments)

    monkeypatch.setattr(kernel, "is_warm", lambda *_: False)
    monkeypatch.setattr(kernel, "_send_cold", spied)
    with Client(edge.port) as client:
        assert ask(client, 11, SIZE - 11) == content[11:]
    assert threads
    assert all(name.startswith("slow-") for name in threads)


def test_a_file_of_which_parts_are_cold_arrives_exactly(
    edge: Edge, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "AHEAD", 100_000)
    monkeypatch.setattr(kernel, "PIECE", 70_000)
    monkeypatch.setattr(kernel, "is_warm", lambda _file, offset, _count: offset // 1_000_000 % 2 == 0)
    with Client(edge.port) as client:
        for offset in (0, 1_500_000):
            assert ask(client, offset, SIZE - offset) == content[offset:]


def test_pages_in_memory_count_as_warm(tmp_path: Path, content: bytes) -> None:
    with (tmp_path / "image").open("rb", buffering=0) as file:
        file.readall()
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError:
            pytest.skip("this filesystem does not tell what is in memory")
        assert kernel.is_warm(file.fileno(), 0, SIZE)
        assert kernel.is_warm(file.fileno(), SIZE - 1, 1)


def test_fifty_slow_readers_get_their_bytes_without_threads(edge: Edge, content: bytes) -> None:
    clients = [Client(edge.port, receive_buffer=8192) for _ in range(50)]
    try:
        for client in clients:
            client.send(head("GET", f"/file?name=image&offset=0&count={SIZE}"))
        until(lambda: len(edge.state.tasks) == 50)
        before = threading.active_count()
        with Client(edge.port) as quick:
            quick.send(head("GET", "/"))
            assert quick.answer()[2] == b"ok"
        assert threading.active_count() <= before
        for client in clients[:3]:
            assert client.answer()[2] == content
    finally:
        for client in clients:
            client.close()
    until(lambda: not edge.state.tasks)
    assert all(file.closed for file in edge.seen)


def test_reader_that_hangs_up_frees_file_and_descriptors(edge: Edge, content: bytes) -> None:
    before = open_descriptors()
    for linger in (False, True):
        with Client(edge.port) as client:
            client.send(head("GET", f"/file?name=image&offset=0&count={SIZE}"))
            client.stream.read(100_000)
            if linger:  # a reset instead of an orderly end
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until(lambda: not edge.state.tasks and not edge.state.connections)
    assert all(file.closed for file in edge.seen)
    until(lambda: open_descriptors() == before)


def test_file_that_became_shorter_never_looks_whole(edge: Edge, content: bytes) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", f"/file?name=image&offset=0&count={SIZE + 1000}"))
        received = client.stream.read()
        assert received.count(b"")
        assert len(received.partition(b"\r\n\r\n")[2]) == SIZE
    until(lambda: not edge.state.connections)


def test_chunks_arrive_whole_and_the_generator_is_closed(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/chunks"))
        status, headers, body = client.answer()
        assert (status, headers["transfer-encoding"], len(body)) == (200, "chunked", 64 << 20)
    until(lambda: edge.seen == ["closed"])


def test_reader_of_chunks_that_hangs_up_closes_the_generator(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/chunks"))
        client.stream.read(3 << 20)
    until(lambda: edge.seen == ["closed"])


def test_store_that_fails_halfway_cuts_the_answer_short(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/broken"))
        assert len(client.stream.read().partition(b"\r\n\r\n")[2]) == 1000
