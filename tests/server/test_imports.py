"""Staging, import and tasks over a running service with two stores."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.web import held_back, web_server
from tests.images.data_path import noise
from tests.images.waiting import until
from tests.server.api import Answer, Api
from tests.server.two_stores import TwoStores
from tests.serving import running_server, two_stores

DATA = noise(300_000)
OCTETS = {"Content-Type": "application/octet-stream"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
LONG_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")


def config(port: int, folder: Path) -> str:
    return f"""\
{two_stores(folder, port)}[DEFAULT]
enabled_import_methods = [glance-direct,web-download,glance-download,copy-image]
[fast]
store_description = quick
[glancetui]
trusted_peers = 127.0.0.1
"""


class Place(TwoStores):
    def stage(self, image_id: str, data: bytes = DATA, caller: str = "owner") -> Answer:
        return self.api.call("PUT", f"/v2/images/{image_id}/stage", data, caller=caller, headers=OCTETS)

    def bring(self, image_id: str, body: object, **more: object) -> Answer:
        return self.api.call("POST", f"/v2/images/{image_id}/import", body, **more)  # type: ignore[arg-type]

    def settled(self, image_id: str) -> dict[str, object]:
        """The image when no task of its is under way."""

        def is_over() -> bool:
            tasks = self.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
            return all(task["status"] in {"success", "failure"} for task in tasks)

        until(is_over)
        shown = self.api.show(image_id)
        assert isinstance(shown, dict)
        return shown


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("imports")
    with web_server() as web, running_server(folder, auth="headers", config=config(web.port, folder)) as server:
        yield Place(Api(server.endpoint), web, server, folder)


def test_staged_data_are_imported(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    assert place.stage(image_id).status == 204
    shown = place.api.show(image_id)
    assert (shown["status"], shown["size"]) == ("uploading", len(DATA))
    assert not any(name.startswith("os_glance") for name in shown)
    answer = place.bring(image_id, {"method": {"name": "glance-direct"}})
    assert (answer.status, answer.raw) == (202, b"")
    image = place.settled(image_id)
    assert (image["status"], image["stores"], image["size"]) == ("active", "fast", len(DATA))
    assert (image["os_glance_importing_to_stores"], image["os_glance_failed_import"]) == ("", "")
    assert place.files_of(image_id) == [f"fast/{image_id}"]
    assert place.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA


def test_an_image_that_is_deleted_while_its_data_are_being_staged_is_gone(place: Place) -> None:
    image_id = place.api.make(**FORMATS)

    def body() -> Iterator[bytes]:
        yield DATA
        until(lambda: place.files_of(image_id) != [])
        assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204
        yield DATA

    answer = place.api.send("PUT", f"/v2/images/{image_id}/stage", body(), OCTETS)
    assert (answer.status, place.files_of(image_id)) == (410, [])


def test_the_task_of_an_import_is_shown_to_the_owner_and_in_the_tasks_api_to_administrators(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    place.stage(image_id)
    place.bring(image_id, {"method": {"name": "glance-direct"}, "stores": ["slow"]})
    place.settled(image_id)
    (task,) = place.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
    assert (task["type"], task["status"], task["owner"], task["user_id"]) == (
        "api_image_import", "success", "p1", "u-owner",
    )  # fmt: skip
    assert task["input"]["import_req"]["stores"] == ["slow"]
    assert (task["input"]["backend"], task["input"]["image_id"]) == (["slow"], image_id)
    assert all(LONG_TIME.fullmatch(task[name]) for name in ("created_at", "updated_at", "expires_at"))
    assert place.api.call("GET", f"/v2/images/{image_id}/tasks", caller="other").status == 404
    address = f"/v2/tasks/{task['id']}"
    assert place.api.call("GET", address).status == 403
    shown = place.api.call("GET", address, caller="admin").json
    assert (shown["self"], shown["schema"], shown["result"]) == (address, "/v2/schemas/task", {"image_id": image_id})
    assert TIME.fullmatch(shown["created_at"])
    deleting = place.api.call("DELETE", address, caller="admin")
    assert (deleting.status, deleting.headers["allow"]) == (405, "GET")


def test_a_failure_is_told_in_a_sentence_with_a_code(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    uri = place.web.url("/not-there")
    assert place.bring(image_id, {"method": {"name": "web-download", "uri": uri}}).status == 202
    assert place.settled(image_id)["status"] == "queued"
    (task,) = place.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
    assert (task["status"], task["error_code"]) == ("failure", "refused")
    assert "404" in task["message"]
    assert place.files_of(image_id) == []
    place.web.paths["/there"] = DATA
    place.bring(image_id, {"method": {"name": "web-download", "uri": place.web.url("/there")}})
    assert place.settled(image_id)["status"] == "active"


def test_progress_is_shown_while_it_runs(place: Place) -> None:
    go_on, reached = threading.Event(), threading.Event()
    data = noise(2_000_000)
    place.web.paths["/slow"] = held_back(data, 1_500_000, go_on, reached)
    image_id = place.api.make(**FORMATS)
    place.bring(image_id, {"method": {"name": "web-download", "uri": place.web.url("/slow")}})

    def progress() -> dict[str, object]:
        (task,) = place.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
        assert task["status"] == "processing"
        found = task.get("progress", {})
        assert isinstance(found, dict)
        return found

    until(lambda: bool(progress().get("done")))
    told = progress()
    assert (told["phase"], told["total"]) == ("storing", len(data))
    assert place.api.show(image_id)["os_glance_import_task"]
    assert place.bring(image_id, {"method": {"name": "web-download", "uri": place.web.url("/slow")}}).status == 409
    go_on.set()
    assert place.settled(image_id)["status"] == "active"


def test_the_methods_and_stores_are_told(place: Place) -> None:
    methods = ["glance-direct", "web-download", "glance-download", "copy-image"]
    assert place.api.call("GET", "/v2/info/import").json["import-methods"]["value"] == methods
    made = place.api.call("POST", "/v2/images", {})
    assert made.headers["openstack-image-import-methods"] == ",".join(methods)
    assert place.api.call("GET", "/v2/info/stores").json == {
        "stores": [{"id": "fast", "description": "quick", "default": "true"}, {"id": "slow"}]
    }
    wrong = place.api.call("POST", "/v2/info/import")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("why", "status", "body", "more"),
    [
        ("a store that is not there", 409, {}, {"X-Image-Meta-Store": "nope"}),
        ("a store that is not there", 409, {"stores": ["nope"]}, {}),
        ("a reserved store", 400, {}, {"X-Image-Meta-Store": "os_glance_staging_store"}),
        ("all stores and one of them", 400, {"all_stores": True}, {"X-Image-Meta-Store": "fast"}),
        ("all stores and some of them", 400, {"all_stores": True, "stores": ["fast"]}, {}),
        ("stores named twice", 400, {"stores": ["fast"]}, {"X-Image-Meta-Store": "fast"}),
    ],
)  # fmt: skip
def test_stores_that_cannot_be_meant_are_refused(
    place: Place, why: str, status: int, body: dict[str, object], more: dict[str, str]
) -> None:
    image_id = place.api.make(**FORMATS)
    place.stage(image_id)
    before = place.api.show(image_id)
    asked = {"method": {"name": "glance-direct"}, **body}
    assert place.bring(image_id, asked, headers=more).status == status, why
    assert place.api.show(image_id) == before
    assert place.api.call("GET", f"/v2/images/{image_id}/tasks").json == {"tasks": []}


def test_a_region_that_the_catalogue_does_not_name_fails_the_task(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    remote = f"{0:08x}-0000-4000-8000-{0:012x}"
    method = {"name": "glance-download", "glance_region": "r", "glance_image_id": remote}
    assert place.bring(image_id, {"method": method}, headers={"X-Auth-Token": "t"}).status == 202
    assert place.settled(image_id)["status"] == "queued"
    (task,) = place.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
    assert (task["status"], task["error_code"]) == ("failure", "unknown-region")


def test_an_image_of_another_region_comes_with_its_formats_and_some_properties(place: Place) -> None:
    source = place.api.make(disk_format="raw", container_format="bare", hw_disk_bus="scsi", mine="stays")
    place.api.upload(source, DATA)
    # The other region is this very service, whose proxy knows the caller by the token that is handed on.
    web = place.web
    web.paths[f"/v2/images/{source}"] = place.api.call("GET", f"/v2/images/{source}").raw
    web.paths[f"/v2/images/{source}/file"] = DATA
    catalog = [{"type": "image", "endpoints": [{"region": "r2", "interface": "internal", "url": web.url("")}]}]
    image_id = place.api.make()
    method = {
        "name": "glance-download", "glance_region": "r2", "glance_image_id": source,
        "glance_service_interface": "internal",
    }  # fmt: skip
    headers = {"X-Auth-Token": "secret-token", "X-Service-Catalog": json.dumps(catalog)}
    assert place.bring(image_id, {"method": method}, headers=headers).status == 202
    image = place.settled(image_id)
    assert (image["status"], image["disk_format"], image["container_format"]) == ("active", "raw", "bare")
    assert (image["hw_disk_bus"], "mine" in image) == ("scsi", False)
    assert [each["x-auth-token"] for each in web.headers[-2:]] == ["secret-token", "secret-token"]
    database = (place.folder / "data" / "glance.sqlite").read_bytes()
    log = (place.folder / "data" / "glance.sqlite-wal").read_bytes()
    assert b"secret-token" not in database + log + place.server.log.read_bytes()


def test_staging_is_refused_as_an_upload_is(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    assert place.api.call("PUT", f"/v2/images/{image_id}/stage", DATA).status == 415
    assert place.stage(image_id, caller="other").status == 404
    assert place.stage(image_id, caller="reader").status == 403
    place.stage(image_id)
    assert place.stage(image_id).status == 409
    assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204
    assert place.files_of(image_id) == []


def test_an_upload_into_the_staging_store_is_refused(place: Place) -> None:
    image_id = place.api.make(**FORMATS)
    headers = {**OCTETS, "X-Image-Meta-Store": "os_glance_staging_store"}
    assert place.api.call("PUT", f"/v2/images/{image_id}/file", DATA, headers=headers).status == 400


# -- the tasks API ---------------------------------------------------------------------------------------------------
def task_body(place: Place, path: str = "/there", **attributes: str) -> dict[str, object]:
    return {
        "type": "import",
        "input": {
            "import_from": place.web.url(path),
            "import_from_format": "raw",
            "image_properties": {"name": "by task", **FORMATS, **attributes},
        },
    }


def test_an_administrator_imports_by_a_task(place: Place) -> None:
    place.web.paths["/there"] = DATA
    made = place.api.call("POST", "/v2/tasks", task_body(place), caller="admin")
    task = made.json
    assert (made.status, task["type"], task["status"], task["message"]) == (201, "import", "pending", "")
    assert set(task) == {
        "id", "type", "status", "owner", "input", "result", "message", "request_id", "user_id", "created_at",
        "updated_at", "self", "schema",
    }  # fmt: skip
    assert made.headers["location"].endswith(f"/v2/tasks/{task['id']}")

    def now() -> dict[str, object]:
        found = place.api.call("GET", f"/v2/tasks/{task['id']}", caller="admin").json
        assert isinstance(found, dict)
        return found

    until(lambda: now()["status"] == "success")
    image_id = now()["result"]["image_id"]  # type: ignore[index]
    assert place.api.show(image_id)["status"] == "active"


def test_a_task_that_fails_takes_its_image_with_it(place: Place) -> None:
    task = place.api.call("POST", "/v2/tasks", task_body(place, "/lost"), caller="admin").json
    address = f"/v2/tasks/{task['id']}"
    until(lambda: place.api.call("GET", address, caller="admin").json["status"] == "failure")
    image_id = place.api.call("GET", address, caller="admin").json["image_id"]
    assert place.api.show(image_id) is None
    assert place.files_of(image_id) == []


@pytest.mark.parametrize(
    "change",
    [
        {"type": "export"}, {"type": None}, {"input": None}, {"input": []}, {"input": {}}, {"more": 1},
        {"input": {"import_from": "file:///etc/passwd", "import_from_format": "raw", "image_properties": FORMATS}},
        {"input": {"import_from": "http://169.254.169.254/", "import_from_format": "raw", "image_properties": FORMATS}},
        {"input": {"import_from": "http://127.0.0.1/", "import_from_format": "raw", "image_properties": {}}},
        {"input": {"import_from": "http://127.0.0.1/", "import_from_format": "raw", "image_properties": "x"}},
    ],
)  # fmt: skip
def test_tasks_that_make_no_sense_are_refused(place: Place, change: dict[str, object]) -> None:
    body = {**task_body(place), **change}
    assert place.api.call("POST", "/v2/tasks", body, caller="admin").status == 400
    assert place.api.call("POST", "/v2/tasks", body).status == 403


def test_tasks_are_listed_page_by_page_without_their_long_fields(place: Place) -> None:
    for _ in range(3):
        place.api.call("POST", "/v2/tasks", task_body(place, "/lost"), caller="admin")
    seen: list[str] = []
    address: str | None = "/v2/tasks?limit=2&type=import&sort_key=created_at&sort_dir=asc"
    while address:
        page = place.api.call("GET", address, caller="admin").json
        assert all(not {"input", "result", "message"} & set(task) for task in page["tasks"])
        assert (page["schema"], page["first"].startswith("/v2/tasks?limit=2")) == ("/v2/schemas/tasks", True)
        seen += [task["id"] for task in page["tasks"]]
        address = page.get("next")
    assert len(seen) == len(set(seen)) >= 3
    failed = place.api.call("GET", "/v2/tasks?status=failure", caller="admin").json["tasks"]
    assert {task["status"] for task in failed} <= {"failure"}


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "marker=nope", "sort_key=zz", "sort_dir=up", "type=zz", "status=zz"]
)
def test_listings_of_tasks_that_make_no_sense_are_refused(place: Place, query: str) -> None:
    assert place.api.call("GET", f"/v2/tasks?{query}", caller="admin").status == 400
    assert place.api.call("GET", f"/v2/tasks?{query}").status in {400, 403}


def test_schemas_of_tasks_are_published(place: Place) -> None:
    one = place.api.call("GET", "/v2/schemas/task").json
    many = place.api.call("GET", "/v2/schemas/tasks").json
    assert (one["name"], many["name"]) == ("task", "tasks")
    assert "input" in one["properties"]
    assert "input" not in many["properties"]["tasks"]["items"]["properties"]
