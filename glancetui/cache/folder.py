"""The folder of the cache, laid out as Glance lays it: an entry is a file named by its image's id, `incomplete/ID` is
one that is being filled, `invalid/ID` one that came to nothing, `queue/ID` an empty file for an image to be fetched.

Whoever fills an entry holds a lock on its file. The system takes it away when the process ends, however it ends: so
everybody can tell at any time whether somebody still fills it. The other two locks are on folders, for what must not
happen twice at once: `incomplete` while an entry is begun or ends, the cache's own while it is looked after.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from glancetui.errors import ConfigError, Unavailable
from glancetui.stores.writeback import WRITE

log = logging.getLogger(__name__)

IMAGE_ID = re.compile(r"[0-9A-Za-z_-]{1,36}", re.ASCII)  # what lies in the folder under any other name is no entry
PARTS = ("incomplete", "invalid", "queue")
LEAST_STALL = 60.0  # seconds
_MARK = "user.glancetui.mark"
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a link leads out of the folder, a named pipe hangs its reader
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """A folder that cannot be used, such as one that was unmounted, is Unavailable to who asks for it by name."""
    try:
        yield
    except OSError as error:
        raise FolderUnavailable(f"The folder of the image cache cannot be used: {error}.") from error


class FolderUnavailable(Unavailable):
    told = "The image cache of this node cannot be used now. The operator finds the reason in the log."


class CachedFile(msgspec.Struct, frozen=True):
    image_id: str
    size: int  # bytes


class CacheFolder:
    """Callable from many threads and processes."""

    def __init__(self, path: Path) -> None:
        """Makes what is absent. Raises ConfigError."""
        self.path = path
        try:
            for folder in (path, *(path / part for part in PARTS)):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The cache folder {path} cannot be made: {error.strerror}. Set image_cache_dir."
            ) from error

    # -- entries -----------------------------------------------------------------------------------------------------

    def entry(self, image_id: str) -> BinaryIO | None:
        """The cached file, unbuffered; None: there is none. The caller closes it."""
        return self._opened(self.path / image_id) if IMAGE_ID.fullmatch(image_id) else None

    def has(self, image_id: str) -> bool:
        return bool(IMAGE_ID.fullmatch(image_id)) and _size_of(self.path / image_id) is not None

    def is_queued(self, image_id: str) -> bool:
        return bool(IMAGE_ID.fullmatch(image_id)) and _size_of(self.path / "queue" / image_id) is not None

    def entries(self) -> Iterator[CachedFile]:
        return _files(self.path)

    def remove(self, image_id: str) -> int | None:
        """Bytes of the entry; None: there was none. Who is reading it goes on doing so."""
        if not IMAGE_ID.fullmatch(image_id):
            return None
        size = _size_of(self.path / image_id)
        return size if size is not None and _unlink(self.path / image_id) else None

    def room(self) -> int:
        """Bytes that may still be written here."""
        figures = os.statvfs(self.path)
        return figures.f_bavail * figures.f_frsize

    # -- entries being filled ----------------------------------------------------------------------------------------

    def begin(self, image_id: str, mark: str = "") -> Draft | None:
        """An entry to be filled, of which there is one at a time; None: somebody else fills it, or it is there. `mark`:
        what tells the image's present bytes from those that it may be given later."""
        if not IMAGE_ID.fullmatch(image_id):
            return None
        path = self.path / "incomplete" / image_id
        with self.alone("incomplete"):
            if self.has(image_id) or is_being_written(path):
                return None
            _unlink(path)  # its filler died
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _OPEN
            draft = Draft(self, image_id, open(os.open(path, flags, 0o666), "r+b", buffering=0))  # noqa: PTH123, SIM115
            set_mark(draft.file.fileno(), mark)
            fcntl.flock(draft.file, fcntl.LOCK_EX)  # free: the file is new, and whoever would test it waits outside
            return draft

    def being_filled(self, image_id: str) -> BinaryIO | None:
        """The file of an entry that somebody fills now; None: nobody does. The caller closes it."""
        if not IMAGE_ID.fullmatch(image_id):
            return None
        file = self._opened(self.path / "incomplete" / image_id)
        if file is None or is_locked(file.fileno()):
            return file
        file.close()
        return None

    # -- the queue ---------------------------------------------------------------------------------------------------

    def enqueue(self, image_id: str) -> bool:
        """Whether it was neither cached nor queued before."""
        if not IMAGE_ID.fullmatch(image_id) or self.has(image_id):
            return False
        try:
            os.close(os.open(self.path / "queue" / image_id, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o666))
        except FileExistsError:
            return False
        return True

    def dequeue(self, image_id: str) -> bool:
        return bool(IMAGE_ID.fullmatch(image_id)) and _unlink(self.path / "queue" / image_id)

    def queued(self) -> list[str]:
        """In the order of their queueing."""
        return [file.image_id for file in sorted(_files(self.path / "queue"), key=self._queued_at)]

    def _queued_at(self, file: CachedFile) -> tuple[float, str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.path / "queue" / file.image_id).stat().st_mtime, file.image_id
        return 0.0, file.image_id

    # -- looking after -----------------------------------------------------------------------------------------------

    def clean(self, stall_seconds: float) -> int:
        """Removes what is invalid, and what is incomplete and has not grown for so long. How many files went."""
        gone = sum(_unlink(path) for path in _paths(self.path / "invalid"))
        return gone + sum(_unlink(path) for path in _paths(self.path / "incomplete") if _stalled(path, stall_seconds))

    def remove_abandoned(self) -> int:
        """Removes what is incomplete and filled by nobody: its process died. How many files went."""
        with self.alone("incomplete"):
            abandoned = [path for path in _paths(self.path / "incomplete") if not is_being_written(path)]
            return sum(_unlink(path) for path in abandoned)

    @contextlib.contextmanager
    def alone(self, part: str = "", *, wait: bool = True) -> Iterator[bool]:
        """Nobody else, in any process, is in such a block of the same part of the folder. False: somebody is, and it
        was not to be waited for."""
        descriptor = os.open(self.path / part, _FOLDER)
        try:
            yield _lock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        finally:
            os.close(descriptor)

    def _opened(self, path: Path) -> BinaryIO | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | _OPEN)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s cannot be read, and counts as not cached: %s", path, error.strerror)
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return open(descriptor, "rb", buffering=0)  # noqa: PTH123  a descriptor has no path


