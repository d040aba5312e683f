"""The cache as clients of a running service meet it: every answer of the contract, and what is on the disk after it."""

from __future__ import annotations

import gzip
import http.client
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from glancetui.cache.folder import CacheFolder
from tests.cache.test_folder import HALF, filler
from tests.faults.processes import kill_tree
from tests.images.waiting import until
from tests.server.api import Api
from tests.server.contract import UNKNOWN, Case, call
from tests.server.states import image_in
from tests.serving import Server, running_server

DATA = os.urandom(3 << 20)
LISTED = ("id", "image_id", "last_accessed", "last_modified", "size", "hits", "checksum")


def config(folder: Path, flavor: str = "keystone+cachemanagement", more: str = "") -> str:
    return (
        f"[DEFAULT]\nimage_cache_dir = {folder}/cache\nworker_self_reference_url = http://w1:9292\n{more}\n"
        f"[paste_deploy]\nflavor = {flavor}\n[glancetui]\ntrusted_peers = 127.0.0.1\n"
    )


class Node:
    """A service with a cache."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.api = server, folder / "cache", Api(server.endpoint)

    def ask(self, method: str, path: str, status: int, **more: Any) -> Any:
        answer = self.api.call(method, path, **({"caller": "admin"} | more))
        assert answer.status == status, answer.raw
        return answer

    def state(self) -> tuple[list[str], list[str]]:
        shown = self.ask("GET", "/v2/cache", 200).json
        return [entry["image_id"] for entry in shown["cached_images"]], shown["queued_images"]

    def active(self, data: bytes = DATA) -> str:
        image_id = self.api.make(disk_format="raw", container_format="bare", visibility="private")
        self.api.upload(image_id, data)
        return image_id

    def cached(self, data: bytes = DATA) -> str:
        image_id = self.active(data)
        assert self.read(image_id) == data
        return image_id

    def read(self, image_id: str, **more: Any) -> bytes:
        return bytes(self.ask("GET", f"/v2/images/{image_id}/file", 200, **more).raw)

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("cache")
    limit = f"image_cache_max_size = {2 * len(DATA)}\nimage_cache_stall_time = 1000"
    with running_server(folder, auth="headers", config=config(folder, more=limit), workers=2) as server:
        yield Node(server, folder)


@pytest.fixture
def node(shared: Node) -> Node:
    shared.ask("DELETE", "/v2/cache", 204)
    shared.ask("POST", "/v2/cache/clean", 200)
    assert shared.files() == []
    return shared


# -- what is refused ---------------------------------------------------------------------------------------------------

ROUTES = (
    ("GET", "/v2/cache"),
    ("DELETE", "/v2/cache"),
    ("PUT", "/v2/cache/{id}"),
    ("DELETE", "/v2/cache/{id}"),
    ("GET", "/v2/cache/nodes/{id}"),
    ("POST", "/v2/cache/clean"),
    ("POST", "/v2/cache/prune"),
    ("GET", "/v2/cached_images"),
    ("DELETE", "/v2/cached_images"),
    ("DELETE", "/v2/cached_images/{id}"),
    ("GET", "/v2/queued_images"),
    ("DELETE", "/v2/queued_images"),
    ("PUT", "/v2/queued_images/{id}"),
    ("DELETE", "/v2/queued_images/{id}"),
)
TARGET = "x-image-cache-clear-target"
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD")
PATHS = sorted({path for _, path in ROUTES})
NAMED_LIKE_IDS = tuple((method, f"/v2/cache/{name}") for method in ("PUT", "DELETE") for name in ("clean", "prune"))
ADMIN = {"caller": "admin", "state": "active"}

REFUSALS = (
    *(call("not an administrator", 403, *route, state="active") for route in ROUTES),
    *(call("a body where none belongs", 400, *route, body={}, **ADMIN) for route in ROUTES),
    *(
        call("no such method here", 405, method, path, **ADMIN)
        for path in PATHS
        for method in METHODS
        if (method, path) not in ROUTES and (method, path) not in NAMED_LIKE_IDS
    ),
    *(call("no image of this name", 404, *route, **ADMIN) for route in NAMED_LIKE_IDS),
    *(
        call("another project's image", 404, method, path, state="active", caller="other")
        for method, path in (("PUT", "/v2/cache/{id}"), ("DELETE", "/v2/cache/{id}"))
    ),
    *(
        call("no such image", 404, method, path, **ADMIN)
        for method, path in (
            ("PUT", f"/v2/cache/{UNKNOWN}"),
            ("DELETE", f"/v2/cache/{UNKNOWN}"),
            ("GET", f"/v2/cache/nodes/{UNKNOWN}"),
            ("PUT", "/v2/cache/..%2f..%2fetc"),
            ("DELETE", "/v2/cache/no-uuid"),
        )
    ),
    call("a wrong target is none of theirs", 403, "DELETE", "/v2/cache", headers={TARGET: "all"}, state="active"),
    call("not active", 400, "PUT", "/v2/cache/{id}", caller="admin", state="queued"),
    call("deactivated", 400, "PUT", "/v2/cache/{id}", caller="admin", state="deactivated"),
    *(
        call(f"target {target}", 400, "DELETE", "/v2/cache", headers={TARGET: target}, **ADMIN)
        for target in ("all", "cache,queue", "cache;", "é")
    ),
    *(call("a slash at the end", 404, "GET", path + "/", **ADMIN) for path in PATHS),
)


def case_id(case: Case) -> str:
    return f"{case.method} {case.path} {case.why} by {case.caller}: {case.status}"


@pytest.fixture(scope="module")
def holder(shared: Node) -> str:
    """An image that is in the cache while others are refused."""
    return shared.cached()


@pytest.mark.parametrize("case", REFUSALS, ids=case_id)
def test_refusal_has_its_status_and_changes_nothing(shared: Node, holder: str, case: Case) -> None:
    if holder not in shared.state()[0]:
        shared.read(holder)
    image_id = image_in(shared.api, case.state)
    before = shared.files(), shared.state()
    headers = {"Accept": "application/json", **case.headers}
    answer = shared.api.call(
        case.method, case.path.replace("{id}", image_id), case.body, caller=case.caller, headers=headers
    )
    assert answer.status == case.status, answer.raw
    assert (shared.files(), shared.state()) == before
    if case.method != "HEAD":
        assert answer.json["message"].strip()
    if case.status == 405:
        assert set(answer.headers["allow"].split(", ")) == {method for method, path in ROUTES if path == case.path} | (
            {"PUT", "DELETE"} if case.path in {"/v2/cache/clean", "/v2/cache/prune"} else set()
        )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_server(tmp_path_factory.mktemp("plain"), auth="headers", config=config(Path("/"), "").replace(
        "image_cache_dir", "#"
    )) as server:  # fmt: skip
        yield Api(server.endpoint)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_node_without_a_cache_has_none_of_it(plain: Api, method: str, path: str) -> None:
    answer = plain.call(method, path.replace("{id}", UNKNOWN), caller="admin", headers={"Accept": "application/json"})
    assert answer.status == 404
    assert answer.json["message"].strip()
    assert plain.call(method, path.replace("{id}", UNKNOWN), caller="reader").status == 403  # is not told so


def test_the_versions_tell_of_a_cache(shared: Node, plain: Api) -> None:
    assert [version["id"] for version in shared.ask("GET", "/", 300).json["versions"]][:5] == [
        "v2.18", "v2.17", "v2.16", "v2.15", "v2.14",
    ]  # fmt: skip
    assert plain.call("GET", "/").json["versions"][0]["id"] == "v2.17"


# -- what is answered --------------------------------------------------------------------------------------------------


def test_a_read_fills_and_the_next_is_a_hit(node: Node) -> None:
    image_id = node.cached()
    shown = node.ask("GET", "/v2/cache", 200).json
    (entry,) = shown["cached_images"]
    assert tuple(entry) == LISTED
    assert (entry["image_id"], entry["size"], entry["hits"]) == (image_id, len(DATA), 0)
    assert entry["checksum"] == node.api.show(image_id)["checksum"]
    assert entry["last_modified"] == pytest.approx((node.folder / image_id).stat().st_mtime, abs=60)
    assert node.files() == [image_id]
    answer = node.ask("GET", f"/v2/images/{image_id}/file", 200)
    assert answer.raw == DATA
    assert answer.headers["content-md5"] == entry["checksum"]
    until(lambda: node.ask("GET", "/v2/cache", 200).json["cached_images"][0]["hits"] == 1)
    (again,) = node.ask("GET", "/v2/cache", 200).json["cached_images"]
    assert again["last_accessed"] > entry["last_accessed"]


def test_cached_bytes_are_what_is_sent(node: Node) -> None:
    """And not the store's: those are changed here."""
    image_id = node.cached()
    (node.server.data_dir / "images" / image_id).write_bytes(bytes(len(DATA)))
    assert node.read(image_id) == DATA
    part = node.ask("GET", f"/v2/images/{image_id}/file", 206, headers={"Range": "bytes=5-1000004"})
    assert part.raw == DATA[5:1000005]
    assert part.headers["content-range"] == f"bytes 5-1000004/{len(DATA)}"
    old = node.ask("GET", f"/v2/images/{image_id}/file", 206, headers={"Content-Range": "bytes 0-9/*"})
    assert old.raw == DATA[:10]
    node.ask("GET", f"/v2/images/{image_id}/file", 416, headers={"Range": f"bytes={len(DATA)}-"})
    assert node.read(image_id, headers={"Accept-Encoding": "gzip"}) == DATA


