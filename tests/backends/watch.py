"""Who opens a file: the kernel's own word (inotify), whichever process it is and by whichever name."""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_ACCESS, IN_OPEN = 0x1, 0x20


class Watch:
    """Of one inode. What was opened before, or by the watching process itself, counts as well."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def opened(self) -> bool:
        """Whether the file was opened since the watch began, or since this was last asked."""
        if not select.select([self._descriptor], [], [], 0)[0]:
            return False
        return bool(os.read(self._descriptor, 65_536))


@contextmanager
def watched(path: Path) -> Iterator[Watch]:
    """All names of the file's inode are watched, for a watch is of the inode."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    try:
        if libc.inotify_add_watch(descriptor, os.fsencode(path), IN_ACCESS | IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        yield Watch(descriptor)
    finally:
        os.close(descriptor)
