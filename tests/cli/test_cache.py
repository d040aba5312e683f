"""`cache …` as commands, against a service that has one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Glancetui
from tests.serving import running_server

DATA = random.Random(5).randbytes(300_000)
NODE = "http://node-7:9292"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cache")
    config = f"[DEFAULT]\nimage_cache_dir = {folder}/cache\nworker_self_reference_url = {NODE}\n"
    config += "image_cache_max_size = 1000\n"
    with running_server(folder, config=config) as server:
        yield server.endpoint


@pytest.fixture
def here(endpoint: str, tmp_path: Path) -> Glancetui:
    (tmp_path / "home").mkdir()
    (tmp_path / "disk").write_bytes(DATA)
    return Glancetui(endpoint, tmp_path / "home")


def listed(here: Glancetui, *more: str) -> dict[str, str]:
    return {row["image_id"]: row["state"] for row in here.run("cache", "list", "-f", "json", *more).json}


def test_an_image_is_fetched_listed_found_evicted_and_pruned(here: Glancetui, tmp_path: Path) -> None:
    flags = ("--disk-format", "raw", "--container-format", "bare", "--file", str(tmp_path / "disk"))
    image = here.new(*flags)["id"]
    planned = here.run("cache", "queue", image, "--dry-run", "-f", "json").json
    assert [(row["image_id"], row["state"]) for row in planned] == [(image, "not cached")]
    queued = here.run("cache", "queue", image, "--wait")
    assert (queued.code, queued.err.split()[0]) == (0, "cached"), queued.err
    (row,) = here.run("cache", "list", "-f", "json", "-c", "size", "-c", "hits", "-c", "state").json
    assert row == {"size": len(DATA), "hits": 0, "state": "cached"}
    assert "293 KiB" in here.run("cache", "list", "--cached").out
    assert here.run("cache", "nodes", image, "-f", "value").out.split() == [NODE]
    assert here.run("cache", "evict", image).code == 0
    assert listed(here) == {}
    assert here.run("cache", "prefetch", image, "--wait").code == 0
    assert here.run("cache", "prune", "-f", "json").json == {"files": 1, "bytes": len(DATA)}
    assert here.run("cache", "clean").code == 0


def test_clearing_asks_first(here: Glancetui, tmp_path: Path) -> None:
    flags = ("--disk-format", "raw", "--container-format", "bare", "--file", str(tmp_path / "disk"))
    image = here.new(*flags)["id"]
    assert here.run("cache", "queue", image, "--wait").code == 0
    assert here.run("cache", "clear").code == 2
    assert here.run("cache", "clear", "--dry-run", "-f", "json", "-c", "image_id").json == [{"image_id": image}]
    assert here.run("cache", "clear", "--yes").code == 0
    assert listed(here) == {}


def test_what_cannot_be_done_says_why(here: Glancetui, service: str) -> None:
    empty = here.new()["id"]
    refused = here.run("cache", "queue", empty)
    assert (refused.code, "only an active one" in refused.err) == (1, True), refused
    assert here.run("cache", "evict", "nothing-of-this-name").code == 3
    without = here.run("cache", "list", at=service)
    assert (without.code, "no image cache" in without.err) == (3, True), without
