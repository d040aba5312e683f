"""Every refusal of the contract about staging, imports and tasks, where there are two stores and small limits.

The table crosses what is asked with the state that the image is in; after each, stores, staging and rows are unchanged.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.backends.web import Web, held_back, web_server
from tests.images.waiting import until
from tests.server.api import Api
from tests.server.contract import LONG, OCTETS, UNKNOWN, Case, call, fetching, importing
from tests.server.states import image_in
from tests.serving import Server, running_server

CAP = 5000  # bytes: image_size_cap
CONFIG = """\
[DEFAULT]
enabled_backends = fast:file, slow:file
enabled_import_methods = [glance-direct,web-download,glance-download,copy-image]
image_size_cap = {cap}
user_storage_quota = 8000B
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/fast
[slow]
filesystem_store_datadir = {folder}/slow
[import_filtering_opts]
allowed_hosts = [127.0.0.1]
allowed_ports = {port}
[glancetui]
trusted_peers = 127.0.0.1
"""
DIRECT, COPY = ({"method": {"name": name}} for name in ("glance-direct", "copy-image"))
WEB = fetching("http://127.0.0.1:{port}/small")
REMOTE = {"name": "glance-download", "glance_region": "r", "glance_image_id": UNKNOWN}
STATES = ("queued", "staged", "importing", "active", "deactivated")
METHODS: dict[str, tuple[Any, str]] = {  # body, and the only state that it fits
    "glance-direct": (DIRECT, "staged"),
    "web-download": (WEB, "queued"),
    "glance-download": ({"method": REMOTE}, "queued"),
    "copy-image": ({**COPY, "stores": ["slow"]}, "active"),
}


def stage(why: str, status: int, body: Any = b"x", headers: dict[str, str] = OCTETS, **more: Any) -> Case:
    return call(why, status, "PUT", "/v2/images/{id}/stage", body=body, headers=headers, **more)


def task(why: str, status: int, body: Any, caller: str = "admin") -> Case:
    return call(why, status, "POST", "/v2/tasks", body=body, caller=caller)


def asked(**changes: Any) -> dict[str, Any]:
    """A task's body with its input changed; `...` leaves a field out."""
    given = {
        "import_from": "http://127.0.0.1:{port}/small",
        "import_from_format": "raw",
        "image_properties": {"disk_format": "raw", "container_format": "bare"},
    } | changes
    return {"type": "import", "input": {name: value for name, value in given.items() if value is not ...}}


