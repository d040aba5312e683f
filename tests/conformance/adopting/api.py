"""The Image API of one service, asked as several people through the headers of a proxy that has authenticated them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATCH = "application/openstack-images-v2.1-json-patch"
OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class Person:
    """Somebody of a project, with roles."""

    project: str
    roles: str = "member,reader"

    def headers(self) -> dict[str, str]:
        return {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": f"{self.project}-user",
            "X-Project-Id": self.project,
            "X-Roles": self.roles,
        }


ADMIN = Person("operations", "admin,member,reader")
SERVICE = Person("service-project", "service,admin,member,reader")
ALPHA, BETA, GAMMA, STRANGER = Person("alpha"), Person("beta"), Person("gamma"), Person("stranger")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).netloc

    def ask(
        self,
        method: str,
        path: str,
        who: Person,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        kind: str = "application/json",
    ) -> Answer:
        """Any answer. `body` is bytes, or what becomes JSON."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        sent = who.headers() | dict(headers or {})
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = kind
        try:
            connection.request(method, path, body=data, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def do(self, method: str, path: str, who: Person, body: object = None, **how: Any) -> Answer:
        """An answer of success."""
        answer = self.ask(method, path, who, body, **how)
        assert answer.status < 300, f"{method} {path} as {who.project}: {answer.status} {answer.body[:500]!r}"
        return answer

    def get(self, path: str, who: Person) -> Any:
        return self.do("GET", path, who).json()

    def create(self, who: Person, **fields: object) -> str:
        return str(self.do("POST", "/v2/images", who, fields).json()["id"])

    def upload(self, image_id: str, who: Person, data: bytes, store: str | None = None) -> None:
        headers = {"X-Image-Meta-Store": store} if store else {}
        self.do("PUT", f"/v2/images/{image_id}/file", who, data, headers=headers, kind=OCTETS)

    def patch(self, image_id: str, who: Person, *operations: Mapping[str, object]) -> None:
        self.do("PATCH", f"/v2/images/{image_id}", who, list(operations), kind=PATCH)

    def pages(self, query: str, who: Person, most: int = 60) -> Iterator[Any]:
        """The pages of a listing, as `next` leads through them; a listing that never ends is cut off."""
        following: str | None = f"/v2/images?{query}"
        for _ in range(most):
            if following is None:
                return
            page = self.get(following, who)
            yield page
            following = page.get("next")


def operation(op: str, path: str, value: object = None) -> dict[str, object]:
    return {"op": op, "path": path} if op == "remove" else {"op": op, "path": path, "value": value}
