"""Bytes on the wire to the data routes: whatever they are, no 5xx, no traceback, an image that is whole or queued."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.raw import Api
from tests.server.edge import until
from tests.serving import Server, running_server

pytestmark = pytest.mark.xdist_group("data-fuzz")  # the last test speaks of what the others have seen

DATA = bytes(range(256)) * 3
JUNK = st.one_of(
    st.binary(max_size=20).map(lambda junk: junk.replace(b"\r", b"").replace(b"\n", b"")),
    st.sampled_from(
        [b"", b"-1", b"+1", b"0x1", b"1e3", b"9" * 30, b"\xff\xfe", b"a, b", b";", b"\x00", b"\xd9\xa3", b"%00"]
    ),
)
SIZES = st.one_of(st.sampled_from([b"768", b"0768", b"0", b"767", b"769", b"768, 768", b" 768 "]), JUNK)
RANGES = st.one_of(
    st.builds(b"bytes=%d-%d".__mod__, st.tuples(st.integers(0, 900), st.integers(0, 900))),
    st.builds(b"bytes=%d-".__mod__, st.integers(0, 10**25)),
    st.builds(b"bytes=-%d".__mod__, st.integers(0, 10**25)),
    st.sampled_from(
        [b"bytes=0-1,2-3", b"bytes=0-1,", b"bytes", b"bytes=", b"items=0-1", b"bytes=0-0-0", b"bytes = 0 - 1"]
    ),
    JUNK,
)
MEDIA = st.one_of(
    st.sampled_from([b"application/octet-stream", b"Application/Octet-Stream;x=y", b"text/plain", b"application/*"]),
    JUNK,
)
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.just(b"x-openstack-image-size"), SIZES),
        st.tuples(st.just(b"X-Image-Meta-Store"), st.one_of(st.just(b"file"), JUNK)),
        st.tuples(st.sampled_from([b"Range", b"Content-Range", b"If-Range"]), RANGES),
        st.tuples(st.just(b"Expect"), st.sampled_from([b"100-continue", b"200-ok"])),
        st.tuples(
            st.sampled_from([b"Upgrade", b"Connection", b"TE", b"Trailer", b"Accept", b"Content-Encoding"]), JUNK
        ),
        st.tuples(st.just(b"Content-Type"), MEDIA),
        st.tuples(st.sampled_from([b"Content-Length", b"Transfer-Encoding"]), SIZES),
        st.tuples(st.sampled_from([b"X-Openstack-Request-Id", b"X-Auth-Token", b"X\xff", b"X Y", b""]), JUNK),
    ),
    max_size=4,
)
TAILS = st.sampled_from(
    [
        b"0\r\n\r\n", b"0;x=y\r\nX-Roles: admin\r\n\r\n", b"0\r\nx-openstack-image-size: 1\r\n\r\n", b"",
        b"zz\r\n", b"-1\r\n",
        b"ffffffffffffffffff\r\n", b"0\r\nbroken\r\n\r\n", b"0\n\n", b"1\r\nab\r\n",
    ]
)  # fmt: skip
WHOLE = frozenset({b"0\r\n\r\n", b"0;x=y\r\nX-Roles: admin\r\n\r\n", b"0\r\nx-openstack-image-size: 1\r\n\r\n"})


class Sent(msgspec.Struct, frozen=True):
    headers: list[tuple[bytes, bytes]]
    body: bytes
    is_whole: bool  # the body ends as its own framing says it does
    version: bytes
    target: bytes  # with {id}

    def encoded(self, method: bytes, image: str) -> bytes:
        line = b"%s %s HTTP/%s" % (method, self.target.replace(b"{id}", image.encode()), self.version)
        lines = [line, b"Host: localhost", *(b"%s: %s" % header for header in self.headers)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    headers = draw(HEADERS)
    if draw(st.integers(0, 9)):
        headers.append((b"Content-Type", b"application/octet-stream"))
    framing = draw(st.sampled_from(["length", "length", "chunked", "none", "cut"]))
    is_whole, body = True, DATA
    if framing in {"length", "cut"}:
        headers.append((b"Content-Length", b"%d" % len(DATA)))
    if framing == "cut":
        is_whole, body = False, DATA[: draw(st.integers(0, len(DATA) - 1))]
    elif framing == "chunked":
        headers.append((b"Transfer-Encoding", b"chunked"))
        tail = draw(TAILS)
        is_whole, body = tail in WHOLE, b"%x;ext\r\n%s\r\n%s" % (len(DATA), DATA, tail)
    elif framing == "none":
        body = b""
    target = draw(
        st.sampled_from(
            [
                b"/v2/images/{id}/file", b"/v2/images/{id}/file", b"/v2/images/{id}/%66ile",
                b"/v2.5/images/{id}/file?prefer=", b"http://elsewhere/v2/images/{id}/file",
                b"/v2/images/{id}/file?%ff=%00", b"/v2/images/{id}%00/file", b"/v2/images/%2e%2e/{id}/file",
                b"/v2/images/{id}/file/", b"/v2/images/%ff/file", b"//v2/images/{id}/file",
            ]
        )
    )  # fmt: skip
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0", b"2.0"]))
    return Sent(draw(st.permutations(headers)), body, is_whole, version, target)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("data-fuzz")) as running:
        yield running


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """Ends that images came to in this module."""
    return set()


def statuses(endpoint: str, request: bytes) -> list[int]:
    """Of the answers before the connection ended; our side ends when everything is sent."""
    url = urlsplit(endpoint)
    received = b""
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=10) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                received += piece
    heads = [line.split(b" ") for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return [int(head[1]) for head in heads if head[1] != b"100"]


def settled(api: Api, image: str) -> str:
    """The image's status, once a cut upload has been undone."""
    deadline = time.monotonic() + 10
    while (status := api.status_of(image)) == "saving" and time.monotonic() < deadline:
        time.sleep(0.01)  # the pause of a poll with a deadline
    return status


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=requests(), method=st.sampled_from([b"PUT", b"PUT", b"PUT", b"GET", b"POST", b"BREW"]))
def test_whatever_is_sent_an_image_is_whole_or_still_queued(
    server: Server, seen: set[str], sent: Sent, method: bytes
) -> None:
    api = Api(server.endpoint)
    image = api.new()
    answers = statuses(server.endpoint, sent.encoded(method, image))
    assert all(status < 500 or status == 501 for status in answers), answers
    status = settled(api, image)
    seen.add(status)
    if status == "active":
        assert answers[0] == 204
        assert sent.is_whole
        assert api.get(image) in {DATA, b""}
    else:
        assert status == "queued"
        assert 204 not in answers or method == b"GET"
    assert (status == "active") == ((server.data_dir / "images" / image).exists())
    assert api.delete(image) == 204


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=requests(), ranges=st.lists(RANGES, max_size=2))
def test_whatever_is_asked_for_what_comes_is_a_part_of_the_image(
    server: Server, sent: Sent, ranges: list[bytes]
) -> None:
    api = Api(server.endpoint)
    image = api.new()
    assert api.put(image, DATA) == 204
    asked = Sent(
        [*sent.headers, *((b"Range", each) for each in ranges)], sent.body, sent.is_whole, sent.version, sent.target
    )
    assert all(status < 500 or status == 501 for status in statuses(server.endpoint, asked.encoded(b"GET", image)))
    assert api.get(image) == DATA
    assert api.delete(image) == 204


def test_nothing_is_left_in_the_store_and_nothing_went_wrong_behind_the_answers(server: Server, seen: set[str]) -> None:
    """Runs last in the module."""
    assert seen == {"active", "queued"}, "both ends must be reached, or this proves nothing"
    until(lambda: not [path for path in (server.data_dir / "images").rglob("*") if path.is_file()])
    log = server.log.read_text(errors="replace")
    assert "Traceback" not in log
    assert "unexpectedly" not in log
