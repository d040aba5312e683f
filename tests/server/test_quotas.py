"""What a project may have, over HTTP: the options' quotas and the unified limits of a real Keystone."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.backends.keystone import Keystone
from tests.server.api import Answer, Api
from tests.server.edge import until
from tests.server.states import QUOTAS
from tests.serving import Server, running_server

AT_ONCE = 50
DATA = b"d" * 1000
MIB = 1 << 20
OCTETS = {"Content-Type": "application/octet-stream"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}


def test_of_fifty_uploads_at_once_as_many_become_images_as_the_quota_allows(tmp_path: Path) -> None:
    config = QUOTAS.replace("[DEFAULT]", "[DEFAULT]\nuser_storage_quota = 10000")
    with running_server(tmp_path, auth="headers", workers=2, config=config) as server:
        api = Api(server.endpoint)
        images = [api.make(**FORMATS) for _ in range(AT_ONCE)]

        def send(image_id: str) -> Answer:
            path = "stage" if int(image_id[0], 16) % 2 else "file"
            return api.call("PUT", f"/v2/images/{image_id}/{path}", DATA, headers=OCTETS)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            answers = list(threads.map(send, images))
        assert Counter(answer.status for answer in answers) == {204: 10, 413: 40}
        assert "Delete other images" in next(answer.raw.decode() for answer in answers if answer.status == 413)
        states = Counter(api.call("GET", f"/v2/images/{image_id}").json["status"] for image_id in images)
        assert states["queued"] == 40
        files = [path for folder in ("images", "staging") for path in (server.data_dir / folder).rglob("*")]
        assert sum(path.stat().st_size for path in files if path.is_file()) == 10 * len(DATA)


def test_tags_members_and_properties_keep_to_their_quotas_however_many_come_at_once(tmp_path: Path) -> None:
    with running_server(tmp_path, auth="headers", workers=2, config=QUOTAS) as server:
        api = Api(server.endpoint)
        image = f"/v2/images/{api.make(visibility='shared')}"
        patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}

        def send(number: int) -> int:
            if number % 3 == 0:
                return api.call("PUT", f"{image}/tags/t{number}").status
            if number % 3 == 1:
                return api.call("POST", f"{image}/members", {"member": f"m{number}"}).status
            added = [{"op": "add", "path": f"/p{number}", "value": "x"}]
            return api.call("PATCH", image, added, headers=patch).status

        with ThreadPoolExecutor(AT_ONCE) as threads:
            statuses = Counter(threads.map(send, range(AT_ONCE)))
        shown = api.call("GET", image).json
        own = [name for name in shown if name.startswith("p") and name[1:].isdigit()]
        members = api.call("GET", f"{image}/members").json["members"]
        assert set(statuses) <= {200, 204, 409, 413}  # 409: others kept changing the image
        assert (len(shown["tags"]), len(members)) == (4, 3)
        assert len(own) <= 5
        assert len(own) + 3 == statuses[200]


# -- Keystone's unified limits -----------------------------------------------------------------------------------------

LIMITS = {"image_size_total": 100, "image_stage_total": 100, "image_count_total": 100, "image_count_uploading": 100}


class Limits:
    """The image service's limits at a Keystone."""

    def __init__(self, keystone: Keystone) -> None:
        self._keystone = keystone
        service = {"name": "limited", "type": "image-limited"}  # its own: others use the image service's
        self._service = keystone.call("POST", "services", {"service": service})["service"]["id"]
        endpoint = {"service_id": self._service, "interface": "public", "region_id": "RegionOne", "url": "http://x"}
        self.endpoint = keystone.call("POST", "endpoints", {"endpoint": endpoint})["endpoint"]["id"]
        every = [self._of(name) | {"default_limit": limit} for name, limit in LIMITS.items()]
        keystone.call("POST", "registered_limits", {"registered_limits": every})

    def _of(self, name: str) -> dict[str, Any]:
        return {"service_id": self._service, "region_id": "RegionOne", "resource_name": name}

    def set(self, user: str, **limits: int) -> None:
        """For the user's project, and only these."""
        project = self._keystone.projects[user]
        for old in self._keystone.call("GET", f"limits?project_id={project}")["limits"]:
            self._keystone.call("DELETE", f"limits/{old['id']}")
        every = [self._of(name) | {"resource_limit": limit, "project_id": project} for name, limit in limits.items()]
        if every:
            self._keystone.call("POST", "limits", {"limits": every})


