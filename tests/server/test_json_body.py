"""JSON bodies arrive whole, within bounds and in time, or are refused; and the connection can say why."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.server.api import Api
from tests.serving import running_server

CONFIG = "[glancetui]\nbody_idle_seconds = 1\nmax_json_bytes = 5000\n"
HEAD = b"POST /v2/images HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("bodies"), config=CONFIG) as server:
        yield server.endpoint


def exchange(endpoint: str, *pieces: bytes, finish: bool = True) -> bytes:
    """The start of what the service says to `pieces`; `finish`: our end of the connection closes first."""
    host, _, port = urlsplit(endpoint).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while b"}" not in answer and (piece := connection.recv(65536)):
            answer += piece
        return answer


def count(endpoint: str) -> int:
    return len(Api(endpoint).ids("limit=1000&visibility=all"))


def test_body_in_many_chunks_is_one_body(endpoint: str) -> None:
    body = json.dumps({"name": "in chunks"}).encode()
    chunks = [b"%x\r\n%s\r\n" % (len(body[at : at + 3]), body[at : at + 3]) for at in range(0, len(body), 3)]
    head = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = exchange(endpoint, head, *chunks, b"0\r\n\r\n", finish=False)
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b"in chunks" in answer


def test_body_that_is_cut_short_creates_nothing(endpoint: str) -> None:
    before = count(endpoint)
    exchange(endpoint, HEAD + b"Content-Length: 20\r\n\r\n{}")
    exchange(endpoint, HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
    assert count(endpoint) == before


def test_body_that_stalls_is_given_up(endpoint: str) -> None:
    before = count(endpoint)
    answer = exchange(endpoint, HEAD + b"Content-Length: 20\r\n\r\n{}", finish=False)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert count(endpoint) == before


def test_body_beyond_the_bound_is_refused_before_it_has_come(endpoint: str) -> None:
    before = count(endpoint)
    body = b'{"name": "' + b"x" * 6000
    answer = exchange(endpoint, HEAD + b"Content-Length: 900000000\r\nConnection: close\r\n\r\n" + body, finish=False)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert count(endpoint) == before


def test_empty_chunked_body_is_no_body(endpoint: str) -> None:
    head = (
        b"DELETE /v2/images/nope HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    assert exchange(endpoint, head, b"0\r\n\r\n", finish=False).startswith(b"HTTP/1.1 404 ")
    assert exchange(endpoint, head, b"1\r\nx\r\n0\r\n\r\n", finish=False).startswith(b"HTTP/1.1 400 ")
