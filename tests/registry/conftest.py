from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.registry.sql import SqlRegistry
from tests.registry.places import KINDS, Kept, Place


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("empty"))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, kept: Kept, tmp_path: Path) -> Place:
    """A database of each kind, with the schema and without rows."""
    return kept.empty(request.param, tmp_path)


@pytest.fixture(params=KINDS)
def bare_place(request: pytest.FixtureRequest, kept: Kept, tmp_path: Path) -> Iterator[Place]:
    """A database of each kind without tables."""
    yield from kept.bare(request.param, tmp_path)


@pytest.fixture
def sqlite_place(kept: Kept, tmp_path: Path) -> Place:
    return kept.empty("sqlite", tmp_path)


@pytest.fixture
def registry(place: Place) -> Iterator[SqlRegistry]:
    opened = place.open()
    yield opened
    opened.close()


@pytest.fixture
def sqlite_registry(sqlite_place: Place) -> Iterator[SqlRegistry]:
    opened = sqlite_place.open()
    yield opened
    opened.close()
