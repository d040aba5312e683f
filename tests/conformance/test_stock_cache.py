"""The cache through unmodified clients, and one cache folder that goes from a real Glance to ours and back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.glance import HEADERS, Glance, new_glance
from tests.backends.imported import Imported
from tests.backends.processes import CannotStart
from tests.conformance.conftest import StockClients
from tests.faults.processes import kill_tree
from tests.images.waiting import until
from tests.server.api import Api
from tests.serving import clean_environment, running_server

NODE = "http://127.0.0.1:9292"
DATA = os.urandom(500_000)
OURS = {"OS_PASTE_DEPLOY__FLAVOR": "keystone+caching", "OS_GLANCETUI__TRUSTED_PEERS": "127.0.0.1"}
GLANCECLIENT = """
import sys, time, glanceclient
glance, image = glanceclient.Client("2", endpoint=sys.argv[1], token="unused"), sys.argv[2]
state = lambda: glance.cache.list()
def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, state()
        time.sleep(0.05)
glance.cache.queue(image)
until(lambda: [entry["image_id"] for entry in state()["cached_images"]] == [image])
assert state()["queued_images"] == [], state()
assert list(glance.cache.list_cached_nodes(image)) == [sys.argv[3]]
assert b"".join(glance.images.data(image)) == open(sys.argv[4], "rb").read(), "and its hash was checked"
until(lambda: state()["cached_images"][0]["hits"] == 1)
glance.cache.delete(image)
assert state()["cached_images"] == []
b"".join(glance.images.data(image))
assert len(state()["cached_images"]) == 1
assert glance.cache.prune()["total_files_pruned"] == 0
glance.cache.clean()
for target in ("queue", "cache"):
    glance.cache.clear(target)
assert state()["cached_images"] == []
"""
SDK = """
import sys, time, openstack
cloud, image = openstack.connect(), sys.argv[1]
cloud.image.queue_image(image)
deadline = time.monotonic() + 30
while not (found := cloud.image.get_image_cache().cached_images):
    assert time.monotonic() < deadline
    time.sleep(0.05)
assert [(entry.image_id, entry.size, entry.hits) for entry in found] == [(image, int(sys.argv[2]), 0)], found
cloud.image.cache_delete_image(image)
cloud.image.clear_cache("both")
assert not cloud.image.get_image_cache().cached_images
"""


@pytest.fixture(scope="module")
def clients(stock: Imported, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockClients]:
    folder = tmp_path_factory.mktemp("cache")
    config = f"[DEFAULT]\nimage_cache_dir = {folder}/cache\nworker_self_reference_url = {NODE}\n"
    with running_server(folder, config=config) as server:
        yield StockClients(
            stock,
            server.endpoint,
            {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": server.endpoint},
            glance_flags=("--os-image-url", server.endpoint, "--os-auth-token", "unused"),
        )


@pytest.mark.timeout(120)
@pytest.mark.xdist_group("stock-cache")
def test_stock_clients_handle_the_cache(clients: StockClients, tmp_path: Path) -> None:
    api = Api(clients.endpoint)
    image_id = api.make(disk_format="raw", container_format="bare")
    api.upload(image_id, DATA)
    (tmp_path / "data").write_bytes(DATA)
    clients.python(GLANCECLIENT, clients.endpoint, image_id, NODE, str(tmp_path / "data"))
    clients.python(SDK, image_id, str(len(DATA)))
    clients.glance("cache-queue", image_id)
    until(lambda: bool(api.call("GET", "/v2/cache").json["cached_images"]))
    shown = clients.glance("cache-list")
    assert image_id in shown
    assert "cached" in shown


def cached(api: Api) -> dict[str, int]:
    """Hits by image."""
    return {
        entry["image_id"]: entry["hits"] for entry in api.call("GET", "/v2/cache", caller="admin").json["cached_images"]
    }


def made(api: Api, data: bytes) -> str:
    image_id = api.make(caller="admin", disk_format="raw", container_format="bare")
    api.upload(image_id, data, caller="admin")
    return image_id


def read(api: Api, image_id: str) -> bytes:
    answer = api.call("GET", f"/v2/images/{image_id}/file", caller="admin")
    assert answer.status == 200
    return answer.raw


def adopt(glance: Glance) -> None:
    command = [sys.executable, "-m", "glancetui", "db", "adopt", "--config-file", str(glance.conf)]
    subprocess.run(command, env=clean_environment(), capture_output=True, check=True, timeout=60)


@pytest.mark.timeout(120)
@pytest.mark.xdist_group("stock-cache")
@pytest.mark.backend("glance")
def test_a_cache_goes_from_glance_to_ours_and_back_with_its_history(venv: Path, tmp_path: Path) -> None:
    try:
        glance = new_glance(tmp_path / "glance", venv, flavor=HEADERS)
    except CannotStart as reason:
        pytest.skip(str(reason))
    with glance.running() as started:
        theirs = Api(glance.url)
        first = made(theirs, DATA)
        for _ in range(3):
            assert read(theirs, first) == DATA
        until(lambda: cached(theirs) == {first: 2})
        kill_tree(started.pid, 9)
    (glance.folder / "cache" / "incomplete" / first).write_bytes(b"half")  # as a Glance that died leaves it
    (glance.folder / "images" / first).write_bytes(bytes(len(DATA)))  # what is read from now on is the cache's
    adopt(glance)
    # Glance's pipeline is of the tests' own; ours is told of its cache by the name of one that ships.
    with running_server(
        tmp_path, auth="headers", arguments=["--config-file", str(glance.conf)], environment=OURS
    ) as server:
        ours = Api(server.endpoint)
        assert cached(ours) == {first: 2}
        assert read(ours, first) == DATA
        second = made(ours, DATA[::-1])
        assert read(ours, second) == DATA[::-1]
        until(lambda: cached(ours) == {first: 3, second: 0})
        until(lambda: not list((glance.folder / "cache" / "incomplete").iterdir()))
    (glance.folder / "images" / second).write_bytes(bytes(len(DATA)))
    with glance.running():
        theirs = Api(glance.url)
        assert (read(theirs, first), read(theirs, second)) == (DATA, DATA[::-1])
        until(lambda: cached(theirs) == {first: 4, second: 1})
        assert theirs.call("DELETE", f"/v2/cache/{second}", caller="admin").status == 204
        assert cached(theirs) == {first: 4}
