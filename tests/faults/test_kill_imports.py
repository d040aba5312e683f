"""SIGKILL for workers and whole services in the middle of imports: each ends well or is undone, and nothing stays."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.web import Web, held_back, web_server
from tests.faults.processes import kill_tree
from tests.images.data_path import noise
from tests.images.waiting import until
from tests.server.api import Api
from tests.serving import Server, running_server, two_stores

DATA = noise(4_000_000)
OCTETS = {"Content-Type": "application/octet-stream"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}
LEASE = 3


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as running:
        yield running


def config(port: int, folder: Path) -> str:
    return f"""\
{two_stores(folder, port)}[glancetui]
trusted_peers = 127.0.0.1
upload_lease_seconds = {LEASE}
"""


def running(tmp_path: Path, web: Web, workers: int = 2):
    return running_server(tmp_path, auth="headers", workers=workers, config=config(web.port, tmp_path))


def tasks_of(api: Api, image_id: str) -> list[dict[str, object]]:
    found = api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
    assert isinstance(found, list)
    return found


def is_settled(api: Api, image_id: str) -> bool:
    return all(task["status"] in {"success", "failure"} for task in tasks_of(api, image_id))


def bring(api: Api, image_id: str, url: str) -> None:
    body = {"method": {"name": "web-download", "uri": url}, "all_stores": True}
    assert api.call("POST", f"/v2/images/{image_id}/import", body).status == 202


def files(tmp_path: Path) -> list[str]:
    """Of the stores and the staging folder."""
    folders = (tmp_path / "fast", tmp_path / "slow", tmp_path / "data" / "staging")
    return sorted(path.name for folder in folders for path in folder.rglob("*") if path.is_file())


def kill_worker_with_job(server: Server) -> None:
    """The one that reads from the web server; which one it is nobody tells, so all go, one after the other."""
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(server.workers()) > 0, 30)


@pytest.mark.parametrize("kill", ["workers", "service"])
def test_an_import_survives_its_worker(tmp_path: Path, web: Web, kill: str) -> None:
    go_on, reached = threading.Event(), threading.Event()
    web.paths["/image"] = held_back(DATA, 2_000_000, go_on, reached)
    with running(tmp_path, web) as server:
        api = Api(server.endpoint)
        image_id = api.make(**FORMATS)
        bring(api, image_id, web.url("/image"))
        assert reached.wait(20)
        web.paths["/image"] = DATA
        if kill == "workers":
            kill_worker_with_job(server)
            go_on.set()
            until(lambda: is_settled(api, image_id), 40)
            assert api.show(image_id)["status"] == "active"
            assert sorted(api.show(image_id)["stores"].split(",")) == ["fast", "slow"]
            until(lambda: files(tmp_path) == [image_id, image_id], 10)
        else:
            kill_tree(server.pid, signal.SIGKILL)
            go_on.set()
    if kill == "service":
        with running(tmp_path, web) as server:
            api = Api(server.endpoint)
            until(lambda: is_settled(api, image_id), 40)
            assert api.show(image_id)["status"] == "active"
            until(lambda: files(tmp_path) == [image_id, image_id], 10)


def test_an_import_goes_on_after_an_orderly_stop(tmp_path: Path, web: Web) -> None:
    go_on, reached = threading.Event(), threading.Event()
    web.paths["/image"] = held_back(DATA, 2_000_000, go_on, reached)
    with running(tmp_path, web, workers=1) as server:
        api = Api(server.endpoint)
        image_id = api.make(**FORMATS)
        bring(api, image_id, web.url("/image"))
        assert reached.wait(20)
        web.paths["/image"] = DATA
        server.process.send_signal(signal.SIGTERM)
        go_on.set()
        assert server.process.wait(40) == 0
    with running(tmp_path, web, workers=1) as server:
        api = Api(server.endpoint)
        until(lambda: is_settled(api, image_id), 40)
        assert (api.show(image_id)["status"], files(tmp_path)) == ("active", [image_id, image_id])


@pytest.mark.slow(seconds=40)
@pytest.mark.timeout(240)
def test_kills_at_random_moments_leave_no_image_stuck_and_no_byte_behind(tmp_path: Path, web: Web) -> None:
    seed = int(os.environ.get("GLANCETUI_FAULT_SEED") or random.SystemRandom().getrandbits(32))
    chance, ids, kills = random.Random(seed), [], 0
    print(f"seed {seed}")
    web.paths |= {"/image": DATA, "/small": b"x" * 1000}
    rounds, deadline = int(os.environ.get("GLANCETUI_FAULT_ROUNDS", "3")), time.monotonic() + 120
    while kills < rounds and time.monotonic() < deadline:
        with running(tmp_path, web) as server:
            api = Api(server.endpoint)
            for _ in range(chance.randrange(1, 5)):
                image_id = api.make(**FORMATS)
                ids.append(image_id)
                if chance.random() < 0.5:
                    bring(api, image_id, web.url(chance.choice(("/image", "/small", "/gone"))))
                else:
                    api.call("PUT", f"/v2/images/{image_id}/stage", DATA, headers=OCTETS)
                    body = {"method": {"name": "glance-direct"}, "stores": ["slow"]}
                    api.call("POST", f"/v2/images/{image_id}/import", body)
                if chance.random() < 0.2:
                    api.call("DELETE", f"/v2/images/{image_id}")
            time.sleep(chance.uniform(0, 0.2))  # anywhere in what they are doing now
            kill_tree(server.pid, signal.SIGKILL)
            kills += 1
    with running(tmp_path, web) as server:
        api = Api(server.endpoint)
        alive = [image_id for image_id in ids if api.show(image_id) is not None]
        until(lambda: all(is_settled(api, image_id) for image_id in alive), 60)
        until(lambda: all(api.show(each)["status"] in {"active", "queued", "uploading"} for each in alive), 30)
        shown = {image_id: api.show(image_id) for image_id in alive}
        expected = sorted(
            [each for each, image in shown.items() for _ in (image.get("stores") or "").split(",") if _]
            + [each for each, image in shown.items() if image["status"] == "uploading"]
        )
        assert all("os_glance_import_task" not in image for image in shown.values())
        until(lambda: files(tmp_path) == expected, 40)