class Draft:
    """An entry being filled. Nobody takes it for one before `commit`; `discard` or the end of the process undo it."""

    def __init__(self, folder: CacheFolder, image_id: str, file: BinaryIO) -> None:
        self._folder = folder
        self._image_id = image_id
        self._path = folder.path / "incomplete" / image_id
        self.file = file

    def write(self, chunk: bytes | memoryview) -> None:
        view = memoryview(chunk)
        while view.nbytes:  # a disk that fills up takes a part first
            view = view[self.file.write(view[:WRITE]) :]

    def commit(self) -> None:
        """Makes the entry durable, then visible. Raises FileNotFoundError if it was cleaned away meanwhile."""
        os.fsync(self.file.fileno())
        with self._folder.alone("incomplete"):
            self._check_ours()
            self._path.rename(self._folder.path / self._image_id)
        _sync_folder(self._folder.path)  # without this a power cut can undo the rename, and leave the books wrong

    def discard(self) -> None:
        """Lays it with what is invalid, where Glance's operators look for what came to nothing. Never raises."""
        self._put_away(lambda: self._path.rename(self._folder.path / "invalid" / self._image_id))

    def remove(self) -> None:
        """As `discard`, and nothing stays behind."""
        self._put_away(self._path.unlink)

    def _put_away(self, act: Callable[[], object]) -> None:
        try:
            with self._folder.alone("incomplete"):
                self._check_ours()
                act()
        except FileNotFoundError:
            log.debug("%s was put away already.", self._path)
        except OSError as error:  # without its lock it counts for nothing, and is removed when a worker starts
            log.warning("%s stays behind: %s", self._path, error.strerror)

    def close(self) -> None:
        """Gives the lock back: only now, so that a reader who finds it free finds the end of the filling too."""
        self.file.close()

    def _check_ours(self) -> None:
        there, ours = self._path.stat(), os.fstat(self.file.fileno())
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise FileNotFoundError(f"{self._path} is another's")


def set_mark(descriptor: int, mark: str) -> None:
    """Where the file system keeps no attributes, nothing is marked."""
    if mark and hasattr(os, "setxattr"):
        with contextlib.suppress(OSError):
            os.setxattr(descriptor, _MARK, mark.encode())


def mark_of(descriptor: int) -> str | None:
    """None: the file system keeps none, or another program made the file."""
    if not hasattr(os, "getxattr"):
        return None
    try:
        return os.getxattr(descriptor, _MARK).decode("utf-8", "replace")
    except OSError:
        return None


def is_locked(descriptor: int) -> bool:
    """Whether somebody fills the entry behind this descriptor, which must not be the filler's own."""
    if not _lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB):  # shared: those who ask do not hinder each other
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def is_being_written(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | _OPEN)
    except OSError:  # not there, or nothing that a filler would have made
        return False
    try:
        return is_locked(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    return True


def _files(folder: Path) -> Iterator[CachedFile]:
    """Regular files whose names can be image ids; read as they are asked for."""
    with os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):  # removed since the folder was read
                if IMAGE_ID.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    yield CachedFile(entry.name, entry.stat(follow_symlinks=False).st_size)


def _paths(folder: Path) -> list[Path]:
    with os.scandir(folder) as found:
        return [Path(entry.path) for entry in found if entry.is_file(follow_symlinks=False)]


def _size_of(path: Path) -> int | None:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None


def _stalled(path: Path, seconds: float) -> bool:
    """One that is being filled is given the time that a slow store may take, however little was asked for."""
    least = max(seconds, LEAST_STALL) if is_being_written(path) else seconds
    try:
        return path.lstat().st_mtime < time.time() - least
    except FileNotFoundError:
        return False


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
