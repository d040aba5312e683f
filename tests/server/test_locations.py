"""Several stores, one of them of other people's URLs, and locations: over a running service."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.backends.web import cut_after, held_back, web_server
from tests.images.data_path import noise
from tests.images.waiting import until
from tests.server import contract
from tests.server.api import Answer, Api
from tests.server.contract import Case
from tests.server.states import image_in
from tests.server.test_routes_refusals import everything, refusal_id
from tests.server.two_stores import TwoStores
from tests.serving import running_server, two_stores

DATA = noise(300_000)
SHA512 = hashlib.sha512(DATA).hexdigest()
SHA256 = hashlib.sha256(DATA).hexdigest()
SAID = {"os_hash_algo": "sha512", "os_hash_value": SHA512}
HOSTILE = b"QFI\xfb\0\0\0\3\0\0\0\0\0\0\2\0\0\0\0\7" + bytes(600_000)  # qcow2 with a backing file
FORMATS = {"disk_format": "raw", "container_format": "bare"}


def config(port: int, folder: Path, more: str = "") -> str:
    return f"""\
{two_stores(folder, port)}[DEFAULT]
enabled_backends = fast:file, web:http, slow:file
show_multiple_locations = true
show_image_direct_url = true
image_location_quota = 3
http_retries = 2
{more}
[fast]
store_description = quick
weight = 5
[slow]
weight = 50
[glancetui]
trusted_peers = 127.0.0.1
"""


class Place(TwoStores):
    def add(self, image_id: str, body: object, caller: str = "owner") -> Answer:
        return self.api.call("POST", f"/v2/images/{image_id}/locations", body, caller=caller)

    def at(self, path: str, data: Any = DATA) -> str:
        self.web.paths[path] = data
        return self.web.url(path)

    def task(self, image_id: str) -> Any:
        """The newest task of the image, once it is over."""

        def found() -> Any:
            task = self.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"][0]
            return task if task["status"] in {"success", "failure"} else None

        until(lambda: found() is not None)
        return found()

    def copied(self, data: bytes = DATA) -> str:
        """An image with copies in both file stores."""
        image_id = self.api.make(**FORMATS)
        self.api.upload(image_id, data)
        body = {"method": {"name": "copy-image"}, "stores": ["slow"]}
        assert self.api.call("POST", f"/v2/images/{image_id}/import", body, caller="admin").status == 202
        assert self.task(image_id)["status"] == "success"
        return image_id

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.server.data_dir / "glance.sqlite")) as database:
            return database.execute(query).fetchall()


@contextmanager
def serving(folder: Path, more: str = "") -> Iterator[Place]:
    with web_server() as web, running_server(folder, auth="headers", config=config(web.port, folder, more)) as server:
        yield Place(Api(server.endpoint), web, server, folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with serving(tmp_path_factory.mktemp("locations")) as made:
        yield made


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    options = "do_secure_hash = false\ndelayed_delete = true\nscrub_time = 3600"
    with serving(tmp_path_factory.mktemp("trusting"), options) as made:
        yield made


# -- refusals ----------------------------------------------------------------------------------------------------------


def endless(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(DATA)
    handler.close_connection = True


LYING_THERE = {"/image": DATA, "/other": DATA[1:], "/four": b"DATA", "/hostile": HOSTILE, "/endless": endless}


@pytest.mark.parametrize("case", contract.STORES + contract.LOCATIONS_SHOWN + contract.LOCATIONS, ids=refusal_id)
def test_refusal_has_its_status_and_changes_nothing(place: Place, case: Case) -> None:
    place.web.paths.update(LYING_THERE)
    image_id = place.copied(b"data") if case.state == "copied" else image_in(place.api, case.state)
    before, files = everything(place.api, image_id), place.files_of(image_id)
    body = json.dumps(case.body).replace("{web}", place.web.url("")) if isinstance(case.body, list | dict) else None
    answer = place.api.call(
        case.method,
        case.path.replace("{id}", image_id),
        case.body if body is None else body.encode(),
        caller=case.caller,
        headers={"Accept": "application/json", "Content-Type": "application/json", **case.headers},
    )
    assert answer.status == case.status, answer.raw
    assert answer.json["message"].strip()
    assert everything(place.api, image_id) == before
    assert place.files_of(image_id) == files
    assert place.rows("SELECT count(*) FROM gt_intents") == [(0,)]
    assert place.rows("SELECT count(*) FROM gt_outbox") == [(0,)]
    tasks = place.rows(
        f"SELECT count(*) FROM gt_jobs WHERE image_id = '{image_id}' AND state IN ('pending', 'running')"
    )
    assert tasks == [(0,)]


# -- stores ------------------------------------------------------------------------------------------------------------


def test_stores_are_listed_in_the_order_of_the_configuration(place: Place) -> None:
    assert place.api.call("GET", "/v2/info/stores").json == {
        "stores": [
            {"id": "fast", "description": "quick", "default": "true"},
            {"id": "web", "read-only": "true"},
            {"id": "slow"},
        ]
    }


@pytest.mark.parametrize("caller", ["admin", "service"])
def test_details_of_stores_are_for_administrators_and_services(place: Place, caller: str) -> None:
    fast, web, slow = place.api.call("GET", "/v2/info/stores/detail", caller=caller).json["stores"]
    assert fast == {
        "id": "fast", "description": "quick", "default": "true", "type": "file", "weight": 5,
        "properties": {"data_dir": f"{place.folder}/fast", "chunk_size": 1048576, "thin_provisioning": False},
    }  # fmt: skip
    assert web == {"id": "web", "read-only": "true", "type": "http", "weight": 0, "properties": {}}
    assert slow["weight"] == 50


def test_a_copy_is_removed_by_the_name_of_its_store(place: Place) -> None:
    image_id = place.copied()
    assert place.api.show(image_id)["stores"] == "slow,fast"
    assert place.api.show(image_id)["direct_url"] == f"file://{place.folder}/slow/{image_id}"  # the heavier
    assert place.api.call("DELETE", f"/v2/stores/slow/{image_id}", caller="admin").status == 204
    assert place.api.show(image_id)["stores"] == "fast"
    until(lambda: place.files_of(image_id) == [f"fast/{image_id}"])
    assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA


def test_a_single_store_of_addresses_reads_and_is_never_named(tmp_path: Path) -> None:
    """The configuration without enabled_backends: locations name no store, and their URL tells whose they are."""
    with web_server() as web:
        text = f"""\
