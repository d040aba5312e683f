"""Heads, framing, patience and keep-alive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.errors import BodyBroken
from glancetui.server.limits import WireLimits
from tests.server.edge import Client, Edge, chunked, digest, head, running_edge, until

QUICK = WireLimits(
    head_seconds=0.3, keep_alive_seconds=0.5, body_idle_seconds=0.3, send_idle_seconds=0.5, linger_idle_seconds=0.3,
    linger_seconds=1.0,
)  # fmt: skip


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with running_edge(tmp_path) as running:
        yield running


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Edge]:
    with running_edge(tmp_path, QUICK) as running:
        yield running


def test_requests_follow_each_other_on_one_connection(edge: Edge) -> None:
    with Client(edge.port) as client:
        for _ in range(3):
            client.send(head("GET", "/"))
            assert client.answer()[::2] == (200, b"ok")


def test_pipelined_requests_are_answered_in_their_order(edge: Edge) -> None:
    bodies = [os.urandom(size) for size in (10, 0, 70_000, 3)]
    with Client(edge.port) as client:
        client.send(b"".join(head("PUT", "/upload", f"Content-Length: {len(body)}") + body for body in bodies))
        assert [client.answer()[2].decode() for _ in bodies] == [digest(body) for body in bodies]


def test_head_in_single_bytes_is_understood(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(*(bytes([byte]) for byte in head("PUT", "/collect", "Content-Length: 3") + b"abc"))
        assert client.answer()[2].decode() == digest(b"abc")


@pytest.mark.parametrize(
    "request_bytes",
    [
        head("PUT", "/upload", "Content-Length: 3", "Transfer-Encoding: chunked") + chunked(b"abc"),
        head("PUT", "/upload", "Content-Length: 3", "Content-Length: 4") + b"abcd",
        head("PUT", "/upload", "Content-Length: 3", "Content-Length: 3") + b"abc",
        head("PUT", "/upload", "Content-Length: -1") + b"abc",
        head("PUT", "/upload", "Content-Length: +3") + b"abc",
        head("PUT", "/upload", "Content-Length: 0x3") + b"abc",
        head("PUT", "/upload", "Content-Length: 3, 3") + b"abc",
        head("PUT", "/upload", f"Content-Length: {1 << 63}"),
        head("PUT", "/upload", f"Content-Length: {'9' * 40}"),
        head("PUT", "/upload", "Transfer-Encoding: gzip, chunked") + chunked(b"abc"),
        head("PUT", "/upload", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + chunked(b"abc"),
        head("PUT", "/upload", "Transfer-Encoding: identity") + b"abc",
        head("GET", "/", "Host: other"),
        head("GET", "/", host=False),
        head("GET", "/", "Na me: x"),
        head("GET", "/", "Name : x"),
        head("GET", "/", "Name: a\x00b"),
        head("GET", "/", "Name: a\rb"),
        head("GET", "/\x01"),
        head("GET", "no-slash"),
        head("GET", "/a#b"),
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 100,
    ],
)
def test_ambiguous_or_malformed_head_is_refused_and_the_connection_ends(edge: Edge, request_bytes: bytes) -> None:
    with Client(edge.port) as client:
        client.send(request_bytes)
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (400, "close")
        assert client.ended()
    assert not edge.seen, "no handler may see it"


def test_the_application_judges_a_method_that_the_parser_does_not_know(edge: Edge) -> None:
    with Client(edge.port) as client:
        for method in ("BREW", "GET", "X-Y_Z", "UNLINK"):
            client.send(head(method, "/method", "Content-Length: 2") + b"ab")
            assert client.answer()[2].decode() == f"{method} b'ab'"
        client.send(head("BREW", "/method", "Connection: Upgrade, close", "Upgrade: websocket"))
        assert client.answer()[2] == b"BREW b''"
        assert client.ended()


@pytest.mark.parametrize("rest", [b"", b"; more"])
def test_no_part_of_a_body_passes_for_a_request_of_an_unknown_method(edge: Edge, rest: bytes) -> None:
    body = head("BREW", "/method") + rest
    with Client(edge.port) as client:
        client.send(head("PUT", "/collect", f"Content-Length: {len(body) + 1}") + b"a")
        until(lambda: edge.state.total_requests == 0 and bool(edge.state.tasks))
        client.send(body + head("BREW", "/method") + head("BREW", "/method"))
        assert client.answer()[2].decode() == digest(b"a" + body)
        assert client.answer()[0] == 501
        assert client.ended()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (head("GET", "/" + "a" * 20_000), 414),
        (head("GET", "/", "X: " + "a" * 70_000), 431),
        (head("GET", "/", *(f"X-{number}: 1" for number in range(300))), 431),
        (head("GET", "/", *(f"X-{number}: {'a' * 1000}" for number in range(80))), 431),
    ],
)
def test_large_heads_are_refused(edge: Edge, request_bytes: bytes, status: int) -> None:
    with Client(edge.port) as client:
        client.send(request_bytes)
        assert client.answer()[0] == status
        assert client.ended()


def test_endless_header_is_refused_before_it_ends(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 600_000)
        assert client.answer()[0] == 431


def test_head_of_the_full_size_is_taken(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/", "X: " + "a" * 65_000))
        assert client.answer()[0] == 200


def test_fields_behind_the_last_chunk_are_no_headers(edge: Edge) -> None:
    """They may come in the same packet as the head, before anybody has looked at it."""
    trailer = b"0\r\nX-Roles: admin\r\nX-Project-Id: another\r\n\r\n"
    with Client(edge.port) as client:
        client.send(head("PUT", "/address", "X-Mine: 1", "Transfer-Encoding: chunked") + chunked(b"abc", end=trailer))
        assert client.answer()[2].split(b"|")[2] == b"host,transfer-encoding,x-mine"
        client.send(head("GET", "/"))
        assert client.answer()[0] == 200


@pytest.mark.parametrize(
    "excess",
    [
        b"0\r\nX: " + b"a" * 300_000,
        b"0\r\n" + b"X: a\r\n" * 20_000,
        b"5;" + b"a" * 300_000,
    ],
    ids=["one long field", "many fields", "an extension"],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["with the head", "behind it"])
def test_endless_trailer_or_chunk_extension_ends_the_upload(edge: Edge, excess: bytes, at_once: bool) -> None:
    with Client(edge.port) as client:
        begun = head("PUT", "/upload", "Transfer-Encoding: chunked") + chunked(b"hello", end=b"")
        if not at_once:
            client.send(begun)
            until(lambda: bool(edge.state.tasks))
            begun = b""
        client.send(begun + excess)
        assert client.answer()[0] == 400
        assert client.ended()
    assert [type(error) for error in edge.seen] == [BodyBroken]


def test_white_space_round_a_value_is_no_part_of_it(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("PUT", "/collect", "Content-Length: \t3 \t ") + b"abc")
        assert client.answer()[2].decode() == digest(b"abc")


def test_body_before_a_pipelined_head_does_not_count_as_head(edge: Edge) -> None:
    body = os.urandom(150_000)
    with Client(edge.port) as client:
        client.send(head("PUT", "/collect", f"Content-Length: {len(body)}") + body + head("GET", "/")[:-2])
        assert client.answer()[2].decode() == digest(body)
        client.send(b"\r\n")
        assert client.answer()[0] == 200


def test_second_request_that_is_refused_waits_for_the_answer_of_the_first(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/") + b"NOT HTTP\r\n\r\n")
        assert client.answer()[::2] == (200, b"ok")
        assert client.answer()[0] == 400


def test_slow_head_is_given_up(impatient: Edge) -> None:
    with Client(impatient.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: local")
        assert client.answer()[0] == 408
        assert client.ended()


def test_silent_connection_is_closed(impatient: Edge) -> None:
    with Client(impatient.port) as fresh, Client(impatient.port) as used:
        used.send(head("GET", "/"))
        assert used.answer()[0] == 200
        assert fresh.ended()
        assert used.ended()
    until(lambda: not impatient.state.connections)


def test_client_that_ends_its_side_still_gets_its_answer(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("PUT", "/upload", "Content-Length: 3") + b"abc")
        client.socket.shutdown(1)
        assert client.answer()[2].decode() == digest(b"abc")
        assert client.ended()


def test_offer_to_upgrade_is_ignored_and_the_body_is_not_lost(edge: Edge) -> None:
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    with Client(edge.port) as client:
        client.send(head("PUT", "/collect", *offer, "Content-Length: 5") + b"hello" + head("GET", "/", *offer))
        assert client.answer()[2].decode() == digest(b"hello")
        assert client.answer()[2] == b"ok"


def test_close_is_heard_beside_an_offer_to_upgrade(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/", "Connection: Upgrade, close", "Upgrade: websocket"))
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert client.ended()


def test_connect_is_refused(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert client.answer()[0] == 501


def test_path_and_query_arrive_as_they_were_sent(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(head("GET", "/address?x=%2F&y=?%25"))
        assert client.answer()[2].startswith(b"/address|x=%2F&y=?%25|")
        client.send(head("GET", "http://localhost/address?q"))
        assert client.answer()[2].startswith(b"/address|q|")


def test_http_1_0_is_answered_and_closed(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.answer()[::2] == (200, b"ok")
        assert client.ended()


def test_answer_of_unknown_length_to_http_1_0_ends_with_the_connection(edge: Edge) -> None:
    with Client(edge.port) as client:
        client.send(b"GET /chunks HTTP/1.0\r\n\r\n")
        status, headers, body = client.answer()
        assert (status, len(body)) == (200, 64 << 20)
        assert "transfer-encoding" not in headers


def test_reader_that_stalls_is_cut_off_and_everything_is_freed(impatient: Edge) -> None:
    (impatient.folder / "large").write_bytes(bytes(64 << 20))
    with Client(impatient.port) as by_file, Client(impatient.port) as by_chunks:
        by_file.send(head("GET", f"/file?name=large&count={64 << 20}"))
        by_chunks.send(head("GET", "/chunks"))
        until(lambda: "closed" in impatient.seen)
        until(lambda: not impatient.state.connections and not impatient.state.tasks)
        assert all(entry == "closed" or entry.closed for entry in impatient.seen)


def test_shutdown_closes_idle_connections_and_announces_it_on_busy_ones(edge: Edge) -> None:
    with Client(edge.port) as idle, Client(edge.port) as busy:
        busy.send(head("PUT", "/upload", "Content-Length: 6") + b"abc")
        until(lambda: len(edge.state.connections) == 2 and len(edge.state.tasks) == 1)
        loop = next(iter(edge.state.connections)).loop
        for connection in tuple(edge.state.connections):
            loop.call_soon_threadsafe(connection.shutdown)
        assert idle.ended()
        busy.send(b"def")
        status, headers, body = busy.answer()
        assert (status, headers["connection"], body.decode()) == (200, "close", digest(b"abcdef"))
        assert busy.ended()