def test_answers_of_json_are_compressed_for_those_who_take_it(node: Node) -> None:
    """As Glance's chain of filters with a cache does; data, whose length clients ask for, are never."""
    plain = node.ask("GET", "/v2/images", 200)
    packed = node.ask("GET", "/v2/images", 200, headers={"Accept-Encoding": "deflate, gzip"})
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert (gzip.decompress(packed.raw), packed.headers["content-length"]) == (plain.raw, str(len(packed.raw)))


def test_the_policy_is_asked_before_the_cache(node: Node) -> None:
    image_id = node.cached()
    path = f"/v2/images/{image_id}/file"
    node.ask("GET", path, 404, caller="other")
    node.ask("GET", path, 403, caller="reader")
    node.ask("POST", f"/v2/images/{image_id}/actions/deactivate", 204)
    node.ask("GET", path, 403, caller="owner")
    assert node.read(image_id) == DATA  # an administrator, from the store


def test_queueing_fetches_at_once(node: Node) -> None:
    image_id = node.active()
    answer = node.ask("PUT", f"/v2/cache/{image_id}", 202)
    assert answer.raw == b""
    until(lambda: node.state() == ([image_id], []))
    node.ask("PUT", f"/v2/cache/{image_id}", 202)
    assert node.state() == ([image_id], [])
    assert node.ask("GET", f"/v2/cache/nodes/{image_id}", 200).json == ["http://w1:9292"]
    other = node.active(b"x")
    assert node.ask("GET", f"/v2/cache/nodes/{other}", 200).json == []


