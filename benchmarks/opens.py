"""How often a file is opened, by whichever process: the kernel tells (inotify), for both services alike.

Two openings that follow each other at once, with nothing between, may be told as one.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_ACCESS, IN_OPEN = 0x1, 0x20
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows


class Opens:
    """`count` grows while a `counting` block runs."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def counting(path: Path) -> Iterator[Opens]:
    """Raises OSError where the system cannot tell."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    # Reads are asked for as well: between two openings they keep them apart.
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(path), IN_OPEN | IN_ACCESS) < 0:
        raise OSError(ctypes.get_errno(), f"{path} cannot be watched")
    opens, stop = Opens(), threading.Event()
    thread = threading.Thread(target=_count, args=(descriptor, opens, stop))
    thread.start()
    try:
        yield opens
    finally:
        stop.set()
        thread.join()
        _take(descriptor, opens)
        os.close(descriptor)


def _count(descriptor: int, opens: Opens, stop: threading.Event) -> None:
    while not stop.is_set():
        if select.select([descriptor], [], [], 0.05)[0]:
            _take(descriptor, opens)


def _take(descriptor: int, opens: Opens) -> None:
    try:
        data = os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return
    position = 0
    while position < len(data):
        _, mask, _, length = _EVENT.unpack_from(data, position)
        opens.count += bool(mask & IN_OPEN)
        position += _EVENT.size + length
