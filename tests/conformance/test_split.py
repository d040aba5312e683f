"""The whole way of an image through `serve api` beside `serve registry`: the same contract, the same bytes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.api import Api
from tests.server.edge import until
from tests.server.states import QUOTAS
from tests.serving import Server, beside, running_registry, running_server

DATA = random.Random(11).randbytes(3_000_001)
FORMATS = {"disk_format": "raw", "container_format": "bare"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("split")
    with (
        running_registry(folder, workers=2),
        running_server(folder, auth="headers", workers=2, config=QUOTAS, arguments=beside(folder)) as started,
    ):
        yield started


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server.endpoint)


def test_an_image_is_made_filled_read_changed_shared_and_deleted(api: Api, server: Server) -> None:
    image = api.make(name="дискета 💾", tags=["b", "a"], os_distro="debian", **FORMATS)
    api.upload(image, DATA)
    shown = api.show(image, "owner")
    assert (shown["status"], shown["size"], shown["tags"]) == ("active", len(DATA), ["a", "b"])
    assert shown["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    path = f"/v2/images/{image}/file"
    assert api.call("GET", path).raw == DATA
    part = api.call("GET", path, headers={"Range": "bytes=1000000-1999999"})
    assert (part.status, part.raw) == (206, DATA[1_000_000:2_000_000])
    changed = api.patch(
        image, {"op": "replace", "path": "/name", "value": "new"}, {"op": "remove", "path": "/os_distro"}
    )
    assert (changed.status, changed.json["name"], "os_distro" in changed.json) == (200, "new", False)
    assert api.call("PUT", f"/v2/images/{image}/tags/c").status == 204
    assert api.call("POST", f"/v2/images/{image}/members", {"member": "p2"}).status == 200
    assert api.call("PUT", f"/v2/images/{image}/members/p2", {"status": "accepted"}, caller="other").status == 200
    assert image in api.ids(caller="other")
    assert api.call("DELETE", f"/v2/images/{image}").status == 204
    assert api.show(image) is None
    until(lambda: not any(image in str(file) for file in server.data_dir.glob("images/**/*")), 20)


def test_refusals_come_through_as_what_they_are(api: Api) -> None:
    image = api.make(name="x", **FORMATS)
    assert api.call("POST", "/v2/images", {"id": image}).status == 409
    assert api.call("GET", f"/v2/images/{image}", caller="stranger").status == 404
    assert api.call("GET", "/v2/images?marker=nowhere").status == 400
    assert api.call("DELETE", f"/v2/images/{image}/tags/none").status == 404
    statuses = [api.call("PUT", f"/v2/images/{image}/tags/t{number}").status for number in range(5)]
    assert statuses == [204, 204, 204, 204, 413]
    other = api.make(name="y", disk_format="qcow2", container_format="bare")
    octets = {"Content-Type": "application/octet-stream"}
    assert api.call("PUT", f"/v2/images/{other}/file", b"no qcow2", headers=octets).status == 415
    assert api.show(other)["status"] == "queued"


def test_pages_of_a_long_listing_are_whole_and_in_order(api: Api) -> None:
    made = [api.make(name=f"page-{number:03}", caller="other", owner="p2") for number in range(30)]
    seen: list[str] = []
    link = "/v2/images?limit=7&sort=name:asc&owner=p2&name=in:" + ",".join(f"page-{n:03}" for n in range(30))
    while link:
        answer = api.call("GET", link, caller="other").json
        seen += [image["id"] for image in answer["images"]]
        link = answer.get("next")
    assert seen == made


def test_only_the_registry_opens_the_database(api: Api, server: Server) -> None:
    api.make(name="x")
    for worker in server.workers():
        opened = [str(fd.readlink()) for fd in Path(f"/proc/{worker}/fd").iterdir() if fd.is_symlink()]
        assert not [name for name in opened if "glance.sqlite" in name]
        assert "sqlalchemy" not in Path(f"/proc/{worker}/maps").read_text()