WRONG_STATES = [
    importing(f"{name} of an image that is {state}", 409, body, state=state, caller=caller)
    for name, (body, fits) in METHODS.items()
    for state in STATES
    if state != fits
    for caller in ("admin", *(["owner"] if name != "copy-image" else []))
]
WRONG_CALLERS = [
    importing(f"{name} by {caller}", status, body, state=fits, caller=caller)
    for name, (body, fits) in METHODS.items()
    for caller, status in (("reader", 403), ("stranger", 404), ("nobody", 404))
] + [importing(f"{name} of none", 404, body, state="unknown") for name, (body, _) in METHODS.items()]
NO_JSON = (None, b"", b"{", b"[]", b"5", b"null", b'"x"', b"\xff", b'{"method":' * 5000)
BAD_BODIES = [
    importing(f"the body {str(body)[:20]}", 400, body, state="staged") for body in NO_JSON
] + [
    importing(f"{name} with {field} {value!r:.30}", 400, {**body, field: value}, state=fits)
    for name, (body, fits) in METHODS.items() if name != "copy-image"
    for field, values in {
        "all_stores": (0, 1, "true", None, [], {}),
        "all_stores_must_succeed": (0, 1, "false", None, [], {}),
        "stores": ("fast", 5, {}, [5], [None], [""], [["fast"]], []),
        "method": (None, 5, [], "", {}, {"name": None}, {"name": 5}, {"name": ""}, {"name": "magic"}, {"name": LONG}),
    }.items()
    for value in values
]  # fmt: skip
STORES = [
    importing("a store that is none", 409, {**DIRECT, "stores": ["nowhere"]}, state="staged"),
    importing("a store that is none beside one", 409, {**DIRECT, "stores": ["fast", "nowhere"]}, state="staged"),
    importing("the staging store", 400, {**DIRECT, "stores": ["os_glance_staging_store"]}, state="staged"),
    importing("the store of tasks", 400, {**DIRECT, "stores": ["os_glance_tasks_store"]}, state="staged"),
    importing("all and some", 400, {**DIRECT, "all_stores": True, "stores": ["fast"]}, state="staged"),
    importing("all and one in the header", 400, {**DIRECT, "all_stores": True}, state="staged",
              headers={"X-Image-Meta-Store": "fast"}),
    importing("some and one in the header", 400, {**DIRECT, "stores": ["fast"]}, state="staged",
              headers={"X-Image-Meta-Store": "fast"}),
    importing("none in the header", 409, DIRECT, state="staged", headers={"X-Image-Meta-Store": "nowhere"}),
    importing("a copy to where it is", 400, {**COPY, "stores": ["fast"]}, state="active", caller="admin"),
    importing("a copy to where it is, beside another", 400, {**COPY, "stores": ["slow", "fast"]}, state="active",
              caller="admin"),
    importing("a copy to the default store, where it is", 400, COPY, state="active", caller="admin"),
    importing("a copy by its owner", 403, {**COPY, "stores": ["slow"]}, state="active"),
]  # fmt: skip
ADDRESSES = [
    importing(f"the address {uri!r:.40}", 400, fetching(uri))
    for uri in (
        None, 5, [], {}, "", " ", "x", "/", "http://", "http:///x", "file:///etc/passwd", "ftp://127.0.0.1:{port}/",
        "http://127.0.0.1:1/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://u@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/\0", "http://127.0.0.1:{port}/é", "http://127.0.0.1:{port}/" + "x" * 5000,
        "http://127.0.0.1:99999/", "http://[::1", "\ud800",
    )
]  # fmt: skip
REGIONS = [
    importing(f"another region with {field} {value!r:.30}", 400, {"method": {**REMOTE, field: value}})
    for field, values in {
        "glance_region": (None, "", 5, []),
        "glance_image_id": (None, "", 5, "nope", UNKNOWN + "0", "../" + UNKNOWN),
        "glance_service_interface": (5, [], {}),
    }.items()
    for value in values
]
STAGING = [
    *(stage(f"staging an image that is {state}", 409, state=state) for state in STATES if state != "queued"),
    *(stage(f"staging by {who}", status, caller=who) for who, status in (("reader", 403), ("stranger", 404))),
    stage("staging by another", 403, state="public", caller="other"),
    stage("staging none", 404, state="unknown"),
    *(stage(f"the type {kind!r}", 415, headers={"Content-Type": kind} if kind else {"content-type": ""})
      for kind in ("", "text/plain", "application/json", "application/octet-streams", "multipart/form-data")),
    *(stage(f"the size {size!r:.20}", 400, headers={**OCTETS, "x-openstack-image-size": size})
      for size in ("", "x", "-1", "1.5", "1e3", "0x1", "2", "0", "9" * 30)),
    stage("beyond the cap", 413, body=bytes(CAP + 1)),
    stage("beyond the cap, in pieces", 413, body=[bytes(CAP), b"x"]),
    stage("declared beyond the cap", 413, body=[b"x"], headers={**OCTETS, "x-openstack-image-size": str(CAP + 1)}),
    stage("content that is unsafe", 415, body=b"QFI\xfb\0\0\0\3" + (512).to_bytes(8) + bytes(1000)),
    *(call(f"{method} of what is staged", 405, method, "/v2/images/{id}/stage", state="staged")
      for method in ("GET", "POST", "DELETE", "PATCH")),
]  # fmt: skip
TASKS = [
    *(task(f"the body {str(body)[:20]}", 400, body) for body in NO_JSON),
    *(task(f"the type {kind!r:.20}", 400, {**asked(), "type": kind})
      for kind in (None, 5, "", "export", "api_image_import", "location_import", [], LONG)),
    *(task(f"the input {given!r:.20}", 400, {"type": "import", "input": given}) for given in (None, 5, "x", [], {})),
    task("no type", 400, {"input": asked()["input"]}),
    task("no input", 400, {"type": "import"}),
    task("another key", 400, {**asked(), "more": 1}),
    *(task(f"{field} {value!r:.20}", 400, asked(**{field: value}))
      for field in ("import_from", "import_from_format", "image_properties")
      for value in (..., None, 5, [], "")),
    *(task(f"the address {uri!r:.30}", 400, asked(import_from=uri))
      for uri in ("file:///etc/passwd", "swift://x", "http://127.0.0.1:1/", "http://169.254.169.254/", "x")),
    *(task(f"properties {value!r:.30}", status, asked(image_properties=value))
      for value, status in (
          ({"disk_format": "floppy", "container_format": "bare"}, 400), ({"disk_format": 5}, 400),
          ({"name": LONG, "disk_format": "raw", "container_format": "bare"}, 400),
          ({"disk_format": "raw", "container_format": "bare", "status": "active"}, 403),
          ({"disk_format": "raw", "container_format": "bare", "os_glance_x": "y"}, 403),
      )),
    *(task(f"a task by {who}", 403, asked(), caller=who) for who in ("owner", "reader", "nobody")),
    *(call("tasks by an owner", 403, "GET", path) for path in ("/v2/tasks", f"/v2/tasks/{UNKNOWN}")),
    *(call(f"the listing {query}", 400, "GET", f"/v2/tasks?{query}", caller="admin")
      for query in ("limit=-1", "limit=x", "limit=-" + "9" * 30, "marker=nope", f"marker={UNKNOWN}", "sort_key=zz",
                    "sort_key=", "sort_dir=up", "type=zz", "status=zz", "type=%ff")),
    call("no task", 404, "GET", f"/v2/tasks/{UNKNOWN}", caller="admin"),
    call("no id", 404, "GET", "/v2/tasks/nope", caller="admin"),
    *(call(f"{method} of a task", 405, method, f"/v2/tasks/{UNKNOWN}", caller="admin")
      for method in ("DELETE", "PUT", "PATCH", "POST")),
    *(call(f"{method} of tasks", 405, method, "/v2/tasks", caller="admin") for method in ("DELETE", "PUT", "PATCH")),
    call("tasks of none", 404, "GET", f"/v2/images/{UNKNOWN}/tasks"),
    call("tasks of another's image", 404, "GET", "/v2/images/{id}/tasks", caller="stranger"),
    *(call(f"{method} of an image's tasks", 405, method, "/v2/images/{id}/tasks") for method in ("POST", "DELETE")),
    *(call(f"{method} of imports", 405, method, "/v2/images/{id}/import") for method in ("GET", "PUT", "DELETE")),
]  # fmt: skip
TABLE = {
    "states": WRONG_STATES, "callers": WRONG_CALLERS, "bodies": BAD_BODIES, "stores": STORES, "addresses": ADDRESSES,
    "regions": REGIONS, "staging": STAGING, "tasks": TASKS,
}  # fmt: skip


