"""`image stage`, `image import`, `image copy` and `task …` as commands, against a service with two stores."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.web import Web, held_back, web_server
from tests.cli.conftest import Glancetui
from tests.serving import running_server, two_stores

DATA = random.Random(9).randbytes(400_000)


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with web_server() as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("stores")
    with running_server(folder, config=two_stores(folder, web.port)) as server:
        yield server.endpoint


@pytest.fixture
def here(endpoint: str, tmp_path: Path) -> Glancetui:
    (tmp_path / "home").mkdir()
    (tmp_path / "disk").write_bytes(DATA)
    return Glancetui(endpoint, tmp_path / "home")


def empty(here: Glancetui) -> str:
    return str(here.new("--disk-format", "raw", "--container-format", "bare")["id"])


def test_data_are_staged_and_imported(here: Glancetui, tmp_path: Path) -> None:
    image = here.new()["id"]
    staged = here.run("image", "stage", image, "--file", str(tmp_path / "disk"), "-f", "json")
    assert (staged.code, staged.json["status"], staged.json["disk_format"]) == (0, "uploading", "raw")
    done = here.run("image", "import", image, "--wait", "-f", "json", "--store", "slow")
    assert (done.code, done.json["status"], done.json["stores"]) == (0, "active", "slow"), done.err


def test_an_image_is_created_from_a_url(here: Glancetui, web: Web) -> None:
    web.paths["/new.raw"] = DATA
    made = here.run(
        "image", "create", "fetched", "--uri", web.url("/new.raw"), "--disk-format", "raw", "--wait", "-f", "json"
    )
    assert (made.code, made.json["status"], made.json["size"]) == (0, "active", len(DATA)), made.err
    assert made.json["container_format"] == "bare"
    unsaid = here.run("image", "create", "unsaid", "--uri", web.url("/new.raw"))
    assert (unsaid.code, "--disk-format" in unsaid.err) == (2, True)


def test_a_failure_is_told_with_its_reason_and_a_retry_works(here: Glancetui, web: Web) -> None:
    image = empty(here)
    failed = here.run("image", "import", image, "--uri", web.url("/absent"), "--wait")
    assert failed.code == 1
    assert "answered 404" in failed.err
    assert "(refused, task " in failed.err
    assert f"glancetui image import {image} --uri {web.url('/absent')} --wait" in failed.err
    assert "its last import failed: " in here.run("image", "show", image).err
    web.paths["/present"] = DATA
    again = here.run("image", "import", image, "--uri", web.url("/present"), "--wait", "-f", "json")
    assert (again.code, again.json["status"]) == (0, "active")
    tasks = here.run("task", "list", "--image", image, "-f", "json").json
    assert sorted(task["status"] for task in tasks) == ["failure", "success"]
    everything = here.run("task", "list", "--status", "failure", "-f", "json").json
    failure = next(task for task in everything if task["image_id"] == image)
    shown = here.run("task", "show", failure["id"], "-f", "json").json
    assert (shown["error_code"], "404" in shown["message"]) == ("refused", True)
    assert here.run("task", "show", "00000000-0000-4000-8000-000000000000").code == 3


def test_progress_is_watched_from_the_terminal(here: Glancetui, web: Web) -> None:
    go_on, reached = threading.Event(), threading.Event()
    web.paths["/slow"] = held_back(DATA, 300_000, go_on, reached)
    image = empty(here)
    begun = here.run("image", "import", image, "--uri", web.url("/slow"), "-f", "json")
    assert (begun.code, begun.json["status"], "task show" in begun.err) == (0, "importing", True)
    assert reached.wait(10)
    (task,) = here.run("task", "list", "--image", image, "-f", "json").json
    waiting = here.run("task", "show", task["id"], "--image", image, "--wait", "--wait-timeout", "4", "--progress-json")
    assert waiting.code == 1
    assert '"phase":"storing"' in waiting.err
    assert f'"total":{len(DATA)}' in waiting.err
    go_on.set()
    ended = here.run("task", "show", task["id"], "--wait", "-f", "json")
    assert (ended.code, ended.json["status"]) == (0, "success"), ended.err


def test_an_image_is_copied_to_more_stores(here: Glancetui, tmp_path: Path) -> None:
    image = here.new("--file", str(tmp_path / "disk"))["id"]
    copied = here.run("image", "copy", image, "--all-stores", "--wait", "-f", "json")
    assert (copied.code, copied.json["stores"]) == (0, "fast,slow"), copied.err
    again = here.run("image", "copy", image, "--all-stores", "--wait")
    assert (again.code, "everywhere already" in again.err) == (0, True)
    assert here.run("image", "copy", image, "--store", "slow").code == 1
    assert here.run("image", "copy", image).code == 2


def test_what_cannot_be_meant_is_a_usage_error(here: Glancetui) -> None:
    image = empty(here)
    assert here.run("image", "import", image, "--method", "web-download").code == 2
    assert here.run("image", "import", image, "--method", "glance-download").code == 2
    assert here.run("image", "import", image).code == 5
