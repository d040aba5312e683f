"""A small client of the Image API for tests: says who calls in identity headers, and never hides a status."""

from __future__ import annotations

import http.client
import json
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


class Api:
    """Each call opens a connection of its own, so that a refused body cannot hurt the next call."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint).netloc

    def call(
        self, method: str, path: str, body: Any = None, *, caller: str = "owner", headers: dict[str, str] | None = None
    ) -> Answer:
        """`body` is sent as it is when bytes, else as JSON; None: none."""
        sent = {"X-Identity-Status": "Confirmed", "X-User-Id": "u-" + caller, **CALLERS[caller], **(headers or {})}
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if payload is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, path, payload, sent)
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
