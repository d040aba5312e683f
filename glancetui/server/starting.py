"""What each process that serves does at its start."""

from __future__ import annotations

import contextlib
import os
import resource


def raise_file_limit() -> None:
    """Each connection is a descriptor, and a transfer one or two more; the soft limit is often only 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1 << 16 if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def say(ready: int, line: str) -> None:
    """To the supervisor: an empty line when the process answers, else what is wrong."""
    with contextlib.suppress(OSError):  # told already, or nobody listens
        os.write(ready, line.replace("\n", " ").encode() + b"\n")