def test_an_entry_is_dropped_by_itself_and_with_its_image(node: Node) -> None:
    first, second = node.cached(), node.cached(b"second")
    assert node.ask("DELETE", f"/v2/cache/{first}", 204).raw == b""
    node.ask("DELETE", f"/v2/cache/{first}", 204)
    assert node.state() == ([second], [])
    node.ask("DELETE", f"/v2/images/{second}", 204)
    assert (node.state(), node.files()) == (([], []), [])


@pytest.mark.parametrize(("target", "left"), [("cache", ["queue"]), ("QUEUE", ["cache"]), ("", []), (None, [])])
def test_each_half_is_cleared_by_itself(node: Node, target: str | None, left: list[str]) -> None:
    cached = node.cached()
    (node.folder / "queue" / "not-an-image").touch()
    headers = {} if target is None else {TARGET: target}
    node.ask("DELETE", "/v2/cache", 204, headers=headers)
    assert (cached in node.state()[0]) == ("cache" in left)


def test_pruning_keeps_what_was_read_last(node: Node) -> None:
    first, second, third = (node.cached(DATA[number:]) for number in range(3))
    node.read(first)
    until(lambda: node.state()[0] == [second, third, first])
    pruned = node.ask("POST", "/v2/cache/prune", 200).json
    assert pruned == {"total_files_pruned": 1, "total_bytes_pruned": len(DATA) - 1}
    assert node.state()[0] == [third, first]
    assert node.ask("POST", "/v2/cache/prune", 200).json == {"total_files_pruned": 0, "total_bytes_pruned": 0}


def test_cleaning_removes_what_is_invalid_and_stalled(node: Node) -> None:
    for name in ("invalid/a", "incomplete/old", "incomplete/new"):
        (node.folder / name).touch()
    os.utime(node.folder / "incomplete/old", (1, 1))
    answer = node.ask("POST", "/v2/cache/clean", 200)
    assert answer.raw == b""
    assert node.files() == ["incomplete/new"]
    (node.folder / "incomplete/new").unlink()


def test_older_clients_are_answered_as_before(node: Node) -> None:
    image_id, other = node.cached(), node.active(b"other")
    assert [entry["image_id"] for entry in node.ask("GET", "/v2/cached_images", 200).json["cached_images"]] == [
        image_id
    ]
    assert node.ask("PUT", f"/v2/queued_images/{other}", 200).raw == b"null"
    until(lambda: set(node.state()[0]) == {image_id, other})
    assert node.ask("GET", "/v2/queued_images", 200).json == {"queued_images": []}
    assert node.ask("DELETE", f"/v2/queued_images/{UNKNOWN}", 200).raw == b"null"
    assert node.ask("DELETE", "/v2/queued_images", 200).json == {"num_deleted": 0}
    assert node.ask("DELETE", f"/v2/cached_images/{image_id}", 200).raw == b"null"
    assert node.ask("DELETE", "/v2/cached_images", 200).json == {"num_deleted": 1}
    assert node.files() == []


