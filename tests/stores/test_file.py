"""The file store: the contract of every driver, and what is its own."""

# ruff: noqa: PT012  what a writer's block raises is what is under test

from __future__ import annotations

import contextlib
import errno
import os
import resource
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from glancetui.config.settings import StoreSettings
from glancetui.errors import BadRequest, ConfigError, Duplicate, ObjectNotFound, StoreFull, StoreUnavailable
from glancetui.model import Location
from glancetui.stores import file as file_module
from glancetui.stores.catalogue import open_driver
from glancetui.stores.driver import CHUNK
from glancetui.stores.file import HOLE, FileStore, open_store
from tests.stores.contract import SMALL_ROOM, DriverContract, assert_empty, ids, noise, put, take

Mount = Callable[[str], Path]


def described(*folders: str, store_id: str = "disk", **options: object) -> StoreSettings:
    where = (
        {"filesystem_store_datadir": folders[0]} if len(folders) == 1 else {"filesystem_store_datadirs": list(folders)}
    )
    return StoreSettings(id=store_id, kind="file", options=where | options)


def run_or_skip(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{' '.join(command)}: {done.stderr.strip()}")


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mount a small tmpfs by its size; all are gone at the end."""
    mounted: list[Path] = []

    def mounting(size: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("mounting a small file system needs root")
        where = tmp_path / f"mount-{len(mounted)}"
        where.mkdir()
        run_or_skip("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where))
        mounted.append(where)
        return where

    yield mounting
    for where in mounted:
        subprocess.run(["umount", "--lazy", str(where)], check=False, capture_output=True)


class FileContract(DriverContract):
    @contextlib.contextmanager
    def take_away(self, settings: StoreSettings) -> Iterator[None]:
        folder = Path(str(settings.options["filesystem_store_datadir"]))
        aside = folder.with_name("aside")
        folder.rename(aside)
        try:
            yield
        finally:
            aside.rename(folder)

    @pytest.fixture
    def small(self, mount: Mount) -> StoreSettings:
        return described(str(mount(str(SMALL_ROOM))))


class TestFileStore(FileContract):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> StoreSettings:
        return described(str(tmp_path / "images"))


class TestThinFileStore(FileContract):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> StoreSettings:
        return described(str(tmp_path / "images"), filesystem_thin_provisioning=True)


class TestFileStoreWithoutHardLinks(FileContract):
    """As on CIFS and some FUSE file systems."""

    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def link(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(file_module.os, "link", link)

    @pytest.fixture
    def settings(self, tmp_path: Path) -> StoreSettings:
        return described(str(tmp_path / "images"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def store(folder: Path) -> FileStore:
    return open_store(described(str(folder)))


# -- files as Glance lays them ---------------------------------------------------------------------------------------


def test_object_is_a_file_called_by_its_id(store: FileStore, folder: Path) -> None:
    image_id = str(uuid.uuid4())
    location = put(store, image_id, b"content")
    assert (folder / image_id).read_bytes() == b"content"
    assert location.url == f"file://{folder}/{image_id}"


@pytest.mark.parametrize("url", ["file://{folder}/{id}", "filesystem://{folder}/{id}", "file:///{folder}//{id}"])
def test_locations_of_an_older_service_are_understood(store: FileStore, folder: Path, url: str) -> None:
    put(store, "old", b"content")
    spelled = url.format(folder=folder, id="old")
    assert store.claims(spelled)
    assert take(store, Location(store="disk", url=spelled)) == b"content"


def test_trailing_and_doubled_slashes_in_the_option_do_not_matter(tmp_path: Path) -> None:
    store = open_store(described(f"/{tmp_path}//images/"))
    assert put(store, "a", b"x").url == f"file://{tmp_path}/images/a"


def test_folder_with_odd_characters_works(tmp_path: Path) -> None:
    store = open_store(described(str(tmp_path / "a b%20ü#?")))
    assert take(store, put(store, "x", b"content")) == b"content"


@pytest.mark.parametrize(("bits", "mode"), [(0o640, 0o640), (0o600, 0o600), (0o644, 0o644)])
def test_files_have_the_configured_permissions(folder: Path, bits: int, mode: int) -> None:
    folder.mkdir(mode=0o700)
    store = open_store(described(str(folder), filesystem_store_file_perm=bits))
    put(store, "a", b"x")
    assert stat.S_IMODE((folder / "a").stat().st_mode) == mode
    may_enter = stat.S_IMODE(folder.stat().st_mode) & 0o011
    assert may_enter == (0o010 if mode & 0o070 else 0) | (0o001 if mode & 0o007 else 0)


def test_without_permissions_configured_the_umask_decides(store: FileStore, folder: Path) -> None:
    previous = os.umask(0o027)
    try:
        put(store, "a", b"x")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o640


# -- what lies in the folder besides ---------------------------------------------------------------------------------


def test_strangers_in_the_folder_are_not_objects(store: FileStore, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / ".hidden").write_bytes(b"x")
    (folder / "with space").write_bytes(b"x")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    put(store, "object", b"x")
    assert ids(store.list_objects()) == {"object"}
    assert ids(store.list_unfinished()) == set()


@pytest.mark.parametrize("name", ["link", "pipe", "sub"])
def test_what_is_no_regular_file_is_never_opened(store: FileStore, folder: Path, name: str) -> None:
    (folder / "sub").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    location = Location(store="disk", url=f"file://{folder}/{name}")
    with pytest.raises((StoreUnavailable, ObjectNotFound)):
        store.open_file(location)
    with pytest.raises((StoreUnavailable, ObjectNotFound)):
        take(store, location)
    store.delete(location)
    assert os.path.lexists(folder / name)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "file://{folder}/../secret", "file://{folder}/./a", "file://{folder}/sub/a",
        "file://{folder}/%2e%2e/secret", "file://{folder}", "file://{folder}/", "file://", "", "http://x/a",
        "file://localhost{folder}/a", "FILE://{folder}/a", "file://{folder}/.a.0123456789abcdef.partial",
        "file://{folder}/a\0", "file://{folder}x/a", "{folder}/a",
    ],
)  # fmt: skip
def test_a_location_outside_of_the_folders_is_never_opened(store: FileStore, folder: Path, url: str) -> None:
    (folder.parent / "secret").write_bytes(b"secret")
    put(store, "a", b"x")
    location = Location(store="disk", url=url.format(folder=folder))
    assert not store.claims(location.url)
    for attempt in (store.open_file, store.stat, store.delete, lambda place: take(store, place)):
        with pytest.raises(StoreUnavailable):
            attempt(location)
    assert (folder.parent / "secret").exists()
    assert ids(store.list_objects()) == {"a"}


@given(name=st.text(min_size=1, max_size=40) | st.from_regex(r"[./a-z\\%-]{1,12}", fullmatch=True))
@examples(max_examples=200, deadline=None)
def test_no_name_leaves_the_folder_or_hides_in_it(name: str) -> None:
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "images"
        store = open_store(described(str(folder)))
        with contextlib.suppress(BadRequest):
            put(store, name, b"x")
            assert ids(store.list_objects()) == {name}
        assert [path.name for path in Path(above).iterdir()] == ["images"]
        assert {path.name for path in folder.iterdir()} == ids(store.list_objects())


# -- thin provisioning -----------------------------------------------------------------------------------------------


def test_zero_blocks_become_holes(folder: Path) -> None:
    store = open_store(described(str(folder), filesystem_thin_provisioning=True))
    content = noise(HOLE) + bytes(64 * CHUNK) + noise(HOLE, 2) + bytes(5 * CHUNK)
    location = put(store, "sparse", content)
    facts = (folder / "sparse").stat()
    assert facts.st_size == len(content)
    assert facts.st_blocks * 512 <= 4 * HOLE
    assert take(store, location) == content


@given(
    pieces=st.lists(st.tuples(st.booleans(), st.integers(0, 3 * HOLE)), max_size=8),
    cuts=st.lists(st.integers(1, 2 * HOLE + 1), min_size=1, max_size=6),
)
@examples(max_examples=60, deadline=None)
def test_holes_never_change_the_content(pieces: list[tuple[bool, int]], cuts: list[int]) -> None:
    content = b"".join(bytes(size) if zero else noise(size) for zero, size in pieces)
    with tempfile.TemporaryDirectory() as above:
        store = open_store(described(above, filesystem_thin_provisioning=True))
        with store.open_writer("a", None) as writer:
            at, number = 0, 0
            while at < len(content):
                step = cuts[number % len(cuts)]
                writer.write(memoryview(content)[at : at + step])
                at, number = at + step, number + 1
            location = writer.commit()
        assert take(store, location) == content


def test_a_sparse_terabyte_costs_nothing(folder: Path) -> None:
    store = open_store(described(str(folder), filesystem_thin_provisioning=True))
    folder.mkdir(exist_ok=True)
    put(store, "huge", b"begin")
    os.truncate(folder / "huge", 1 << 40)
    location = store.location_of("huge")
    assert store.stat(location).size == 1 << 40
    assert take(store, location, (1 << 40) - 3, 3) == b"\0\0\0"


# -- several folders -------------------------------------------------------------------------------------------------


def test_the_highest_priority_with_room_is_written_to(mount: Mount) -> None:
    low, high, higher = mount("16m"), mount("16m"), mount("2m")
    store = open_store(described(f"{low}:1", f"{higher}:30", f"{high}:20"))
    assert put(store, "fits", noise(CHUNK)).url == f"file://{higher}/fits"
    assert put(store, "too-big", noise(4 * CHUNK)).url == f"file://{high}/too-big"
    with pytest.raises(StoreFull):
        store.open_writer("no-room", 1 << 40)


def test_among_equals_the_folder_with_the_most_room_is_written_to(mount: Mount) -> None:
    small, big = mount("4m"), mount("16m")
    store = open_store(described(f"{small}:5", f"{big}:5"))
    assert put(store, "a", b"x").url == f"file://{big}/a"


def test_objects_in_every_folder_are_found(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    store = open_store(described(f"{first}:10", f"{second}:5"))
    put(store, "a", b"x")
    (second / "b").write_bytes(b"y")
    assert ids(store.list_objects()) == {"a", "b"}
    assert take(store, store.location_of("b")) == b"y"
    with pytest.raises(Duplicate):
        store.open_writer("b", None)
    store.discard("b")
    assert not (second / "b").exists()


def test_another_folder_is_written_to_while_one_is_away(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    store = open_store(described(f"{first}:10", f"{second}:5"))
    first.rmdir()
    assert put(store, "a", b"x").url == f"file://{second}/a"
    assert not store.probe().ok
    with pytest.raises(StoreUnavailable):
        list(store.list_objects())


def test_folders_on_one_file_system_share_its_room(tmp_path: Path) -> None:
    store = open_store(described(f"{tmp_path}/1:10", f"{tmp_path}/2:5"))
    figures = os.statvfs(tmp_path)
    assert store.capacity().total == figures.f_blocks * figures.f_frsize


# -- faults ----------------------------------------------------------------------------------------------------------


def test_a_folder_that_vanishes_is_not_made_again(store: FileStore, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        put(store, "a", b"x")
    assert not folder.exists()


def test_a_folder_that_is_replaced_in_writing_gets_no_half_made_location(store: FileStore, folder: Path) -> None:
    with pytest.raises(StoreUnavailable, match="replaced"), store.open_writer("a", None) as writer:
        writer.write(b"x")
        folder.rename(folder.with_name("aside"))
        folder.mkdir()
        writer.commit()
    assert list(folder.iterdir()) == list(folder.with_name("aside").iterdir()) == []


def test_an_unmounted_file_system_is_not_taken_for_an_empty_store(mount: Mount) -> None:
    where = mount("4m")
    store = open_store(described(str(where)))
    location = put(store, "a", b"x")
    run_or_skip("umount", str(where))
    for attempt in (lambda: put(store, "b", b"x"), lambda: store.stat(location), lambda: store.delete(location)):
        with pytest.raises(StoreUnavailable, match="not mounted"):
            attempt()
    assert list(where.iterdir()) == []


def test_another_file_system_at_the_same_place_is_the_store_again(mount: Mount) -> None:
    where = mount("4m")
    store = open_store(described(str(where)))
    run_or_skip("umount", str(where))
    run_or_skip("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(where))
    put(store, "a", b"x")


def test_a_read_only_file_system_is_unavailable(mount: Mount) -> None:
    where = mount("4m")
    store = open_store(described(str(where)))
    location = put(store, "a", b"x")
    run_or_skip("mount", "-o", "remount,ro", str(where))
    for attempt in (lambda: put(store, "b", b"x"), lambda: store.delete(location)):
        with pytest.raises(StoreUnavailable):
            attempt()
    assert take(store, location) == b"x"


def test_a_limit_on_the_size_of_files_is_a_full_store(folder: Path) -> None:
    script = """
import resource, sys, msgspec
from glancetui.config.settings import StoreSettings
from glancetui.errors import StoreFull
from glancetui.stores.catalogue import open_driver
driver = open_driver(msgspec.json.decode(sys.argv[1], type=StoreSettings))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    with driver.open_writer("a", None) as writer:
        writer.write(bytes(200_000))
except StoreFull:
    sys.exit(7)
"""
    described_store = msgspec.json.encode(described(str(folder))).decode()
    done = subprocess.run([sys.executable, "-c", script, described_store], check=False, timeout=60)
    assert done.returncode == 7
    assert_empty(open_store(described(str(folder))))


@pytest.mark.parametrize("step", ["fsync", "link", "ftruncate", "fchmod"])
@pytest.mark.parametrize(
    ("number", "raised"),
    [
        (errno.EIO, StoreUnavailable),
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreUnavailable),
    ],
)
def test_a_commit_that_fails_at_any_step_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, raised: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    store = open_store(described(str(folder), filesystem_store_file_perm=0o640))
    with pytest.raises(raised), store.open_writer("a", None) as writer:
        writer.write(b"x")
        monkeypatch.setattr(file_module.os, step, fail)
        writer.commit()
    monkeypatch.undo()
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_durable_does_not_keep_the_object(
    store: FileStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(file_module.os, "fsync", only_files)
    with pytest.raises(StoreUnavailable), store.open_writer("a", None) as writer:
        writer.write(b"x")
        writer.commit()
    assert list(folder.iterdir()) == []


def test_what_recovery_removed_cannot_be_committed_any_more(store: FileStore, folder: Path) -> None:
    with pytest.raises(StoreUnavailable), store.open_writer("a", None) as writer:
        writer.write(b"x")
        store.discard("a")
        writer.commit()
    assert list(folder.iterdir()) == []


def test_commit_syncs_the_file_before_its_name_and_the_folder_after(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_sync, real_link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def link(*given: str, **named: int) -> None:
        steps.append("name")
        real_link(*given, **named)

    monkeypatch.setattr(file_module.os, "fsync", fsync)
    monkeypatch.setattr(file_module.os, "link", link)
    location = put(store, "a", b"x")
    assert steps == ["file", "name", "folder"]
    store.delete(location)
    assert steps[3:] == ["folder"]


def test_no_descriptor_is_kept(store: FileStore) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    location = put(store, "a", noise(2 * CHUNK))
    with contextlib.suppress(Duplicate):
        put(store, "a", b"x")
    take(store, location)
    with store.open_reader(location) as chunks:
        next(chunks)
    with pytest.raises(StoreUnavailable):
        store.stat(Location(store="disk", url="file:///etc/passwd"))
    store.probe()
    store.delete(location)
    with pytest.raises(ObjectNotFound):
        store.open_file(location)
    assert opened() == before


def test_memory_stays_flat(store: FileStore) -> None:
    chunk = bytes(CHUNK)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with store.open_writer("big", None) as writer:
        for _ in range(192):
            writer.write(chunk)
        location = writer.commit()
    with store.open_reader(location) as chunks:
        assert sum(map(len, chunks)) == 192 * CHUNK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10  # KiB
    store.delete(location)


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"filesystem_store_datadir": ""},
        {"filesystem_store_datadir": "relative/folder"},
        {"filesystem_store_datadirs": ["/tmp/x:high"]},
        {"filesystem_store_datadirs": [":5"]},
        {"filesystem_store_datadir": "/tmp/x", "filesystem_store_datadirs": ["/tmp/y:1"]},
        {"filesystem_store_datadir": "/proc/version/images"},
    ],
)
def test_settings_that_cannot_work_stop_the_start(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="disk"):
        open_driver(StoreSettings(id="disk", kind="file", options=options))


def test_an_absent_folder_is_made_at_start(tmp_path: Path) -> None:
    open_store(described(str(tmp_path / "a" / "b")))
    assert (tmp_path / "a" / "b").is_dir()


def test_chunks_are_as_large_as_configured(tmp_path: Path) -> None:
    options: dict[str, str | int | bool | list[str] | None] = {
        "filesystem_store_datadir": str(tmp_path),
        "filesystem_store_chunk_size": 4096,
    }
    store = open_store(StoreSettings(id="file", kind="file", options=options))
    with store.open_writer("object", None) as writer:
        writer.write(bytes(10_000))
        location = writer.commit()
    with store.open_reader(location) as chunks:
        assert [len(chunk) for chunk in chunks] == [4096, 4096, 1808]
