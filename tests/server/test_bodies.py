"""Bodies on their way in: straight from the socket, in chunks, broken, slow, refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.errors import BodyBroken, BodyTimeout
from glancetui.server.limits import WireLimits
from tests.server.edge import Client, Edge, chunked, digest, head, open_descriptors, running_edge, until


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with running_edge(tmp_path, WireLimits(body_idle_seconds=0.6, linger_idle_seconds=1.0)) as running:
        yield running


@pytest.mark.parametrize("size", [0, 1, 1000, 300_001, 5_000_000])
def test_body_with_a_length_arrives_whole_and_the_connection_goes_on(edge: Edge, size: int) -> None:
    body = os.urandom(size)
    with Client(edge.port) as client:
        for _ in range(2):
            client.send(head("PUT", "/upload", f"Content-Length: {size}"), body)
            status, headers, answer = client.answer()
            assert (status, answer.decode()) == (200, digest(body))
            assert "connection" not in headers


def test_large_body_with_a_length_is_received_by_the_thread_itself(edge: Edge) -> None:
    body = os.urandom(3_000_000)
    with Client(edge.port) as client:
        client.send(head("PUT", "/upload", f"Content-Length: {len(body)}"), body)
        client.answer()
    assert edge.seen == ["SocketBody"]


def test_bytes_after_the_body_begin_the_next_request(edge: Edge) -> None:
    body = os.urandom(2_000_000)
    whole = head("PUT", "/upload", f"Content-Length: {len(body)}") + body
    with Client(edge.port) as client:
        sender = threading.Thread(target=client.send, args=(whole + whole + head("GET", "/"),))
        sender.start()
        assert [client.answer()[2].decode() for _ in range(3)] == [digest(body), digest(body), "ok"]
        sender.join()


def test_short_request_behind_a_body_that_was_waited_for_is_noticed(edge: Edge) -> None:
    """The receiver asks to be woken only for much; the connection must hear of little again."""
    body, pause = os.urandom(2_000_000), threading.Event()
    with Client(edge.port) as client:
        client.send(head("PUT", "/upload", f"Content-Length: {len(body)}"), body[:1_000_000])
        pause.wait(0.2)  # a sender that makes the receiver wait
        client.send(body[1_000_000:])
        assert client.answer()[2].decode() == digest(body)
        client.send(head("GET", "/"))
        assert client.answer()[2] == b"ok"


@pytest.mark.parametrize("sizes", [[], [1], [70_000] * 3, [1] * 500, [2_500_000, 7]])
def test_chunked_body_arrives_whole_and_the_connection_goes_on(edge: Edge, sizes: list[int]) -> None:
    chunks = [os.urandom(size) for size in sizes]
    with Client(edge.port) as client:
        for _ in range(2):
            client.send(head("PUT", "/upload", "Transfer-Encoding: chunked"), chunked(*chunks))
            assert client.answer()[2].decode() == digest(b"".join(chunks))


def test_trickling_body_is_slow_but_not_stalled(edge: Edge) -> None:
    pause = threading.Event()
    with Client(edge.port) as client:
        client.send(head("PUT", "/upload", "Content-Length: 6"))
        for byte in b"slowly":
            pause.wait(0.2)
            client.send(bytes([byte]))
        assert client.answer()[2].decode() == digest(b"slowly")


@pytest.mark.parametrize(
    "cut", [head("PUT", "/upload", "Content-Length: 3000000"), head("PUT", "/upload", "Transfer-Encoding: chunked")]
)
@pytest.mark.parametrize("after", [0, 5, 2_000_000])
def test_sender_that_goes_away_is_a_broken_body(edge: Edge, cut: bytes, after: int) -> None:
    with Client(edge.port) as client:
        begun = b"" if not after else (b"%x\r\n" % 2_500_000 if b"chunked" in cut else b"") + os.urandom(after)
        client.send(cut + begun)
        until(lambda: bool(edge.state.tasks))
    until(lambda: len(edge.seen) == 1)
    assert isinstance(edge.seen[0], BodyBroken)
    until(lambda: not edge.state.connections)


@pytest.mark.parametrize("path", ["/upload", "/collect"])
@pytest.mark.parametrize("rest", [b"zz\r\nabc\r\n", b"-1\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n"])
def test_broken_chunk_framing_never_looks_like_the_end(edge: Edge, path: str, rest: bytes) -> None:
    with Client(edge.port) as client:
        client.send(head("PUT", path, "Transfer-Encoding: chunked"), chunked(b"begun", end=b"") + rest)
        if path == "/upload":
            status, headers, body = client.answer()
            assert (status, headers["connection"]) == (400, "close")
            assert b"framing" in body
        assert path == "/collect" or client.ended()


def test_silent_sender_is_given_up_in_both_framings(edge: Edge) -> None:
    with Client(edge.port) as plain, Client(edge.port) as chunks:
        plain.send(head("PUT", "/upload", "Content-Length: 3000000") + bytes(100_000))
        chunks.send(head("PUT", "/upload", "Transfer-Encoding: chunked") + chunked(b"x" * 1000, end=b""))
        for client in (plain, chunks):
            assert client.answer()[0] == 408
            assert client.ended()
    assert [type(error) for error in edge.seen] == [BodyTimeout, BodyTimeout]


@pytest.mark.parametrize("path", ["/upload", "/collect"])
def test_client_is_invited_to_send_only_when_the_body_is_wanted(edge: Edge, path: str) -> None:
    body = os.urandom(400_000)
    with Client(edge.port) as client:
        client.send(head("PUT", path, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert client.stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert client.stream.readline() == b"\r\n"
        client.send(body)
        assert client.answer()[2].decode() == digest(body)


def test_refused_client_is_not_invited(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("PUT", "/early", "Content-Length: 400000", "Expect: 100-continue"))
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (409, "close")


@pytest.mark.parametrize("path", ["/early", "/halfway"])
@pytest.mark.parametrize("framing", ["Content-Length: 30000000", "Transfer-Encoding: chunked"])
def test_refusal_reaches_a_client_that_sends_everything_first(edge: Edge, path: str, framing: str) -> None:
    body = bytes(30_000_000)
    with Client(edge.port) as client:
        client.send(head("PUT", path, framing), body if "Length" in framing else chunked(body))
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (409, "close")
        assert client.ended()


def test_short_unread_body_does_not_cost_the_connection(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("PUT", "/early", "Content-Length: 1000"))
        status, headers, _ = client.answer()
        assert status == 409
        assert "connection" not in headers
        client.send(b"x" * 1000, head("GET", "/"))
        assert client.answer()[::2] == (200, b"ok")


def test_nobody_leaves_descriptors_behind(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/"))
        client.answer()
    until(lambda: not edge.state.connections)
    before = open_descriptors()
    for path, length, sent in (
        ("/upload", 500_000, 500_000),
        ("/upload", 500_000, 1000),
        ("/halfway", 900_000, 900_000),
    ):
        for _ in range(5):
            with Client(edge.port) as client:
                client.send(head("PUT", path, f"Content-Length: {length}") + bytes(sent))
                if sent == length:
                    client.answer()
    until(lambda: not edge.state.connections and not edge.state.tasks)
    until(lambda: open_descriptors() == before)
