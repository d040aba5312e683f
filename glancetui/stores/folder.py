"""One data folder of a file store: opened anew for each operation, so that its going away is noticed.

Nothing here follows a path twice: an operation opens the folder once and works relative to that descriptor.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from glancetui.errors import ConfigError, StoreUnavailable

log = logging.getLogger(__name__)

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: a named pipe in the folder must not hang a reader. It means nothing for regular files.
OPEN_OBJECT = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    path: str  # absolute and normalised: what stands in location URLs
    priority: int = 0
    device: int  # of the file system that held the folder at start
    device_beneath: int | None  # of the one that its mount point lies on; None: the folder is on the root file system

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the folder. Raises StoreUnavailable if it is gone, or if its file system was unmounted."""
        descriptor = self.open()
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self) -> int:
        """As `opened`; the caller closes."""
        try:
            descriptor = os.open(self.path, OPEN_FOLDER)
        except OSError as error:
            raise StoreUnavailable(self.store, f"its folder {self.path} cannot be opened: {error.strerror}") from error
        if self._is_unmounted(os.fstat(descriptor).st_dev):
            os.close(descriptor)
            raise StoreUnavailable(self.store, f"the file system of its folder {self.path} is not mounted any more")
        return descriptor

    def _is_unmounted(self, device: int) -> bool:
        # Only the bare mount point is refused. A device number that is merely new is a remounted network share.
        return device != self.device and device == self.device_beneath

    def room(self) -> int:
        """Bytes that an unprivileged user may still write. Raises StoreUnavailable."""
        with self.opened() as descriptor:
            figures = os.fstatvfs(descriptor)
        return figures.f_bavail * figures.f_frsize

    def size_of(self, name: str) -> int | None:
        """Bytes of the object `name`; None: there is no such regular file here. Raises StoreUnavailable."""
        with self.opened() as descriptor:
            try:
                facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise StoreUnavailable(self.store, f"{self.path}/{name}: {error.strerror}") from error
        return facts.st_size if stat.S_ISREG(facts.st_mode) else None


def prepare_folder(store: str, path: str, priority: int, file_mode: int) -> Folder:
    """Make the folder if it is absent. Raises ConfigError when it cannot be used."""
    normal = os.path.normpath(path)
    if not normal.startswith("/"):
        raise ConfigError(f"The folder {path!r} of store {store} must be an absolute path.")
    try:
        Path(normal).mkdir(parents=True, exist_ok=True)
        device = Path(normal).stat().st_dev
    except OSError as error:
        raise ConfigError(f"The folder {path} of store {store} cannot be made or entered: {error.strerror}.") from error
    if not os.access(normal, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(f"The folder {path} of store {store} must be readable and writable for this user.")
    _let_in(normal, file_mode)
    return Folder(
        store=store,
        path="/" + normal.lstrip("/"),  # normpath keeps a leading `//`
        priority=priority,
        device=device,
        device_beneath=_device_beneath(Path(normal), device),
    )


def _let_in(path: str, file_mode: int) -> None:
    """Who may read the files must be able to enter the folder; Glance's file store sees to it as well."""
    wanted = (stat.S_IXGRP if file_mode & stat.S_IRWXG else 0) | (stat.S_IXOTH if file_mode & stat.S_IRWXO else 0)
    mode = stat.S_IMODE(Path(path).stat().st_mode)
    if wanted & ~mode:
        try:
            Path(path).chmod(mode | wanted)
        except OSError as error:
            log.warning("Others cannot be let into %s, as filesystem_store_file_perm wants: %s", path, error.strerror)


def _device_beneath(path: Path, device: int) -> int | None:
    for parent in path.parents:
        if parent.stat().st_dev != device:
            return parent.stat().st_dev
    return None
