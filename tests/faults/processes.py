"""Process trees, without more than /proc."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


def tree(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def kill_tree(pid: int, signal: int) -> None:
    """To all at once, as far as that is possible; returns when they have ended (or wait for their parent to notice)."""
    doomed = tree(pid)
    for each in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal)
    deadline = time.monotonic() + 10
    while any(lives(each) for each in doomed):
        assert time.monotonic() < deadline, f"{doomed} do not end"
        time.sleep(0.005)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
