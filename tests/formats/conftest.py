"""Images for these tests; other packages import `tests.backends.images`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends import images

LUKS_SIZE = 5 << 20  # virtual bytes


@pytest.fixture(scope="session")
def luks_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: qemu-img takes seconds to choose the cost of its key."""
    return images.qemu_image(tmp_path_factory.mktemp("luks"), "luks", LUKS_SIZE)


@pytest.fixture
def qemu_image(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    def make(fmt: str, size: int, *options: str, content: bytes = b"") -> Path:
        if (fmt, size, options) == ("luks", LUKS_SIZE, ()):
            return Path(request.getfixturevalue("luks_image"))
        return images.qemu_image(tmp_path, fmt, size, *options, content=content)

    return make


@pytest.fixture
def iso_image(tmp_path: Path) -> Callable[..., Path]:
    return functools.partial(images.iso_image, tmp_path)
