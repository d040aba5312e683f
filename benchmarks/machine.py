"""What processes cost: CPU time and memory of a server's whole process tree, from /proc."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")
MIB, GIB = 1 << 20, 1 << 30


def tree(root: int) -> Iterator[tuple[int, int]]:
    """(pid, CPU ticks of its own and of its reaped children) of a process and all its descendants."""
    children: dict[int, list[tuple[int, int]]] = {}
    ticks_of: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended while we looked
        pid, parent, ticks = int(stat.parent.name), int(fields[1]), sum(map(int, fields[11:15]))
        children.setdefault(parent, []).append((pid, ticks))
        ticks_of[pid] = ticks
    yield root, ticks_of.get(root, 0)
    waiting = [root]
    while waiting:
        for pid, ticks in children.get(waiting.pop(), []):
            waiting.append(pid)
            yield pid, ticks


def cpu_seconds(root: int) -> float:
    return sum(ticks for _, ticks in tree(root)) / TICKS


def settle(root: int, deadline: float = 10.0) -> None:
    """Wait until the tree rests: what a cut-off run left unfinished must not count for the next one."""
    end, before = time.monotonic() + deadline, cpu_seconds(root)
    while time.monotonic() < end:
        time.sleep(0.25)
        now = cpu_seconds(root)
        if now - before < 0.02:
            return
        before = now


def busy_seconds() -> float:
    """CPU time of the whole machine so far."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def resident_bytes(root: int) -> int:
    """Resident memory of the tree; pages that processes share count for each."""
    return sum(rss_of(pid) for pid, _ in tree(root))


def anonymous_bytes(root: int) -> int:
    """Of the tree: what `anonymous_of` tells of each."""
    return sum(anonymous_of(pid) for pid, _ in tree(root))


def rss_of(pid: int) -> int:
    return _status_of(pid, "VmRSS:")


def anonymous_of(pid: int) -> int:
    """Resident bytes that are the process's own: without files, which SQLite's database is when it is mapped."""
    return _status_of(pid, "RssAnon:")


def _status_of(pid: int, field: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # it ended while we looked
    return 0


class Meter:
    """Wall and CPU time between entering and leaving; `others` is how many CPUs all other processes but ours used."""

    def __init__(self, root: int) -> None:
        self.root = root

    def __enter__(self) -> Self:
        self.started, self.cpu, self.busy = time.perf_counter(), cpu_seconds(self.root), busy_seconds()
        self.client = sum(os.times()[:4])
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.started
        self.cpu = cpu_seconds(self.root) - self.cpu
        client = sum(os.times()[:4]) - self.client
        self.others = max(0.0, busy_seconds() - self.busy - self.cpu - client) / self.seconds


class Peak:
    """The largest memory seen while a `watching` block runs."""

    def __init__(self) -> None:
        self.bytes = 0


@contextmanager
def watching(root: int, interval: float = 0.1, of: Callable[[int], int] = resident_bytes) -> Iterator[Peak]:
    peak, stop = Peak(), threading.Event()

    def watch() -> None:
        while not stop.wait(interval):
            peak.bytes = max(peak.bytes, of(root))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
