"""Who a worker is, in a name that outlives it: from it the other workers of the node can tell that it is dead."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from pathlib import Path

import msgspec

UNKNOWN = "-"  # what this system does not tell; nothing is concluded from it
PROC = Path("/proc")


class Worker(msgspec.Struct, frozen=True):
    """One run of one process. Written NODE/BOOT/NAMESPACE/PID/START; the node may hold slashes, the rest never does."""

    node: str
    boot: str  # first digits of the kernel's boot id
    namespace: str  # process ids mean something only inside their namespace
    pid: int
    start: str  # clock ticks after boot: tells a process from a later one with the same number

    def __str__(self) -> str:
        return f"{self.node}/{self.boot}/{self.namespace}/{self.pid}/{self.start}"


def this_worker(node: str) -> Worker:
    """The calling process. Without /proc the start is a random word: unique, but it proves nobody dead."""
    pid = os.getpid()
    return Worker(node, _boot(), _namespace(), pid, _start(pid) or f"{UNKNOWN}{secrets.token_hex(4)}")


def node_name() -> str:
    return socket.gethostname() or "localhost"


def parse(name: str) -> Worker | None:
    """None for a name that is not a worker's."""
    parts = name.rsplit("/", 4)
    if len(parts) != 5 or not parts[3].isdecimal():
        return None
    return Worker(parts[0], parts[1], parts[2], int(parts[3]), parts[4])


def surely_dead(name: str, me: Worker) -> bool:
    """Whether the worker of this name can never act again, as `me` sees it. In doubt False: then its lease decides."""
    other = parse(name)
    if other is None or other.node != me.node or UNKNOWN in {other.boot, me.boot}:
        return False
    if other.boot != me.boot:
        return True  # the node has been started anew since
    if other.namespace != me.namespace or UNKNOWN in {other.namespace, me.namespace}:
        return False  # another container on the same kernel, whose processes cannot be seen from here
    return _gone(other)


def _gone(other: Worker) -> bool:
    try:
        os.kill(other.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    start = _start(other.pid)
    return start is not None and not other.start.startswith(UNKNOWN) and start != other.start


def _boot() -> str:
    with contextlib.suppress(OSError):
        return (PROC / "sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12] or UNKNOWN
    return UNKNOWN


def _namespace() -> str:
    with contextlib.suppress(OSError):
        return (PROC / "self/ns/pid").readlink().name.strip("pid:[]") or UNKNOWN
    return UNKNOWN


def _start(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat. A process that has ended but is not waited for counts as gone: its start is "Z"."""
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return "Z" if fields[0] in {b"Z", b"X"} else fields[19].decode()
