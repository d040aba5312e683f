"""Becomes another program under limits: `limited.py MEMORY CPU-SECONDS FILE-BYTES PROGRAM ARGUMENT…`.

A process of its own, because setting limits between fork and exec is not safe in a process with threads. It dies with
the one that started it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    memory, seconds, size = (int(word) for word in sys.argv[1:4])
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - no shell is what is wanted


if __name__ == "__main__":
    main()
