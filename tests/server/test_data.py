"""Image data over HTTP: the table of contract §10, against a running server."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import socket
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from tests.serving import running_server

OCTETS = {"Content-Type": "application/octet-stream"}
DATA = random.Random(7).randbytes(300_001)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Api:
    def __init__(self, endpoint: str) -> None:
        url = urllib.parse.urlsplit(endpoint)
        self.host, self.port = url.hostname or "", url.port or 80

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})  # type: ignore[arg-type]
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes | None = None) -> Answer:
        """With headers in any number and order."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.putrequest(method, path)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def new(self, **attributes: object) -> str:
        body = json.dumps({"name": "x", "disk_format": "raw", "container_format": "bare"} | attributes)
        answer = self.call("POST", "/v2/images", body, {"Content-Type": "application/json"})
        assert answer.status == 201, answer
        return str(json.loads(answer.body)["id"])

    def put(self, image: str, data: object, **headers: str) -> Answer:
        return self.call("PUT", f"/v2/images/{image}/file", data, OCTETS | headers)

    def get(self, image: str, query: str = "", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("GET", f"/v2/images/{image}/file{query}", None, sent)

    def show(self, image: str) -> dict[str, object]:
        answer = self.call("GET", f"/v2/images/{image}")
        assert answer.status == 200, answer
        return dict(json.loads(answer.body))

    def uploaded(self, data: bytes = DATA, **attributes: object) -> str:
        image = self.new(**attributes)
        assert self.put(image, data).status == 204
        return image


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_server(tmp_path_factory.mktemp("data")) as server:
        yield Api(server.endpoint)


def pieces(data: bytes, size: int = 50_000) -> Iterator[bytes]:
    """http.client sends an iterable in chunks."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [0, 1, 65_536, 300_001, 5_000_000])
def test_what_is_put_is_what_is_got(api: Api, framing: str, size: int) -> None:
    data = random.Random(size).randbytes(size)
    image = api.new()
    answer = api.put(image, data if framing == "length" else pieces(data))
    assert (answer.status, answer.body) == (204, b"")
    shown = api.show(image)
    assert (shown["status"], shown["size"]) == ("active", size)
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert shown["os_hash_value"] == hashlib.sha512(data).hexdigest()
    got = api.get(image)
    assert (got.status, got.body) == (200, data)
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-MD5"] == shown["checksum"]
    assert got.headers["Content-Length"] == str(size)
    assert got.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ({"Range": "bytes=0-0"}, 0, 0),
        ({"Range": "bytes=100-299"}, 100, 299),
        ({"Range": "bytes=300000-"}, 300_000, 300_000),
        ({"Range": "bytes=-7"}, 299_994, 300_000),
        ({"Range": "bytes=10-999999"}, 10, 300_000),
        ({"Content_Range": "bytes 5-9/*"}, 5, 9),
    ],
)
def test_a_range_is_answered_206(api: Api, header: dict[str, str], first: int, last: int) -> None:
    answer = api.get(api.uploaded(), **header)
    assert (answer.status, answer.body) == (206, DATA[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/300001"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert "Content-MD5" not in answer.headers


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"Range": "bytes=300001-"}, 416),
        ({"Range": "bytes=9-3"}, 416),
        ({"Range": "bytes=x"}, 416),
        ({"Range": "lines=1-2"}, 416),
        ({"Range": "bytes=0-1,5-6"}, 400),
        ({"Content_Range": "bytes 5-300001/*"}, 416),
        ({"Content_Range": "bytes */*"}, 416),
    ],
)
def test_a_range_that_cannot_be_served_is_refused(api: Api, header: dict[str, str], status: int) -> None:
    assert api.get(api.uploaded(), **header).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("Range", "bytes=0-1"), ("Range", "bytes=2-3")), 400),
        ((("Content-Range", "bytes 0-1/*"), ("Content-Range", "bytes 2-3/*")), 416),
        ((("Range", "bytes=0-1"), ("Content-Range", "bytes 2-3/*")), 206),
    ],
)
def test_a_range_that_is_said_twice_is_not_guessed_at(
    api: Api, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    assert api.send("GET", f"/v2/images/{api.uploaded()}/file", headers).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("x-openstack-image-size", "5"), ("x-openstack-image-size", "6")), 400),
        ((("x-openstack-image-size", "6"), ("x-openstack-image-size", "5")), 400),
        ((("Content-Type", "text/plain"),), 415),
        ((("X-Image-Meta-Store", "file"), ("X-Image-Meta-Store", "other")), 400),
    ],
)
def test_of_two_contradicting_headers_none_wins(api: Api, headers: tuple[tuple[str, str], ...], status: int) -> None:
    image = api.new()
    given = (*OCTETS.items(), *headers)
    assert api.send("PUT", f"/v2/images/{image}/file", given, b"hello").status == status
    assert api.show(image)["status"] == "queued"


def test_fields_behind_the_last_chunk_say_nothing_about_the_image(api: Api) -> None:
    image = api.new()
    with socket.create_connection((api.host, api.port), timeout=10) as sender:
        head = f"PUT /v2/images/{image}/file HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        body = "5\r\nhello\r\n0\r\nX-Openstack-Image-Size: 9\r\nX-Image-Meta-Store: other\r\n\r\n"
        sender.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n{body}".encode())
        assert b" 204 " in sender.recv(1000)
    assert api.get(image).body == b"hello"


def test_a_body_is_refused_where_data_is_fetched(api: Api) -> None:
    assert api.call("GET", f"/v2/images/{api.uploaded(b'x')}/file", b"{}").status == 400


def test_an_image_without_data_answers_204(api: Api) -> None:
    image = api.new()
    assert api.get(image).status == 204
    assert api.get(image, Range="bytes=0-1").status == 204


def test_unknown_images_are_404_for_both(api: Api) -> None:
    for image in ("nope", "3f9cf8e4-ae0c-4f86-8c9f-0f5c4a3c0000"):
        assert api.get(image).status == 404
        assert api.put(image, b"x").status == 404


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/json", "application/octet-streams", "x"])
def test_data_of_another_media_type_is_415_and_changes_nothing(api: Api, kind: str | None) -> None:
    image = api.new()
    headers = {} if kind is None else {"Content-Type": kind}
    assert api.call("PUT", f"/v2/images/{image}/file", b"x", headers).status == 415
    assert api.show(image)["status"] == "queued"
    answer = api.call("PUT", f"/v2/images/{image}/file", b"x", {"Content-Type": "Application/Octet-Stream; x=y"})
    assert answer.status == 204


@pytest.mark.parametrize("size", ["-1", "x", "1.0", "", " ", "0x3", "٣", "9" * 30])
def test_a_declared_size_that_is_no_size_is_400(api: Api, size: str) -> None:
    image = api.new()
    headers = {"x-openstack-image-size": size.encode().decode("latin-1")}
    assert api.put(image, b"abc", **headers).status == 400
    assert api.show(image)["status"] == "queued"


@pytest.mark.parametrize("declared", ["2", "4", "0"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_data_shorter_or_longer_than_declared_is_400_and_a_second_try_works(
    api: Api, declared: str, framing: str
) -> None:
    image = api.new()
    data = b"abc" if framing == "length" else pieces(b"abc", 1)
    assert api.put(image, data, **{"x-openstack-image-size": declared}).status == 400
    shown = api.show(image)
    assert (shown["status"], shown["size"], shown["checksum"]) == ("queued", None, None)
    assert api.put(image, pieces(b"abc"), **{"x-openstack-image-size": "3"}).status == 204


@pytest.mark.parametrize("store", ["nosuch", "os_glance_staging_store", "os_glance_tasks_store"])
def test_an_unknown_or_reserved_store_is_400(api: Api, store: str) -> None:
    image = api.new()
    assert api.put(image, b"x", **{"X-Image-Meta-Store": store}).status == 400
    assert api.show(image)["status"] == "queued"


def test_a_second_upload_is_409_and_the_first_stays(api: Api) -> None:
    image = api.uploaded(b"first")
    assert api.put(image, b"second").status == 409
    assert api.get(image).body == b"first"


def test_data_for_an_image_without_formats_is_400(api: Api) -> None:
    image = api.new(disk_format=None)
    assert api.put(image, b"x").status == 400


def test_content_that_is_not_what_it_claims_is_415(api: Api) -> None:
    image = api.new(disk_format="qcow2")
    assert api.put(image, DATA).status == 415
    assert api.show(image)["status"] == "queued"


def test_prefer_on_a_server_with_one_store_is_400(api: Api) -> None:
    assert api.get(api.uploaded(b"x"), "?prefer=file").status == 400


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "HEAD"])
def test_other_methods_are_405(api: Api, method: str) -> None:
    answer = api.call(method, f"/v2/images/{api.new()}/file")
    assert answer.status == 405
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "PUT"}


def test_a_deactivated_image_is_still_served_to_administrators(api: Api) -> None:
    image = api.uploaded(b"x")
    assert api.call("POST", f"/v2/images/{image}/actions/deactivate").status == 204
    assert api.get(image).body == b"x"


def test_an_upload_may_wait_for_100_continue(api: Api) -> None:
    image = api.new()
    with socket.create_connection((api.host, api.port), timeout=10) as sender:
        head = f"PUT /v2/images/{image}/file HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        sender.sendall(f"{head}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n".encode())
        assert sender.recv(100).startswith(b"HTTP/1.1 100")
        sender.sendall(b"hello")
        assert b" 204 " in sender.recv(1000)
    assert api.get(image).body == b"hello"


def test_requests_on_one_connection_follow_each_other(api: Api) -> None:
    image = api.new()
    connection = http.client.HTTPConnection(api.host, api.port, timeout=10)
    for method, body, status in (("PUT", DATA, 204), ("GET", None, 200), ("GET", None, 200), ("PUT", b"x", 409)):
        connection.request(method, f"/v2/images/{image}/file", body, OCTETS)
        response = connection.getresponse()
        content = response.read()
        assert response.status == status
        if status == 200:
            assert content == DATA
    connection.close()
