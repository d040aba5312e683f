"""Asking the disk to begin."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.stores import writeback
from glancetui.stores.writeback import start_writing

SIZE = 1 << 20


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "object", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, os.urandom(SIZE))
    os.fsync(descriptor)  # what is on the disk already is what other advice would drop
    yield descriptor
    os.close(descriptor)


def in_memory(descriptor: int) -> bool:
    try:
        return all(os.preadv(descriptor, [bytearray(1)], at, os.RWF_NOWAIT) for at in range(0, SIZE, 4096))
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):
            pytest.skip("this filesystem does not tell what is in memory")
        return False


def test_what_is_written_stays_in_memory(file: int) -> None:
    if not in_memory(file):
        pytest.skip("this filesystem keeps nothing in memory")
    start_writing(file, 0, SIZE)
    assert in_memory(file)


def test_advice_about_a_bad_descriptor_is_ignored() -> None:
    start_writing(-1, 0, SIZE)


def test_a_system_without_the_call_is_no_error(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writeback, "_sync_file_range", lambda: None)
    start_writing(file, 0, SIZE)
