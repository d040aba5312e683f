"""`image location …`, `store …` and `image delete --store` as commands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.web import Web, web_server
from tests.cli.conftest import Glancetui
from tests.images.data_path import noise
from tests.server.test_locations import config
from tests.serving import running_server

DATA = noise(100_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with web_server() as running:
        running.paths |= {"/one": DATA, "/two?signature=secret": DATA}
        yield running


@pytest.fixture(scope="module")
def endpoint(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("locations")
    with running_server(folder, config=config(web.port, folder)) as server:
        yield server.endpoint


@pytest.fixture
def here(endpoint: str, tmp_path: Path) -> Glancetui:
    (tmp_path / "home").mkdir()
    return Glancetui(endpoint, tmp_path / "home")


def empty(here: Glancetui) -> str:
    return str(here.new("--disk-format", "raw", "--container-format", "bare")["id"])


def test_a_location_becomes_an_images_data_and_further_ones_its_copies(here: Glancetui, web: Web) -> None:
    image, one, two = empty(here), web.url("/one"), web.url("/two?signature=secret")
    added = here.run("image", "location", "add", image, one, "--hash", f"sha256:{SHA256}", "--wait", "-f", "json")
    assert (added.code, added.json["status"], added.json["os_hash_value"]) == (0, "active", SHA256)
    more = here.run("image", "location", "add", image, two, "--metadata", "zone=b", "-f", "json")
    assert (more.code, more.json["stores"]) == (0, "web,web")
    listed = here.run("image", "location", "list", image, "-f", "json")
    assert listed.json == [
        {"url": one, "store": "web", "metadata": {}},
        {"url": web.url("/two?signature=***"), "store": "web", "metadata": {"zone": "b"}},
    ]
    assert here.run("image", "location", "remove", image, two).code == 2  # nobody to ask
    removed = here.run("image", "location", "remove", image, two, "--yes")
    assert removed.code == 0
    assert "secret" not in removed.out + removed.err
    assert here.run("image", "location", "list", image, "-f", "value", "-c", "url").out == f"{one}\n"
    last = here.run("image", "location", "remove", image, one, "--yes")
    assert (last.code, "last location" in last.err) == (4, True)
    assert here.run("image", "location", "remove", image, two, "--yes").code == 3


def test_a_location_that_is_not_what_was_said_fails_with_its_reason(here: Glancetui, web: Web) -> None:
    image = empty(here)
    failed = here.run("image", "location", "add", image, web.url("/one"), "--hash", f"sha256:{'0' * 64}", "--wait")
    assert failed.code == 1
    assert "another sha256" in failed.err
    assert here.run("image", "show", image, "-f", "value", "-c", "status").out == "queued\n"
    assert here.run("image", "location", "add", image, web.url("/one"), "--hash", "sha256").code == 2


def test_stores_are_listed_and_shown(here: Glancetui) -> None:
    listed = here.run("store", "list", "-f", "json").json
    assert [(store["id"], store["type"], store["read_only"]) for store in listed] == [
        ("fast", "file", False), ("web", "http", True), ("slow", "file", False),
    ]  # fmt: skip
    shown = here.run("store", "show", "fast", "-f", "json").json
    assert (shown["default"], shown["weight"], shown["description"]) == (True, 5, "quick")
    assert shown["properties"]["chunk_size"] == 1048576
    absent = here.run("store", "show", "nowhere")
    assert (absent.code, "store list" in absent.err) == (3, True)


def test_one_copy_is_deleted_by_its_store(here: Glancetui, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(DATA)
    image = here.new("--file", str(tmp_path / "disk"), "--disk-format", "raw")["id"]
    assert here.run("image", "copy", image, "--store", "slow", "--wait").code == 0
    assert here.run("image", "delete", image, "--store", "fast", "--yes").code == 0
    assert here.run("image", "show", image, "-f", "value", "-c", "stores").out == "slow\n"
    assert here.run("image", "delete", image, "--store", "slow", "--yes").code == 4
    assert here.run("image", "delete", image, "--store", "nowhere", "--yes").code == 5
