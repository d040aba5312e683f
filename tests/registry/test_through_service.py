"""The registry's own suite, once more through the private service: what is promised there is kept here too.

Left out is what looks behind the registry: tests that take more than the `registry` itself, or touch its insides.
"""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from glancetui.config.settings import DatabaseSettings
from glancetui.registry.interface import Registry
from glancetui.registry.sql import open_registry
from tests.registry import (
    test_images,
    test_jobs,
    test_locations,
    test_members_events,
    test_metadefs,
    test_paging,
    test_races,
    test_uploads,
)
from tests.registry.service.serving import remote, service

SUITE = (
    test_images,
    test_jobs,
    test_locations,
    test_members_events,
    test_metadefs,
    test_paging,
    test_races,
    test_uploads,
)
BEHIND = re.compile(r"registry\._|os\.fork")
LEAST = 30  # so that a change of the suite's fixtures does not silently leave nothing


def suite() -> Iterator[tuple[str, object]]:
    for module in SUITE:
        for name, test in vars(module).items():
            if name.startswith("test_") and inspect.isfunction(test) and crosses(test):
                yield f"{name}__{module.__name__.rpartition('.')[2]}", test


def crosses(test: object) -> bool:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    given = {name for mark in marks for name in re.findall(r"\w+", str(mark.args[0]))}
    source = inspect.getsource(test)  # type: ignore[arg-type]
    return inspect.signature(test).parameters.keys() - given == {"registry"} and not BEHIND.search(source)  # type: ignore[arg-type]


globals().update(suite())


def database(folder: Path, *, upgrade: bool = False) -> DatabaseSettings:
    return DatabaseSettings(connection=f"sqlite:///{folder}/glance.sqlite", upgrade=upgrade, busy_seconds=20.0)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    open_registry(database(folder, upgrade=True), "node-1").close()
    return folder / "glance.sqlite"


@pytest.fixture
def registry(tmp_path: Path, made_once: Path) -> Iterator[Registry]:
    shutil.copy(made_once, tmp_path)
    with (
        closing(open_registry(database(tmp_path), "node-1")) as opened,
        service(tmp_path / "s", opened),
        closing(remote(tmp_path / "s")) as caller,
    ):
        yield caller  # type: ignore[misc]


def test_the_suite_is_here() -> None:
    assert len(dict(suite())) >= LEAST
