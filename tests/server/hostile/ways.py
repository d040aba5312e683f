"""Every way in which data come into an image, asked of a running service over HTTP."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.backends.web import Web
from tests.images.waiting import until
from tests.server.api import Answer, Api
from tests.serving import Server

OCTETS = {"Content-Type": "application/octet-stream"}
DIRECT = {"method": {"name": "glance-direct"}}


class Content(NamedTuple):
    disk_format: str
    container_format: str
    data: bytes


class Outcome(NamedTuple):
    """`reason` None: the data were taken. `code`: an HTTP status, or the task's error code."""

    image_id: str
    reason: str | None
    code: int | str = ""


@dataclass
class Place:
    """A service with two stores, and a web server that is its source. Files and rows are looked at behind its back."""

    api: Api
    web: Web
    server: Server
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def new(self, content: Content) -> str:
        return self.api.make(disk_format=content.disk_format, container_format=content.container_format)

    def served(self, data: bytes) -> str:
        """A path of the web server that has `data`; each is used once."""
        path = f"/{next(self.numbers)}"
        self.web.paths[path] = data
        return path

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.server.data_dir / 'glance.sqlite'}?mode=ro", uri=True, timeout=20) as db:
            found = db.execute(statement).fetchall()
        db.close()
        return found

    def files_of(self, image_id: str) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob(f"*{image_id}*"))

    def staged(self) -> list[str]:
        return sorted(path.name for path in (self.server.data_dir / "staging").iterdir() if path.name != "secret.raw")

    def stored(self) -> set[str]:
        return {str(path) for name in ("fast", "slow") for path in (self.folder / name).rglob("*") if path.is_file()}

    def task(self, image_id: str) -> dict[str, Any]:
        """The image's last task, once it is over."""
        found: list[dict[str, Any]] = []

        def is_over() -> bool:
            found[:] = self.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
            return all(task["status"] in {"success", "failure"} for task in found)

        until(is_over)
        return max(found, key=lambda task: task["created_at"])


Way = Callable[[Place, str, Content], Outcome]  # of an image that is queued


def said(image_id: str, answer: Answer) -> Outcome:
    if answer.status < 300:
        return Outcome(image_id, None)
    assert 400 <= answer.status < 500, answer.raw
    return Outcome(image_id, answer.json["message"].strip(), answer.status)


def ended(place: Place, image_id: str, answer: Answer) -> Outcome:
    """Of an import: what its task says in the end."""
    if answer.status != 202:
        return said(image_id, answer)
    task = place.task(image_id)
    if task["status"] == "success":
        return Outcome(image_id, None)
    return Outcome(image_id, task["message"], task["error_code"])


def put(place: Place, image_id: str, what: str, data: bytes, *, chunked: bool) -> Answer:
    body: Any = iter([data[at : at + 50_000] for at in range(0, len(data), 50_000)]) if chunked else data
    headers = OCTETS | {"Accept": "application/json"}
    return place.api.send("PUT", f"/v2/images/{image_id}/{what}", body, headers)


def upload(place: Place, image_id: str, content: Content, *, chunked: bool = False) -> Outcome:
    return said(image_id, put(place, image_id, "file", content.data, chunked=chunked))


def glance_direct(place: Place, image_id: str, content: Content, *, chunked: bool = False) -> Outcome:
    answer = put(place, image_id, "stage", content.data, chunked=chunked)
    if answer.status != 204:
        return said(image_id, answer)
    return ended(place, image_id, bring(place, image_id, DIRECT))


def bring(place: Place, image_id: str, body: object, headers: dict[str, str] | None = None, **more: str) -> Answer:
    sent = {"Accept": "application/json", **(headers or {})}
    return place.api.call("POST", f"/v2/images/{image_id}/import", body, headers=sent, **more)  # type: ignore[arg-type]


def web_download(place: Place, image_id: str, content: Content) -> Outcome:
    uri = place.web.url(place.served(content.data))
    return ended(place, image_id, bring(place, image_id, {"method": {"name": "web-download", "uri": uri}}))


def glance_download(place: Place, image_id: str, content: Content) -> Outcome:
    """The other region is the web server, which says of the image what `content` does."""
    remote = f"{next(place.numbers):08x}-0000-4000-8000-000000000000"
    told = {"status": "active", "disk_format": content.disk_format, "container_format": content.container_format}
    place.web.paths[f"/v2/images/{remote}"] = json.dumps(told).encode()
    place.web.paths[f"/v2/images/{remote}/file"] = content.data
    catalog = [{"type": "image", "endpoints": [{"region": "r2", "interface": "public", "url": place.web.url("")}]}]
    method = {"name": "glance-download", "glance_region": "r2", "glance_image_id": remote}
    headers = {"X-Auth-Token": "t", "X-Service-Catalog": json.dumps(catalog)}
    return ended(place, image_id, bring(place, image_id, {"method": method}, headers))


def location(place: Place, image_id: str, content: Content) -> Outcome:
    """They stay where they are; the service reads them for their hash."""
    said = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(content.data).hexdigest()}
    body = {"url": place.web.url(place.served(content.data)), "validation_data": said}
    answer = place.api.call("POST", f"/v2/images/{image_id}/locations", body, headers={"Accept": "application/json"})
    return ended(place, image_id, answer)


WAYS: dict[str, Way] = {
    "upload": upload,
    "chunked upload": functools.partial(upload, chunked=True),
    "glance-direct": glance_direct,
    "chunked glance-direct": functools.partial(glance_direct, chunked=True),
    "web-download": web_download,
    "glance-download": glance_download,
    "location": location,
}
