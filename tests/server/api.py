"""A small client of the Image API for tests: says who calls in identity headers, and never hides a status."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

CALLERS = {
    "admin": {"X-Project-Id": "ops", "X-Roles": "admin,member,reader"},
    "owner": {"X-Project-Id": "p1", "X-Roles": "member,reader"},
    "reader": {"X-Project-Id": "p1", "X-Roles": "reader"},
    "nobody": {"X-Project-Id": "p1", "X-Roles": ""},
    "other": {"X-Project-Id": "p2", "X-Roles": "member,reader"},
    "service": {"X-Project-Id": "p1", "X-Roles": "member,reader", "X-Service-Roles": "service"},
    "stranger": {"X-Project-Id": "p5", "X-Roles": "member,reader"},
}


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]  # names in lower case
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class LocalConnection(http.client.HTTPConnection):
    """Over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """Each call opens a connection of its own, so that a refused body cannot hurt the next call. `endpoint`:
    http://HOST:PORT, or unix:PATH."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def _connection(self) -> http.client.HTTPConnection:
        if self._endpoint.startswith("unix:"):
            return LocalConnection(self._endpoint.removeprefix("unix:"))
        return http.client.HTTPConnection(urlsplit(self._endpoint).netloc, timeout=30)

    def call(
        self, method: str, path: str, body: Any = None, *, caller: str = "owner", headers: dict[str, str] | None = None
    ) -> Answer:
        """`body` is sent as it is when bytes, else as JSON; None: none."""
        sent = {"X-Identity-Status": "Confirmed", "X-User-Id": "u-" + caller, **CALLERS[caller], **(headers or {})}
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if payload is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
        return self._exchange(method, path, payload, sent)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes],
        headers: dict[str, str],
        caller: str = "owner",
    ) -> Answer:
        """Data as they are; an iterator's as chunks. An answer may come before they are all sent."""
        identity = {"X-Identity-Status": "Confirmed", "X-User-Id": "u-" + caller, **CALLERS[caller]}
        return self._exchange(method, path, body, identity | headers)

    def _exchange(self, method: str, path: str, payload: Any, headers: dict[str, str]) -> Answer:
        connection = self._connection()
        try:
            with contextlib.suppress(ConnectionError):  # a refused body is not read to its end
                connection.request(method, path, payload, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def make(self, caller: str = "owner", **attributes: Any) -> str:
        """The id of a new image."""
        made = self.call("POST", "/v2/images", attributes, caller=caller)
        assert made.status == 201, made.raw
        return str(made.json["id"])

    def upload(self, image_id: str, data: bytes = b"data", caller: str = "owner") -> None:
        answer = self.call(
            "PUT",
            f"/v2/images/{image_id}/file",
            data,
            caller=caller,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert answer.status == 204, answer.raw

    def patch(self, image_id: str, *operations: dict[str, Any], caller: str = "owner") -> Answer:
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        return self.call("PATCH", f"/v2/images/{image_id}", list(operations), caller=caller, headers=headers)

    def show(self, image_id: str, caller: str = "admin") -> Any:
        """The image as JSON; None where there is none for the caller."""
        answer = self.call("GET", f"/v2/images/{image_id}", caller=caller)
        return answer.json if answer.status == 200 else None

    def ids(self, query: str = "", caller: str = "owner") -> list[str]:
        answer = self.call("GET", f"/v2/images?{query}", caller=caller)
        assert answer.status == 200, answer.raw
        return [image["id"] for image in answer.json["images"]]