[DEFAULT]
show_multiple_locations = true
[glance_store]
stores = http,file
default_store = http
[import_filtering_opts]
allowed_hosts = 127.0.0.1
allowed_ports = {web.port}
[glancetui]
trusted_peers = 127.0.0.1
"""
        with running_server(tmp_path, auth="headers", config=text) as server:
            place = Place(Api(server.endpoint), web, server, tmp_path)
            patched, posted = place.api.make(**FORMATS), place.api.make(**FORMATS)
            octets = {"Content-Type": "application/octet-stream"}
            assert place.api.call("PUT", f"/v2/images/{posted}/file", b"x", headers=octets).status == 410
            assert place.api.patch(patched, adding(place.at("/one"))).status == 200
            refused(place)
            assert place.add(posted, {"url": place.at("/two"), "validation_data": SAID}).status == 202
            assert place.task(posted)["status"] == "success"
            for image_id, path in ((patched, "/one"), (posted, "/two")):
                shown = place.api.show(image_id)
                assert shown["locations"] == [{"url": web.url(path), "metadata": {}}]
                assert "stores" not in shown
                assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA
                assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204
            until(lambda: place.rows("SELECT count(*) FROM gt_outbox") == [(0,)])
            assert place.api.call("GET", "/v2/info/stores/detail", caller="admin").status == 404


# -- POST and GET …/locations ------------------------------------------------------------------------------------------


def test_what_was_said_is_compared_before_the_image_becomes_active(place: Place) -> None:
    image_id, reached, go_on = place.api.make(**FORMATS), threading.Event(), threading.Event()
    url = place.at("/held", held_back(DATA, 1000, go_on, reached))
    answer = place.add(image_id, {"url": url, "validation_data": SAID})
    assert (answer.status, answer.raw) == (202, b"")
    assert reached.wait(20)
    assert place.api.show(image_id)["status"] == "importing"
    assert place.add(image_id, {"url": url}).status == 409
    go_on.set()
    assert place.task(image_id)["status"] == "success"
    image = place.api.show(image_id)
    assert (image["status"], image["size"], image["stores"]) == ("active", len(DATA), "web")
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", SHA512)
    assert (image["checksum"], image["virtual_size"]) == (hashlib.md5(DATA).hexdigest(), len(DATA))
    assert image["locations"] == [{"url": url, "metadata": {"store": "web"}}]
    assert not any(name.startswith("os_glance") for name in image)
    place.at("/held")
    answer = place.api.call("GET", f"/v2/images/{image_id}/file", headers={"Range": "bytes=100-199"})
    assert (answer.status, answer.raw) == (206, DATA[100:200])


def test_the_task_shows_what_was_asked_without_secrets(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    place.add(image_id, {"url": place.at("/signed?key=secret"), "validation_data": SAID})
    task = place.task(image_id)
    assert (task["type"], task["status"], task["owner"]) == ("location_import", "success", "p1")
    assert task["input"] == {
        "image_id": image_id, "loc_url": place.web.url("/signed?***"), "validation_data": SAID,
    }  # fmt: skip


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_each_algorithm_can_be_named(place: Place, algorithm: str) -> None:
    image_id, value = place.api.make(**FORMATS), hashlib.new(algorithm, DATA).hexdigest()
    said = {"os_hash_algo": algorithm, "os_hash_value": value.upper()}
    place.add(image_id, {"url": place.at(f"/{algorithm}"), "validation_data": said})
    assert place.task(image_id)["status"] == "success"
    image = place.api.show(image_id)
    assert (image["os_hash_algo"], image["os_hash_value"]) == (algorithm, value)


def test_without_a_hash_the_image_is_active_before_it_is_read(place: Place) -> None:
    image_id, reached, go_on = place.api.make(**FORMATS), threading.Event(), threading.Event()
    answers = [DATA, DATA]  # asked for its size, then for its beginning; the third time for all of it

    def respond(handler: Any) -> None:
        answer = answers.pop() if answers else held_back(DATA, 1000, go_on, reached)
        if callable(answer):
            answer(handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    assert place.add(image_id, {"url": place.at("/later", respond)}).status == 202
    until(lambda: place.api.show(image_id)["status"] == "active")
    before = place.api.show(image_id)
    assert (before["size"], before["os_hash_value"]) == (len(DATA), None)
    go_on.set()
    assert place.task(image_id)["status"] == "success"
    after = place.api.show(image_id)
    assert (after["os_hash_algo"], after["os_hash_value"]) == ("sha512", SHA512)
    assert after["checksum"] == hashlib.md5(DATA).hexdigest()


def refused(place: Place, **more: str) -> str:
    """A queued image that shows a location whose hash was another than was said."""
    image_id = place.api.make(**FORMATS, **more)
    body = {"url": place.at("/refused"), "validation_data": {"os_hash_algo": "sha256", "os_hash_value": "0" * 64}}
    assert place.add(image_id, body).status == 202
    assert place.task(image_id)["error_code"] == "hash-mismatch"
    return image_id


def test_a_location_with_another_hash_shows_what_was_tried_and_is_not_the_images_data(place: Place) -> None:
    image_id = refused(place)
    task = place.task(image_id)
    assert task["status"] == "failure"
    assert "another sha256" in task["message"]
    image = place.api.show(image_id)
    tried = [{"url": place.web.url("/refused"), "metadata": {"store": "web"}}]
    assert (image["status"], image["stores"], image["locations"]) == ("queued", "web", tried)
    assert [image[name] for name in ("size", "checksum", "os_hash_algo", "os_hash_value")] == [None] * 4
    assert "direct_url" not in image
    assert not any(name.startswith("os_glance") for name in image)
    assert place.api.call("GET", f"/v2/images/{image_id}/locations", caller="service").json == tried
    assert place.api.call("GET", f"/v2/images/{image_id}/file").status == 204
    changes = [{"op": "replace", "path": "/name", "value": "new"}, {"op": "add", "path": "/os_distro", "value": "x"}]
    assert place.api.patch(image_id, *changes).json["locations"] == tried
    assert place.api.patch(image_id, {"op": "remove", "path": "/locations/0"}, caller="admin").status == 409
    assert place.api.call("DELETE", f"/v2/stores/web/{image_id}", caller="admin").status == 409
    assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204
    assert place.api.show(image_id) is None
    until(lambda: place.rows("SELECT count(*) FROM gt_outbox") == [(0,)])


def post(place: Place, image_id: str, path: str = "/refused") -> None:
    assert place.add(image_id, {"url": place.at(path), "validation_data": SAID}).status == 202


def upload(place: Place, image_id: str) -> None:
    place.api.upload(image_id, DATA)


def stage_and_import(place: Place, image_id: str) -> None:
    octets = {"Content-Type": "application/octet-stream"}
    assert place.api.call("PUT", f"/v2/images/{image_id}/stage", DATA, headers=octets).status == 204
    assert "stores" not in place.api.show(image_id)
    import_by(place, image_id, name="glance-direct")


def web_download(place: Place, image_id: str) -> None:
    import_by(place, image_id, name="web-download", uri=place.at("/downloaded"))


def import_by(place: Place, image_id: str, **method: str) -> None:
    body = {"method": method, "stores": ["fast"]}
    assert place.api.call("POST", f"/v2/images/{image_id}/import", body).status == 202


def patch(place: Place, image_id: str, *paths: str, at: str = "-") -> None:
    operations = [adding(place.at(path), at) for path in paths]
    answer = place.api.patch(image_id, *operations)
    assert answer.status == 200, answer.raw


def replace(place: Place, image_id: str, path: str) -> None:
    answer = place.api.patch(image_id, replacing((place.at(path), {})))
    assert answer.status == 200, answer.raw


OTHERS = ("/other1", "/other2", "/other3")


@pytest.mark.parametrize(
    ("give", "left"),
    [
        (post, ["/refused"]),
        (lambda place, image_id: post(place, image_id, "/other"), ["/other"]),
        (upload, None),
        (stage_and_import, None),
        (web_download, None),
        (lambda place, image_id: patch(place, image_id, "/refused"), ["/refused"]),
        (lambda place, image_id: patch(place, image_id, "/other", at="1"), ["/other"]),  # behind the refused one
        (lambda place, image_id: patch(place, image_id, *OTHERS, at="0"), OTHERS[::-1]),  # as many as there may be
        (lambda place, image_id: replace(place, image_id, "/refused"), ["/refused"]),
        (lambda place, image_id: replace(place, image_id, "/other"), ["/other"]),
    ],
    ids=["post", "post another", "upload", "stage", "download", "patch", "patch behind", "patch many", "replace",
         "replace by another"],
)  # fmt: skip
def test_data_take_the_place_of_a_refused_location(place: Place, give: Any, left: Sequence[str] | None) -> None:
    image_id = refused(place)
    give(place, image_id)
    until(lambda: place.api.show(image_id)["status"] == "active")
    assert place.task(image_id)["status"] in {"success", "failure"}  # whichever is the newest has ended
    image = place.api.show(image_id)
    expected = [f"file://{place.folder}/fast/{image_id}"] if left is None else [place.web.url(path) for path in left]
    assert (urls(image), image["size"]) == (expected, len(DATA))
    assert image["stores"] == ",".join(["fast" if left is None else "web"] * len(expected))
    assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA


def test_what_was_refused_before_is_forgotten_with_the_next_attempt(place: Place) -> None:
    image_id = refused(place)
    assert place.add(image_id, {"url": place.at("/nothing", None)}).status == 202
    assert place.task(image_id)["error_code"] == "data-missing"
    assert (place.api.show(image_id)["status"], place.api.show(image_id)["locations"]) == ("queued", [])


@pytest.mark.parametrize(
    ("data", "said", "code"),
    [
        (None, SAID, "data-missing"), (None, None, "data-missing"),
        (cut_after(DATA, 1000), SAID, "internal"),
        (HOSTILE, None, "unsupported-content"),
    ],
    ids=["nothing there, checked", "nothing there", "cut short", "hostile"],
)  # fmt: skip
def test_what_cannot_be_had_leaves_the_image_queued(place: Place, data: Any, said: Any, code: str) -> None:
    image_id = place.api.make(**FORMATS)
    body = {"url": place.at("/broken", data)} | ({"validation_data": said} if said else {})
    assert place.add(image_id, body).status == 202
    task = place.task(image_id)
    assert task["status"] == "failure"
    assert (place.api.show(image_id)["status"], place.api.show(image_id)["locations"]) == ("queued", [])
    assert place.add(image_id, {"url": place.at("/image")}).status == 202
    assert place.task(image_id)["status"] == "success"
    assert task["error_code"] == code


def test_a_server_that_fails_once_is_asked_again(place: Place) -> None:
    image_id, answers = place.api.make(**FORMATS), [cut_after(DATA, 10)]

    def respond(handler: Any) -> None:
        if answers and handler.command == "GET" and "Range" not in handler.headers:
            answers.pop()(handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA)

    place.add(image_id, {"url": place.at("/shaky", respond), "validation_data": SAID})
    assert place.task(image_id)["status"] == "success"
    assert answers == []


def test_an_image_that_is_deleted_meanwhile_ends_the_reading(place: Place) -> None:
    image_id, reached, go_on = place.api.make(**FORMATS), threading.Event(), threading.Event()
    place.add(image_id, {"url": place.at("/gone", held_back(DATA, 1000, go_on, reached)), "validation_data": SAID})
    assert reached.wait(20)
    assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204
    go_on.set()

    def ended() -> bool:
        tasks = place.api.call("GET", "/v2/tasks?type=location_import&status=processing", caller="admin").json["tasks"]
        return tasks == []

    until(ended)
    failed = place.api.call("GET", "/v2/tasks?type=location_import&status=failure&limit=1", caller="admin").json
    assert failed["tasks"][0]["image_id"] == image_id


def test_where_nothing_is_read_what_was_said_is_believed(trusting: Place) -> None:
    with_hash, without = trusting.api.make(**FORMATS), trusting.api.make(**FORMATS)
    said = {"os_hash_algo": "sha256", "os_hash_value": "ab" * 32}
    trusting.add(with_hash, {"url": trusting.at("/one"), "validation_data": said})
    trusting.add(without, {"url": trusting.at("/two")})
    assert [trusting.task(each)["status"] for each in (with_hash, without)] == ["success", "success"]
    shown = trusting.api.show(with_hash)
    assert (shown["status"], shown["size"], shown["os_hash_value"]) == ("active", len(DATA), "ab" * 32)
    assert trusting.api.show(without)["os_hash_value"] is None


def test_locations_are_told_to_services(place: Place) -> None:
    image_id = place.copied()
    found = place.api.call("GET", f"/v2/images/{image_id}/locations", caller="service").json
    assert found == [
        {"url": f"file://{place.folder}/{store}/{image_id}", "metadata": {"store": store}} for store in ("fast", "slow")
    ]


def test_the_bytes_behind_a_removed_web_location_are_left_alone(place: Place) -> None:
    image_id, url = place.api.make(**FORMATS), place.at("/theirs")
    place.add(image_id, {"url": url, "validation_data": SAID})
    assert place.task(image_id)["status"] == "success"
    assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204
    assert place.web.paths["/theirs"] == DATA
    assert place.api.show(image_id) is None


def test_the_data_of_a_deleted_image_stay_for_scrub_time(trusting: Place) -> None:
    image_id = trusting.copied()
    for path in (f"/v2/stores/slow/{image_id}", f"/v2/images/{image_id}"):
        assert trusting.api.call("DELETE", path, caller="admin").status == 204
    assert trusting.api.show(image_id) is None
    assert trusting.files_of(image_id) == [f"fast/{image_id}", f"slow/{image_id}"]
    assert trusting.rows(f"SELECT status, deleted FROM images WHERE id = '{image_id}'") == [("pending_delete", 1)]
    hurried = "UPDATE gt_outbox SET due_at = '2020-01-01 00:00:00.000000'"
    with closing(sqlite3.connect(trusting.server.data_dir / "glance.sqlite", timeout=30)) as database:
        database.execute(hurried)
        database.commit()
    until(lambda: trusting.files_of(image_id) == [])
    until(lambda: trusting.rows(f"SELECT status FROM images WHERE id = '{image_id}'") == [("deleted",)])


def test_data_at_a_location_are_copied_into_a_store_of_our_own(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    place.add(image_id, {"url": place.at("/copied"), "validation_data": SAID})
    assert place.task(image_id)["status"] == "success"
    body = {"method": {"name": "copy-image"}, "stores": ["slow"]}
    assert place.api.call("POST", f"/v2/images/{image_id}/import", body, caller="admin").status == 202
    until(lambda: place.api.show(image_id)["stores"] == "slow,web")
    assert place.task(image_id)["status"] == "success"
    assert place.api.call("DELETE", f"/v2/stores/web/{image_id}", caller="admin").status == 204
    assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA


# -- PATCH of locations ------------------------------------------------------------------------------------------------


def adding(url: str, at: str = "-", **more: Any) -> dict[str, Any]:
    return {"op": "add", "path": f"/locations/{at}", "value": {"url": url, "metadata": {}, **more}}


def replacing(*locations: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    value = [{"url": url, "metadata": metadata} for url, metadata in locations]
    return {"op": "replace", "path": "/locations", "value": value}


def urls(image: Any) -> list[str]:
    return [location["url"] for location in image["locations"]]


def test_a_location_makes_a_queued_image_active(place: Place) -> None:
    image_id, url = place.api.make(**FORMATS), place.at("/patched")
    said = {**SAID, "checksum": hashlib.md5(DATA).hexdigest()}
    answer = place.api.patch(
        image_id, {"op": "replace", "path": "/name", "value": "new"}, adding(url, validation_data=said)
    )
    assert answer.status == 200, answer.raw
    image = answer.json
    assert (image["status"], image["size"], image["name"]) == ("active", len(DATA), "new")
    assert (image["os_hash_value"], image["checksum"]) == (SHA512, said["checksum"])
    assert image["locations"] == [{"url": url, "metadata": {"store": "web"}}]
    assert image["direct_url"] == url
    assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA


def test_locations_are_added_described_put_in_order_and_removed(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    first, second, third = (place.at(f"/mirror{number}") for number in range(3))
    assert place.api.patch(image_id, adding(first, validation_data=SAID)).status == 200
    assert urls(place.api.patch(image_id, adding(third), adding(second, "1", validation_data=SAID)).json) == [
        first, second, third,
    ]  # fmt: skip
    described = place.api.patch(
        image_id, replacing((second, {"zone": "b"}), (first, {"store": "fast"}), (third, {}))
    ).json
    assert described["locations"] == [
        {"url": second, "metadata": {"zone": "b", "store": "web"}},
        {"url": first, "metadata": {"store": "web"}},
        {"url": third, "metadata": {"store": "web"}},
    ]
    left = place.api.patch(image_id, {"op": "remove", "path": "/locations/1"}, caller="admin").json
    assert urls(left) == [second, third]
    assert left["status"] == "active"
    assert place.api.show(image_id)["locations"] == left["locations"]


def test_a_file_whose_location_is_removed_is_removed(place: Place) -> None:
    image_id = place.copied()
    left = place.api.patch(image_id, {"op": "remove", "path": "/locations/0"}, caller="admin")
    assert (left.status, left.json["stores"]) == (200, "slow")
    until(lambda: place.files_of(image_id) == [f"slow/{image_id}"])


def test_the_order_of_locations_can_be_changed_beside_copies_of_our_own(place: Place) -> None:
    image_id = place.copied()
    before = place.api.show(image_id)["locations"]
    after = place.api.patch(image_id, replacing(*((each["url"], {}) for each in reversed(before)))).json["locations"]
    assert after == list(reversed(before))
    assert place.files_of(image_id) == [f"fast/{image_id}", f"slow/{image_id}"]
    assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA


def test_metadata_are_any_json_and_are_given_back(place: Place) -> None:
    image_id, first, second = place.api.make(**FORMATS), place.at("/json1"), place.at("/json2")
    metadata = {"racks": ["a", {"u": [1, 2.5, None, True]}], "zone": "😀", "store": {"no": "store"}}
    added = place.api.patch(image_id, adding(first, metadata=metadata), adding(second))
    assert added.status == 200, added.raw
    given = {**metadata, "store": "web"}
    assert added.json["locations"] == [{"url": first, "metadata": given}, {"url": second, "metadata": {"store": "web"}}]
    other = {"racks": [True, 1, "x" * 16_000]}
    replaced = place.api.patch(image_id, replacing((second, other), (first, metadata)))
    assert replaced.status == 200, replaced.raw
    shown = place.api.call("GET", f"/v2/images/{image_id}/locations", caller="service").json
    assert shown == place.api.show(image_id)["locations"] == replaced.json["locations"]
    assert shown == [{"url": second, "metadata": {**other, "store": "web"}}, {"url": first, "metadata": given}]
    assert replaced.json["stores"] == "web,web"


def test_an_older_patch_adds_locations_as_well(place: Place) -> None:
    image_id, url = place.api.make(**FORMATS), place.at("/older")
    answer = place.api.call(
        "PATCH", f"/v2/images/{image_id}", [{"add": "/locations/0", "value": {"url": url, "metadata": {"a": "b"}}}],
        headers={"Content-Type": "application/openstack-images-v2.0-json-patch"},
    )  # fmt: skip
    assert answer.status == 200
    assert answer.json["locations"] == [{"url": url, "metadata": {"a": "b", "store": "web"}}]


def test_two_images_may_have_one_location_and_it_stays_for_the_other(place: Place) -> None:
    url, (one, other) = place.at("/common"), (place.api.make(**FORMATS), place.api.make(**FORMATS))
    for image_id in (one, other):
        assert place.api.patch(image_id, adding(url)).status == 200
    assert place.api.call("DELETE", f"/v2/images/{one}").status == 204
    assert place.api.call("GET", f"/v2/images/{other}/file").raw == DATA


def test_locations_beyond_the_quota_can_still_be_removed(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    many = [place.at(f"/many{number}") for number in range(3)]
    assert place.api.patch(image_id, *(adding(url) for url in many)).status == 200
    assert place.api.patch(image_id, adding(place.at("/many4"))).status == 413
    assert place.api.patch(image_id, {"op": "remove", "path": "/locations/2"}, caller="admin").status == 200
    assert urls(place.api.show(image_id)) == many[:2]


def test_nothing_is_asked_of_an_address_before_the_rest_is_allowed(place: Place) -> None:
    image_id, url = place.api.make(**FORMATS), place.at("/unasked")
    refused = (
        place.api.patch(image_id, adding(url), {"op": "replace", "path": "/status", "value": "active"}),
        place.api.patch(image_id, adding(url), adding("http://169.254.169.254/")),
        place.api.patch(image_id, adding(url), adding(url)),
        place.add(image_id, {"url": url, "validation_data": {"os_hash_algo": "md5"}}),
        place.add(image_id, {"url": url}, caller="reader"),
    )
    assert [answer.status for answer in refused] == [403, 400, 400, 400, 403]
    assert "/unasked" not in place.web.asked


def test_json_stays_small(place: Place) -> None:
    """What is shown of an image with locations is what the schema allows."""
    image_id = place.api.make(**FORMATS)
    long = {"url": place.web.url("/" + "x" * 300), "metadata": {}}
    answer = place.api.patch(image_id, {"op": "add", "path": "/locations/-", "value": long})
    assert answer.status == 400
    assert json.dumps(place.api.show(image_id)["locations"]) == "[]"


# -- many at once ------------------------------------------------------------------------------------------------------


def test_of_two_copies_removed_at_once_one_stays(place: Place) -> None:
    image_id = place.copied()
    paths = [f"/v2/stores/{store}/{image_id}" for store in ("fast", "slow")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda path: place.api.call("DELETE", path, caller="admin").status, paths))
    assert sorted(answers) == [204, 403]
    until(lambda: len(place.files_of(image_id)) == 1)
    assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA


def test_locations_added_at_once_are_all_there_and_no_more_than_may_be(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    many = [place.at(f"/at-once{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda url: place.api.patch(image_id, adding(url)).status, many))
    added = {url for url, status in zip(many, statuses, strict=True) if status == 200}
    assert set(urls(place.api.show(image_id))) == added
    assert 1 <= len(added) <= 3
    assert set(statuses) <= {200, 409, 413}
