from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from glancetui.config.settings import FetchSettings
from glancetui.errors import BadRequest, FetchFailed
from glancetui.fetch.fetcher import HEAD_BYTES, Fetched, Fetcher
from glancetui.fetch.filter import Filter
from tests.backends.web import Web, cut_after, held_back, redirect, web_server


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as running:
        yield running


def fetcher(web: Web, **more: object) -> Fetcher:
    settings = FetchSettings(allowed_hosts=("127.0.0.1",), allowed_ports=(web.port,), **more)  # type: ignore[arg-type]
    return Fetcher(Filter(settings), settings)


def whole(fetched: Fetched, step: int = 70_000) -> bytes:
    data, piece = b"", memoryview(bytearray(step))
    while count := fetched.read_into(piece):
        data += piece[:count]
    return data


def test_a_body_comes_whole_with_its_size_known(web: Web) -> None:
    web.paths["/a?b=c"] = data = bytes(range(256)) * 4000
    with fetcher(web).open(web.url("/a?b=c")) as fetched:
        assert fetched.declared_size == len(data)
        assert whole(fetched) == data


def test_a_chunked_body_comes_whole(web: Web) -> None:
    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(50):
            handler.wfile.write(b"a\r\n0123456789\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    web.paths["/chunked"] = chunked
    with fetcher(web).open(web.url("/chunked")) as fetched:
        assert fetched.declared_size is None
        assert whole(fetched) == b"0123456789" * 50


@pytest.mark.parametrize("lengths", [["-5"], ["abc"], ["3", "5"], ["3, 5"], [""]])
def test_a_length_that_makes_no_sense_is_no_length(web: Web, lengths: list[str]) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for length in lengths:
            handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(b"hello")

    web.paths["/odd"] = answer
    with pytest.raises(FetchFailed, match="makes no sense") as caught, fetcher(web).open(web.url("/odd")):
        pass
    assert caught.value.code == "no-http"


def test_a_redirect_is_followed_where_its_target_may_be_read(web: Web) -> None:
    web.paths |= {"/from": redirect("/to"), "/to": b"there"}
    with fetcher(web).open(web.url("/from")) as fetched:
        assert whole(fetched) == b"there"


@pytest.mark.parametrize(
    "place",
    ["http://127.0.0.1:1/", "http://localhost:{port}/", "http://2130706433:{port}/", "ftp://127.0.0.1/", "file:///etc/passwd",
     "http://[::ffff:127.0.0.1]:{port}/", "//169.254.169.254/", "http://u:p@127.0.0.1:{port}/"],
)  # fmt: skip
def test_a_redirect_passes_the_same_filter(web: Web, place: str) -> None:
    web.paths["/from"] = redirect(place.format(port=web.port))
    with pytest.raises(BadRequest), fetcher(web).open(web.url("/from")):
        pass
    assert web.asked == ["/from"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("/none", "refused"), ("/loop", "too-many-redirects"), ("/nowhere", "no-http"), ("/rubbish", "no-http")],
)
def test_answers_that_are_no_data_have_a_code(web: Web, path: str, code: str) -> None:
    web.paths |= {
        "/loop": redirect("/loop"),
        "/nowhere": redirect(""),
        "/rubbish": lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"),
    }
    with pytest.raises(FetchFailed) as failure, fetcher(web).open(web.url(path)):
        pass
    assert failure.value.code == code


def test_a_body_that_ends_early_never_looks_whole(web: Web) -> None:
    web.paths["/cut"] = cut_after(bytes(500_000), 300_000)
    with fetcher(web).open(web.url("/cut")) as fetched, pytest.raises(FetchFailed) as failure:
        whole(fetched)
    assert failure.value.code == "broken-off"


def test_a_sender_that_falls_silent_is_given_up(web: Web) -> None:
    never, reached = threading.Event(), threading.Event()
    web.paths["/silent"] = held_back(bytes(200_000), 100_000, never, reached)
    began = time.monotonic()
    with pytest.raises(FetchFailed) as failure, fetcher(web, idle_seconds=0.5).open(web.url("/silent")) as fetched:
        whole(fetched)
    never.set()
    assert failure.value.code == "stalled"
    assert time.monotonic() - began < 20


def test_a_sender_that_drips_is_given_up_when_the_whole_time_is_over(web: Web) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not stop.wait(0.05):
            handler.wfile.write(b"x")

    web.paths["/drip"] = drip
    with pytest.raises(FetchFailed) as failure, fetcher(web, most_seconds=1).open(web.url("/drip")) as fetched:
        whole(fetched)
    stop.set()
    assert failure.value.code == "too-slow"


@pytest.mark.parametrize("endless", [b"X-A: " + b"a" * 1000 + b"\r\n", b"a"])
def test_a_head_without_end_is_not_read_to_it(web: Web, endless: bytes) -> None:
    sent = 0

    def pour(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(50_000_000 // len(endless) // 1000 or 1):
            handler.wfile.write(endless * 1000)
            sent += len(endless) * 1000

    web.paths["/pour"] = pour
    with pytest.raises(FetchFailed) as failure, fetcher(web).open(web.url("/pour")):
        pass
    assert failure.value.code in {"too-large", "no-http"}
    assert sent < HEAD_BYTES + 20_000_000  # what the sockets' own buffers hold


def test_framing_that_carries_next_to_nothing_is_not_read_to_its_end(web: Web) -> None:
    def pad(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(2_000):
            handler.wfile.write(b"1;" + b"p" * 10_000 + b"\r\nx\r\n")

    web.paths["/pad"] = pad
    with pytest.raises(FetchFailed) as failure, fetcher(web).open(web.url("/pad")) as fetched:
        whole(fetched)
    assert failure.value.code == "too-large"


def test_no_proxy_of_the_environment_stands_between(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    web.paths["/a"] = b"direct"
    with fetcher(web).open(web.url("/a")) as fetched:
        assert whole(fetched) == b"direct"


def test_nobody_there_is_said_so(free_port: int) -> None:
    settings = FetchSettings(allowed_hosts=("127.0.0.1",), allowed_ports=(free_port,))
    with (
        pytest.raises(FetchFailed) as failure,
        Fetcher(Filter(settings), settings).open(f"http://127.0.0.1:{free_port}/"),
    ):
        pass
    assert failure.value.code == "unreachable"


def test_a_header_that_could_forge_others_is_never_sent(web: Web) -> None:
    with pytest.raises(FetchFailed), fetcher(web).open(web.url("/a"), {"X-Auth-Token": "a\r\nX: y"}):
        pass
    assert web.asked == []


def test_https_needs_a_certificate_that_is_trusted(web: Web) -> None:
    with pytest.raises(FetchFailed) as failure, fetcher(web).open(f"https://127.0.0.1:{web.port}/"):
        pass
    assert failure.value.code == "no-trust"