def test_readers_of_every_worker_share_one_filling(node: Node) -> None:
    data = os.urandom(24 << 20)
    image_id = node.active(data)
    found: list[bool] = []
    readers = [threading.Thread(target=lambda: found.append(node.read(image_id) == data)) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert found == [True] * 8
    assert node.files() == [image_id]
    assert node.server.log.read_text().count(f"Image {image_id} is cached.") == 1


def test_a_client_that_breaks_off_makes_no_valid_entry(node: Node) -> None:
    data = os.urandom(16 << 20)
    image_id = node.active(data)
    address = urlsplit(node.server.endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        head = f"GET /v2/images/{image_id}/file HTTP/1.1\r\nHost: x\r\nX-Identity-Status: Confirmed\r\n"
        client.sendall(f"{head}X-Roles: admin\r\nX-Project-Id: ops\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    until(lambda: node.files() == [f"invalid/{image_id}"])
    assert node.state() == ([], [])
    assert node.read(image_id) == data
    assert node.state() == ([image_id], [])


def test_a_filler_that_is_killed_hangs_no_reader(node: Node) -> None:
    """The filler is another process than the one that answers, as with several workers; its death is the real one."""
    data = HALF.encode() + DATA
    image_id = node.active(data)
    address = urlsplit(node.server.endpoint)
    reader = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    with filler(CacheFolder(node.folder), image_id) as process:
        who = {"X-Identity-Status": "Confirmed", "X-Project-Id": "ops", "X-Roles": "admin"}
        reader.request("GET", f"/v2/images/{image_id}/file", headers=who)
        answer = reader.getresponse()
        assert answer.read(len(HALF)) == HALF.encode()
        assert node.state() == ([], [])
        process.kill()
        process.wait(10)
        assert answer.read() == DATA
    reader.close()
    assert node.read(image_id) == data
    assert node.state() == ([image_id], [])


# -- other configurations ----------------------------------------------------------------------------------------------


def test_a_cache_outlives_kills_and_what_was_half_filled_does_not(tmp_path: Path) -> None:
    text = config(tmp_path)
    with running_server(tmp_path, auth="headers", config=text) as server:
        node = Node(server, tmp_path)
        cached, queued = node.cached(), node.active(b"queued")
        kill_tree(server.pid, signal.SIGKILL)
    (node.folder / "incomplete" / cached).write_bytes(b"half")
    (node.folder / "incomplete" / queued).write_bytes(b"half")
    (node.folder / "queue" / queued).touch()
    with running_server(tmp_path, auth="headers", config=text) as server:
        node = Node(server, tmp_path)
        until(lambda: set(node.state()[0]) == {cached, queued})
        until(lambda: node.files() == sorted((cached, queued)))
        assert (node.read(cached), node.read(queued)) == (DATA, b"queued")


def test_a_flavor_without_the_cache_leaves_only_its_api(tmp_path: Path) -> None:
    text = config(tmp_path, "keystone", "image_cache_driver = sqlite")
    with running_server(tmp_path, auth="headers", config=text) as server:
        node = Node(server, tmp_path)
        image_id = node.cached()
        assert node.state() == ([], [])
        node.ask("PUT", f"/v2/cache/{image_id}", 202)
        until(lambda: node.state() == ([image_id], []))
        node.ask("GET", f"/v2/cache/nodes/{image_id}", 409)
        node.ask("GET", f"/v2/cache/nodes/{UNKNOWN}", 409)
        node.ask("GET", "/v2/cached_images", 404)


def test_nodes_on_one_database_know_of_each_other_and_forget_what_was_deleted_elsewhere(tmp_path: Path) -> None:
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    for folder in (first_folder, second_folder):
        folder.mkdir()
    with running_server(first_folder, auth="headers", config=config(first_folder)) as server:
        first = Node(server, first_folder)
        shared = (
            f"[database]\nconnection = sqlite:///{server.data_dir}/glance.sqlite\n"
            f"[glance_store]\nfilesystem_store_datadir = {server.data_dir}/images\n"
        )
        text = config(second_folder).replace("//w1:", "//w2:") + f"cache_care_seconds = 1\n{shared}"
        with running_server(second_folder, auth="headers", config=text) as other:
            second = Node(other, second_folder)
            image_id = first.cached()
            nodes = f"/v2/cache/nodes/{image_id}"
            assert second.ask("GET", nodes, 200).json == ["http://w1:9292"]
            assert second.state() == ([], [])
            assert second.read(image_id) == DATA
            assert first.ask("GET", nodes, 200).json == ["http://w1:9292", "http://w2:9292"]
            first.ask("DELETE", f"/v2/images/{image_id}", 204)
            assert first.state() == ([], [])
            until(lambda: second.state() == ([], []) and second.files() == [])
