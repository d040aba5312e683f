"""Images as files: one file per object, named by the object's id, as Glance's file store lays them.

While an object is being written it has a name that no object can have, `.ID.RANDOM.partial`, in the folder where it
will stay, so that making it visible is one atomic step and recovery can tell whose it was.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import BinaryIO, Self

from glancetui.config.settings import StoreSettings
from glancetui.errors import (
    BadRequest,
    ConfigError,
    Duplicate,
    GlancetuiError,
    ObjectNotFound,
    ShortRead,
    StoreFull,
    StoreUnavailable,
)
from glancetui.model import Capacity, Health, Location, StoredObject
from glancetui.stores.driver import CHUNK, Capabilities, Writer
from glancetui.stores.folder import OPEN_OBJECT, Folder, prepare_folder
from glancetui.stores.writeback import WRITE, WriteBack

log = logging.getLogger(__name__)

OBJECT_ID = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,199}", re.ASCII)
UNFINISHED = re.compile(rf"\.({OBJECT_ID.pattern})\.[0-9a-f]{{16}}\.partial", re.ASCII)
SCHEMES = ("file://", "filesystem://")
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
HOLE = 64 << 10  # bytes; zero blocks of this size and alignment become holes
ZEROS = bytes(HOLE)


def open_store(settings: StoreSettings) -> FileStore:
    """The store that the settings describe; absent folders are made. Raises ConfigError."""
    mode = settings.options.get("filesystem_store_file_perm") or 0
    if not isinstance(mode, int):
        raise ConfigError(f"filesystem_store_file_perm of store {settings.id} must be permission bits.")
    folders = [prepare_folder(settings.id, path, priority, mode) for path, priority in _configured_folders(settings)]
    return FileStore(
        settings.id,
        folders,
        file_mode=mode,
        thin=bool(settings.options.get("filesystem_thin_provisioning")),
        chunk=_chunk_size(settings),
    )


def _chunk_size(settings: StoreSettings) -> int:
    chunk = settings.options.get("filesystem_store_chunk_size") or CHUNK
    if not isinstance(chunk, int):
        raise ConfigError(f"filesystem_store_chunk_size of store {settings.id} must be a number of bytes.")
    return min(chunk, CHUNK)


def _configured_folders(settings: StoreSettings) -> list[tuple[str, int]]:
    """Paths with priorities. An entry without a number at its end has priority 0."""
    single, several = (
        settings.options.get("filesystem_store_datadir"),
        settings.options.get("filesystem_store_datadirs"),
    )
    if single and several:
        raise ConfigError(f"Store {settings.id} has filesystem_store_datadir and filesystem_store_datadirs; keep one.")
    if isinstance(single, str) and single:
        return [(single, 0)]
    if isinstance(several, list) and several:
        return [_path_and_priority(settings.id, entry) for entry in several]
    raise ConfigError(f"Store {settings.id} needs filesystem_store_datadir or filesystem_store_datadirs.")


def _path_and_priority(store: str, entry: str) -> tuple[str, int]:
    path, colon, priority = entry.strip().rpartition(":")
    if not colon:
        return entry.strip(), 0
    if not path or not (priority.isascii() and priority.isdigit()):
        raise ConfigError(f"filesystem_store_datadirs of store {store} has {entry!r}; write /path:priority.")
    return path, int(priority)


class FileStore:
    """The driver. Holds no descriptor between calls."""

    capabilities = Capabilities(writes=True, ranges=True, lists=True, local_files=True)

    def __init__(
        self, store_id: str, folders: Sequence[Folder], *, file_mode: int = 0, thin: bool = False, chunk: int = CHUNK
    ) -> None:
        """`folders` in any order; `file_mode` as permission bits, 0: what the umask leaves; `chunk` in bytes."""
        self.store_id = store_id
        self._folders = tuple(sorted(folders, key=lambda folder: -folder.priority))
        self._file_mode = file_mode
        self._thin = thin
        self._chunk = chunk

    # -- writing -----------------------------------------------------------------------------------------------------

    def open_writer(self, object_id: str, size: int | None) -> AbstractContextManager[Writer]:
        check_object_id(object_id)
        folder = self._folder_for(size or 0)
        if self._holder(object_id) is not None:
            raise taken(self.store_id, object_id)
        return FileWriter(self, folder, object_id, file_mode=self._file_mode, thin=self._thin)

    def _folder_for(self, size: int) -> Folder:
        """The highest priority that has room, and among equals the folder with the most."""
        rooms = list(self._rooms())
        fitting = [(folder.priority, room, folder) for folder, room in rooms if room > 0 and room >= size]
        if not fitting:
            raise StoreFull(self.store_id)
        return max(fitting, key=lambda each: each[:2])[2]

    def _rooms(self) -> Iterator[tuple[Folder, int]]:
        """Folders that are there. Raises StoreUnavailable if none is."""
        failure: StoreUnavailable | None = None
        found = False
        for folder in self._folders:
            try:
                yield folder, folder.room()
                found = True
            except StoreUnavailable as error:
                log.warning("%s Other folders of the store are used, if there are any.", error)
                failure = error
        if failure is not None and not found:
            raise failure

    def _holder(self, object_id: str) -> Folder | None:
        """The folder where the object is. An unavailable folder counts as one that does not hold it."""
        for folder in self._folders:
            with contextlib.suppress(StoreUnavailable):
                if folder.size_of(object_id) is not None:
                    return folder
        return None

    # -- reading -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def open_reader(self, location: Location, offset: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        with self.open_file(location) as file:
            size = os.fstat(file.fileno()).st_size
            wanted = max(0, size - offset) if length is None else length
            yield self._chunks(file.fileno(), self._object_id(location), offset, wanted)

    def _chunks(self, descriptor: int, object_id: str, offset: int, wanted: int) -> Iterator[bytes]:
        got = 0
        while got < wanted:
            with self._failures(object_id):
                chunk = os.pread(descriptor, min(self._chunk, wanted - got), offset + got)
            if not chunk:
                raise ShortRead(self.store_id, object_id, got, wanted)
            got += len(chunk)
            yield chunk

    def open_file(self, location: Location) -> BinaryIO:
        folder, object_id = self._place(location)
        with folder.opened() as within:
            try:
                descriptor = os.open(object_id, OPEN_OBJECT, dir_fd=within)
            except FileNotFoundError as error:
                raise ObjectNotFound(self.store_id, object_id) from error
            except OSError as error:  # ELOOP: a symbolic link
                raise unavailable(self.store_id, f"{folder.path}/{object_id}", error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StoreUnavailable(self.store_id, f"{folder.path}/{object_id} is not a regular file")
        return open(descriptor, "rb", buffering=0)  # noqa: PTH123  a descriptor has no path

    def stat(self, location: Location) -> StoredObject:
        folder, object_id = self._place(location)
        size = folder.size_of(object_id)
        if size is None:
            raise ObjectNotFound(self.store_id, object_id)
        return StoredObject(object_id=object_id, size=size)

    # -- where things are --------------------------------------------------------------------------------------------

    def location_of(self, object_id: str) -> Location:
        check_object_id(object_id)
        folder = self._holder(object_id) or self._folders[0]
        return self.location_in(folder, object_id)

    def location_in(self, folder: Folder, object_id: str) -> Location:
        return Location(store=self.store_id, url=f"file://{folder.path}/{object_id}")

    def claims(self, url: str) -> bool:
        return self._parse(url) is not None

    def _place(self, location: Location) -> tuple[Folder, str]:
        """The folder and the id that a URL names. What lies elsewhere is never opened, whoever wrote the URL."""
        place = self._parse(location.url)
        if place is None:
            raise StoreUnavailable(self.store_id, f"{location.url!r} is no object in its configured folders")
        return place

    def _parse(self, url: str) -> tuple[Folder, str] | None:
        scheme = next((each for each in SCHEMES if url.startswith(each)), None)
        if scheme is None:
            return None
        path, _, object_id = url.removeprefix(scheme).rpartition("/")
        if not OBJECT_ID.fullmatch(object_id):
            return None
        # Slashes may be doubled in what an older service recorded; `.` and `..` match no configured folder.
        spelled = "/" + re.sub("/+", "/", path).strip("/")
        folder = next((each for each in self._folders if each.path == spelled), None)
        return None if folder is None else (folder, object_id)

    def _object_id(self, location: Location) -> str:
        return location.url.rpartition("/")[2]

    # -- removing ----------------------------------------------------------------------------------------------------

    def delete(self, location: Location) -> None:
        folder, object_id = self._place(location)
        if folder.size_of(object_id) is not None:
            self._remove(folder, [object_id])

    def discard(self, object_id: str) -> None:
        check_object_id(object_id)
        for folder in self._folders:
            traces = [name for name, owner in self._unfinished_names(folder) if owner == object_id]
            if folder.size_of(object_id) is not None:
                traces.append(object_id)
            if traces:
                self._remove(folder, traces)

    def _remove(self, folder: Folder, names: Sequence[str]) -> None:
        with folder.opened() as within:
            for name in names:
                with self._failures(f"{folder.path}/{name}"), contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=within)
            with self._failures(folder.path):
                os.fsync(within)  # a power cut must not bring back what the registry has forgotten

    # -- looking round -----------------------------------------------------------------------------------------------

    def list_objects(self) -> Iterator[StoredObject]:
        for folder in self._folders:
            for entry, size in self._files(folder):
                if OBJECT_ID.fullmatch(entry):
                    yield StoredObject(object_id=entry, size=size)

    def list_unfinished(self) -> Iterator[StoredObject]:
        for folder in self._folders:
            for entry, size in self._files(folder):
                if (match := UNFINISHED.fullmatch(entry)) is not None:
                    yield StoredObject(object_id=match[1], size=size)

    def _unfinished_names(self, folder: Folder) -> Iterator[tuple[str, str]]:
        for entry, _ in self._files(folder):
            if (match := UNFINISHED.fullmatch(entry)) is not None:
                yield entry, match[1]

    def _files(self, folder: Folder) -> Iterator[tuple[str, int]]:
        """Regular files with their sizes, read as they are asked for: a folder may hold a million."""
        with folder.opened() as within, self._failures(folder.path), os.scandir(within) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # removed since the folder was read
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size

    def capacity(self) -> Capacity | None:
        """Of all folders; those on one file system share its room."""
        figures = {}
        for folder in self._folders:
            with folder.opened() as within:
                figures[os.fstat(within).st_dev] = os.fstatvfs(within)
        return Capacity(
            total=sum(each.f_blocks * each.f_frsize for each in figures.values()),
            free=sum(each.f_bavail * each.f_frsize for each in figures.values()),
        )

    def probe(self) -> Health:
        """Writes and removes a byte in each folder, by a name that recovery would clean up."""
        began = time.monotonic()
        try:
            for folder in self._folders:
                with FileWriter(self, folder, "probe", file_mode=self._file_mode, thin=False) as writer:
                    writer.write(b"\0")
        except GlancetuiError as error:
            return Health(ok=False, seconds=time.monotonic() - began, error=str(error))
        return Health(ok=True, seconds=time.monotonic() - began)

    def close(self) -> None:
        """Nothing is held between calls."""

    @contextlib.contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unavailable(self.store_id, what, error) from error


class FileWriter:
    """An object being written. Its descriptors are open from `__enter__` to `__exit__`."""

    def __init__(self, store: FileStore, folder: Folder, object_id: str, *, file_mode: int, thin: bool) -> None:
        self._store = store
        self._folder = folder
        self._object_id = object_id
        self._name = f".{object_id}.{secrets.token_hex(8)}.partial"
        self._file_mode = file_mode
        self._thin = thin
        self._size = 0
        self._visible = False
        self._committed = False

    def __enter__(self) -> Self:
        self._within = self._folder.open()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self._name, flags, self._file_mode or 0o666, dir_fd=self._within)
        except OSError as error:
            os.close(self._within)
            raise self._failure(error) from error
        self._write_back = WriteBack(self._file)
        return self

    def write(self, chunk: bytes | memoryview) -> None:
        view = memoryview(chunk)
        try:
            for piece in self._pieces(view) if self._thin else (view,):
                self._append(piece)
        except OSError as error:
            raise self._failure(error) from error
        self._write_back.grown_to(self._size)

    def _pieces(self, view: memoryview) -> Iterator[memoryview]:
        """The chunk cut where blocks begin; what is zero is stepped over and becomes a hole."""
        begin = position = 0
        while position < len(view):
            end = min(len(view), position + HOLE - (self._size + position - begin) % HOLE)
            if is_zero(view[position:end]):
                yield view[begin:position]
                self._size += end - position
                begin = end
            position = end
        yield view[begin:]

    def _append(self, view: memoryview) -> None:
        while len(view):  # a disk that fills up takes a part first
            written = os.pwrite(self._file, view[:WRITE], self._size)
            self._size += written
            view = view[written:]

    def commit(self) -> Location:
        try:
            self._make_durable()
            self._make_visible()
        except OSError as error:
            raise self._failure(error) from error
        self._committed = True
        return self._store.location_in(self._folder, self._object_id)

    def _make_durable(self) -> None:
        os.ftruncate(self._file, self._size)  # a hole at the end counts as well
        if self._file_mode:
            os.fchmod(self._file, self._file_mode)
        os.fsync(self._file)

    def _make_visible(self) -> None:
        with self._folder.opened() as now:
            if not os.path.sameopenfile(now, self._within):
                raise StoreUnavailable(self._folder.store, f"its folder {self._folder.path} was replaced meanwhile")
        self._link()
        self._visible = True
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._within)
        os.fsync(self._within)  # without this a power cut can undo what is about to be acknowledged

    def _link(self) -> None:
        """A hard link never replaces what is there, which a rename would do."""
        try:
            os.link(self._name, self._object_id, src_dir_fd=self._within, dst_dir_fd=self._within)
        except FileExistsError as error:
            raise taken(self._folder.store, self._object_id) from error
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            self._rename()

    def _rename(self) -> None:
        """For file systems without hard links. An intent in the registry keeps a second writer of this id away."""
        if self._folder.size_of(self._object_id) is not None:
            raise taken(self._folder.store, self._object_id)
        os.rename(self._name, self._object_id, src_dir_fd=self._within, dst_dir_fd=self._within)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if not self._committed:
                self._clean_up()
        finally:
            os.close(self._file)
            os.close(self._within)

    def _clean_up(self) -> None:
        for name in (self._name, self._object_id) if self._visible else (self._name,):
            try:
                os.unlink(name, dir_fd=self._within)
            except FileNotFoundError:
                continue
            except OSError as error:
                # The error that brought us here matters more. `list_unfinished` shows what stays behind.
                log.warning("%s/%s could not be removed: %s", self._folder.path, name, error.strerror)

    def _failure(self, error: OSError) -> GlancetuiError:
        if error.errno in NO_ROOM:
            return StoreFull(self._folder.store)
        return unavailable(self._folder.store, f"{self._folder.path}/{self._object_id}", error)


def check_object_id(object_id: str) -> None:
    """Raises BadRequest for a name that could leave the folder, hide in it, or pass for an unfinished object."""
    if not OBJECT_ID.fullmatch(object_id):
        raise BadRequest(f"{object_id!r} cannot name an object. Use letters, digits, `-`, `_` and `.`, at most 200.")


def is_zero(view: memoryview) -> bool:
    # The first and last byte settle nearly all data without the copy that a quick comparison needs.
    return not view[0] and not view[-1] and view.tobytes() == ZEROS[: len(view)]


def taken(store: str, object_id: str) -> Duplicate:
    return Duplicate(f"Store {store} already holds an object {object_id}. Delete it first, or use another id.")


def unavailable(store: str, what: str, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(store, f"{what}: {error.strerror}")
