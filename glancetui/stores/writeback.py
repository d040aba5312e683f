"""Asks the kernel to begin writing a part of a file to the disk: `sync_file_range`, which Python does not offer.

`posix_fadvise(DONTNEED)` starts the writing as well, but also drops those pages of the range that are on the disk
already, which the first download would have to read again, and waits for every processor to empty its page lists.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

SYNC_FILE_RANGE_WRITE = 2


def start_writing(descriptor: int, offset: int, count: int) -> None:
    """Returns at once, unless the disk's queue is full. Only advice: what cannot be written is told by fsync."""
    call = _sync_file_range()
    if call is not None:
        call(descriptor, offset, count, SYNC_FILE_RANGE_WRITE)


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """None where the system has no such call."""
    try:
        call = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    found: Callable[[int, int, int, int], int] = call
    return found
