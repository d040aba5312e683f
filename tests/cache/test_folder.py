"""The cache's folder: one filler at a time, in whichever process, and nothing half-filled ever counts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from glancetui.cache.folder import CachedFile, CacheFolder, is_locked
from glancetui.errors import ConfigError
from tests.images.waiting import until

IMAGE = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
HALF = "half of it"
FILLER = """
import sys
from pathlib import Path
from glancetui.cache.folder import CacheFolder
draft = CacheFolder(Path(sys.argv[1])).begin(sys.argv[2])
draft.write(sys.argv[3].encode())
print("begun", flush=True)
if sys.stdin.read(1) == "c":
    draft.write(b"!")
    draft.commit()
"""


@pytest.fixture
def folder(tmp_path: Path) -> CacheFolder:
    return CacheFolder(tmp_path / "deep" / "cache")


@contextmanager
def filler(folder: CacheFolder, image_id: str = IMAGE) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has filled half of an entry. Written to, it goes on to the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", FILLER, str(folder.path), image_id, HALF], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"begun\n"
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


def filled(folder: CacheFolder, image_id: str, data: bytes = b"data") -> None:
    draft = folder.begin(image_id)
    assert draft is not None
    draft.write(data)
    draft.commit()
    draft.close()


def names(folder: CacheFolder, part: str) -> list[str]:
    return sorted(path.name for path in (folder.path / part).iterdir() if path.is_file())


def test_an_entry_is_seen_whole_or_not_at_all(folder: CacheFolder) -> None:
    draft = folder.begin(IMAGE)
    assert draft is not None
    draft.write(b"da")
    assert (folder.has(IMAGE), folder.entry(IMAGE), list(folder.entries())) == (False, None, [])
    draft.write(memoryview(b"ta"))
    draft.commit()
    draft.close()
    assert list(folder.entries()) == [CachedFile(IMAGE, 4)]
    file = folder.entry(IMAGE)
    assert file is not None
    with file:
        assert file.read() == b"data"
    assert folder.begin(IMAGE) is None
    assert (folder.remove(IMAGE), folder.remove(IMAGE)) == (4, None)


def test_one_fills_at_a_time_in_whichever_process(folder: CacheFolder) -> None:
    draft = folder.begin(IMAGE)
    assert draft is not None
    assert folder.begin(IMAGE) is None
    with filler(folder, OTHER):
        assert folder.begin(OTHER) is None
    draft.discard()
    draft.close()
    assert names(folder, "invalid") == [IMAGE]
    filled(folder, IMAGE)


def test_a_reader_in_another_process_sees_a_filler_go_on_and_end(folder: CacheFolder) -> None:
    with filler(folder) as process:
        file = folder.being_filled(IMAGE)
        assert file is not None
        with file:
            assert file.read() == HALF.encode()
            assert is_locked(file.fileno())
            assert process.stdin is not None
            process.stdin.write(b"c")
            process.stdin.flush()
            until(lambda: not is_locked(file.fileno()))
            assert file.read() == b"!"
    assert list(folder.entries()) == [CachedFile(IMAGE, len(HALF) + 1)]


def test_a_filler_that_is_killed_is_seen_at_once_and_replaced(folder: CacheFolder) -> None:
    with filler(folder) as process:
        file = folder.being_filled(IMAGE)
        assert file is not None
        process.kill()
        process.wait(10)
        with file:
            assert not is_locked(file.fileno())
    assert folder.being_filled(IMAGE) is None
    filled(folder, IMAGE)
    assert list(folder.entries()) == [CachedFile(IMAGE, 4)]


def test_what_a_crash_left_half_filled_is_removed_and_what_others_fill_is_not(folder: CacheFolder) -> None:
    with filler(folder, OTHER):
        (folder.path / "incomplete" / IMAGE).write_bytes(b"half")
        assert folder.remove_abandoned() == 1
        assert names(folder, "incomplete") == [OTHER]


def test_cleaning_removes_what_is_invalid_and_what_has_stalled(folder: CacheFolder) -> None:
    for part, name, age in (("invalid", "a", 0), ("incomplete", "b", 100), ("incomplete", "c", 0), ("queue", "d", 999)):
        path = folder.path / part / name
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age,) * 2)
    with filler(folder, "e"):
        os.utime(folder.path / "incomplete" / "e", (time.time() - 10,) * 2)
        assert folder.clean(5) == 2
        assert names(folder, "incomplete") == ["c", "e"]  # the last is filled slowly, not stalled
        os.utime(folder.path / "incomplete" / "e", (time.time() - 100,) * 2)
        assert folder.clean(50) == 1
    assert (names(folder, "invalid"), names(folder, "queue")) == ([], ["d"])


def test_a_filler_whose_file_was_cleaned_away_cannot_commit(folder: CacheFolder) -> None:
    draft = folder.begin(IMAGE)
    assert draft is not None
    (folder.path / "incomplete" / IMAGE).unlink()
    filled(folder, IMAGE, b"another's")
    with pytest.raises(FileNotFoundError):
        draft.commit()
    draft.discard()
    draft.close()
    assert list(folder.entries()) == [CachedFile(IMAGE, 9)]


def test_the_queue_keeps_its_order_and_takes_each_once(folder: CacheFolder) -> None:
    for age, image_id in enumerate((IMAGE, "b", OTHER)):
        assert folder.enqueue(image_id)
        os.utime(folder.path / "queue" / image_id, (1000 + age,) * 2)
    assert not folder.enqueue(IMAGE)
    assert folder.queued() == [IMAGE, "b", OTHER]
    assert (folder.dequeue("b"), folder.dequeue("b")) == (True, False)
    filled(folder, "c")
    assert not folder.enqueue("c")  # cached
    assert folder.queued() == [IMAGE, OTHER]


@pytest.mark.parametrize("name", ["", ".", "..", "queue/../x", "../x", "a.b", "cache.db", "x" * 37, "\0", "é"])
def test_what_can_be_no_image_id_touches_nothing(folder: CacheFolder, name: str) -> None:
    (folder.path / "cache.db").write_bytes(b"books")
    assert (folder.has(name), folder.entry(name), folder.remove(name), folder.begin(name)) == (False, None, None, None)
    assert (folder.enqueue(name), folder.dequeue(name), folder.being_filled(name)) == (False, False, None)
    assert (list(folder.entries()), folder.queued()) == ([], [])
    assert (folder.path / "cache.db").read_bytes() == b"books"


@pytest.mark.parametrize("name", ["queue", "incomplete", "invalid"])
def test_the_folders_own_parts_are_no_entries(folder: CacheFolder, name: str) -> None:
    assert (folder.has(name), folder.entry(name), folder.remove(name)) == (False, None, None)
    assert list(folder.entries()) == []


def test_a_folder_that_cannot_be_made_says_which_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="image_cache_dir"):
        CacheFolder(tmp_path / "file" / "cache")