class Person:
    """A user with a token, in a project without images."""

    def __init__(self, server: Server, token: str) -> None:
        self._address, self._token = server.endpoint.removeprefix("http://"), token
        for image in self.call("GET", "/v2/images?limit=100").json["images"]:
            assert self.call("DELETE", f"/v2/images/{image['id']}").status == 204

    def call(self, method: str, path: str, body: Any = None, *, chunked: bool = False) -> Answer:
        headers = {"X-Auth-Token": self._token}
        if isinstance(body, bytes):
            headers |= OCTETS
        elif body is not None:
            body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            sent = iter([body]) if chunked else body
            connection.request(method, path, sent, headers, encode_chunked=chunked)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def make(self) -> str:
        made = self.call("POST", "/v2/images", FORMATS)
        assert made.status == 201, made.raw
        return str(made.json["id"])

    def send(self, image_id: str, data: bytes = DATA, *, to: str = "file", chunked: bool = False) -> int:
        return self.call("PUT", f"/v2/images/{image_id}/{to}", data, chunked=chunked).status

    def bring_in(self, image_id: str) -> int:
        return self.call("POST", f"/v2/images/{image_id}/import", {"method": {"name": "glance-direct"}}).status

    def status(self, image_id: str) -> str:
        return str(self.call("GET", f"/v2/images/{image_id}").json["status"])

    def usage(self) -> Any:
        return self.call("GET", "/v2/info/usage").json["usage"]


@pytest.fixture(scope="module")
def limits(keystone: Keystone) -> Limits:
    return Limits(keystone)


@pytest.fixture(scope="module")
def server(keystone: Keystone, limits: Limits, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = "[DEFAULT]\nuse_keystone_limits = true\n" + keystone.service_options()
    config += keystone.limit_options(limits.endpoint)
    with running_server(tmp_path_factory.mktemp("service"), auth="keystone", config=config) as running:
        yield running


@pytest.fixture
def alice(keystone: Keystone, server: Server, limits: Limits) -> Person:
    limits.set("alice")
    return Person(server, keystone.token("alice"))


real_keystone = pytest.mark.xdist_group("keystone")
PATIENT = pytest.mark.timeout(240, func_only=True)  # the first test of a run waits for Keystone's start


@real_keystone
@PATIENT
def test_as_many_images_as_the_limit_says_and_it_may_change_between_two(alice: Person, limits: Limits) -> None:
    limits.set("alice", image_count_total=3)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: alice.call("POST", "/v2/images", {}), range(8)))
    assert Counter(answer.status for answer in made) == {201: 3, 413: 5}
    over = "image_count_total is over limit of 3 due to current usage 3 and delta 1 (images)"
    assert over in next(answer.raw.decode() for answer in made if answer.status == 413)
    limits.set("alice", image_count_total=4)
    assert alice.call("POST", "/v2/images", {}).status == 201
    assert alice.call("POST", "/v2/images", {}).status == 413


@real_keystone
@PATIENT
@pytest.mark.slow(seconds=10)
def test_fifty_uploads_at_once_end_as_if_one_had_come_after_the_other(alice: Person, limits: Limits) -> None:
    limits.set("alice", **LIMITS)
    with ThreadPoolExecutor(8) as threads:
        images = list(threads.map(lambda _: alice.make(), range(AT_ONCE)))
    limits.set("alice", **{**LIMITS, "image_size_total": 4})
    data = bytes(MIB)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        statuses = Counter(threads.map(lambda image: alice.send(image, data), images))
    assert statuses == {204: 4, 413: AT_ONCE - 4}
    assert alice.usage()["image_size_total"] == {"usage": 4, "limit": 4}
    [queued, other] = [image for image in images if alice.status(image) == "queued"][:2]
    assert alice.send(queued, data, chunked=True) == 204, "it did not say how large it is"
    assert alice.send(other, data, chunked=True) == 413, "now the limit is exceeded"


@real_keystone
@PATIENT
def test_images_that_take_data_and_staged_data_have_limits_of_their_own(alice: Person, limits: Limits) -> None:
    limits.set("alice", image_count_uploading=1, image_stage_total=0)
    first, second, third = (alice.make() for _ in range(3))
    assert alice.send(first, to="stage") == 204
    assert alice.send(second, to="stage") == 413
    assert alice.send(second) == 413
    assert alice.bring_in(first) == 202
    until(lambda: alice.status(first) == "active", 20)
    assert alice.send(second) == 204
    assert alice.send(third, bytes(MIB), to="stage") == 413
    assert alice.usage() == {
        "image_size_total": {"usage": 0, "limit": 100},
        "image_stage_total": {"usage": 0, "limit": 0},
        "image_count_total": {"usage": 3, "limit": 100},
        "image_count_uploading": {"usage": 0, "limit": 1},
    }


@real_keystone
@PATIENT
def test_while_keystone_is_away_nothing_is_taken_and_images_are_still_shown(
    alice: Person, keystone: Keystone, limits: Limits
) -> None:
    image = alice.make()
    keystone.stop()
    try:
        assert alice.call("GET", f"/v2/images/{image}").status == 200
        assert alice.call("POST", "/v2/images", {}).status == 503
        assert alice.send(image) == 503
    finally:
        keystone.start()
    assert alice.send(image) == 204