class Desk(NamedTuple):
    api: Api
    web: Web
    server: Server
    folder: Path
    images: dict[str, str]  # by state: refusals change none, so that each state needs one

    def everything(self) -> tuple[Any, ...]:
        """All that a refusal could leave behind: files with their sizes, and all rows that say anything."""
        folders = [self.folder / name for name in ("fast", "slow", "data/staging")]
        files = sorted((str(path), path.stat().st_size) for root in folders for path in root.rglob("*"))
        with sqlite3.connect(f"file:{self.server.data_dir / 'glance.sqlite'}?mode=ro", uri=True, timeout=20) as db:
            rows = [db.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall() for table, columns in ROWS]
        db.close()
        return files, rows

    def ask(self, case: Case) -> tuple[int, str]:
        image_id = self.images.get(case.state, UNKNOWN)
        body = filled(case.body, str(self.web.port))
        headers = {"Accept": "application/json", **case.headers}
        if case.path.endswith("/stage") and isinstance(body, list):
            body = iter(body)
        if case.method == "PUT" and body is not None:
            answer = self.api.send(case.method, case.path.replace("{id}", image_id), body, headers, case.caller)
        else:
            path = case.path.replace("{id}", image_id)
            answer = self.api.call(case.method, path, body, caller=case.caller, headers=headers)
        return answer.status, str(answer.json["message"]).strip()


#: When an image was touched last is told by what was begun and undone as well. What is importing has a heartbeat in
#: gt_jobs; what else is there of a job is in its task.
ROWS = (
    ("images", "id, name, status, size, virtual_size, checksum, os_hash_value, disk_format, container_format, deleted"),
    ("image_locations", "*"), ("image_properties", "id, image_id, name, value, deleted"), ("tasks", "*"),
    ("task_info", "*"), ("gt_intents", "id, image_id, store, object_id, owner"), ("gt_outbox", "*"),
)  # fmt: skip


def filled(body: Any, port: str) -> Any:
    """With the web server's port, which is known only now."""
    if isinstance(body, dict):
        return {name: filled(value, port) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, port) for value in body]
    return body.replace("{port}", port) if isinstance(body, str) else body


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("refusals")
    go_on, reached = threading.Event(), threading.Event()
    with web_server() as web:
        config = CONFIG.format(folder=folder, port=web.port, cap=CAP)
        with running_server(folder, auth="headers", config=config) as server:
            web.paths |= {"/small": b"x" * 100, "/held": held_back(bytes(3000), 1000, go_on, reached)}
            api = Api(server.endpoint)
            states = ("queued", "staged", "active", "deactivated", "public")
            images = {state: image_in(api, state) for state in states} | {"importing": image_in(api, "queued")}
            api.call("POST", f"/v2/images/{images['importing']}/import", fetching(web.url("/held")))
            assert reached.wait(20)
            until(lambda: any((folder / "fast").rglob(f"*{images['importing']}*")))
            yield Desk(api, web, server, folder, images)
            go_on.set()
            until(lambda: api.show(images["importing"])["status"] == "active")


@pytest.mark.xdist_group("import refusals")
@pytest.mark.parametrize("part", TABLE)
def test_refusals_have_their_status_and_leave_everything_as_it_was(
    desk: Desk, part: str, record_property: Callable[[str, object], None]
) -> None:
    before, wrong = desk.everything(), []
    for case in TABLE[part]:
        status, sentence = desk.ask(case)
        if status != case.status or len(sentence.split()) < 3:
            wrong.append((case.why, case.status, status, sentence))
        if desk.everything() != before:
            wrong.append((case.why, "something changed"))
            before = desk.everything()
    assert wrong == []
    record_property("refusals of staging, imports and tasks", len(TABLE[part]))
