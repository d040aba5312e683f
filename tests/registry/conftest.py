from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.registry.sql import SqlRegistry, open_registry
from tests.registry.making import settings


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was made once; tests copy it."""
    folder = tmp_path_factory.mktemp("empty")
    open_registry(settings(folder), "node-1").close()
    return folder / "glance.sqlite"


@pytest.fixture
def registry(tmp_path: Path, empty: Path) -> Iterator[SqlRegistry]:
    shutil.copy(empty, tmp_path)
    opened = open_registry(settings(tmp_path), "node-1")
    yield opened
    opened.close()
