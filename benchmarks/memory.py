"""How far the server's memory grows under a large upload and many slow readers at once."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.client import connected, create, delete, upload
from benchmarks.machine import resident_bytes, watching
from benchmarks.servers import Server

READERS = 50
COPIES = 4
PAUSE = 0.2  # seconds between two small reads of a slow reader


class Growth(NamedTuple):
    before: int  # bytes resident, process tree
    peak: int
    readers: int  # that were still being served at the end


def grow(server: Server, source: Path, image_id: str) -> Growth:
    """The tree's memory before, and at most while COPIES × the source go up and READERS read `image_id` slowly."""
    target = create(server, "bench-memory")
    before = resident_bytes(server.pid)
    stop = threading.Event()
    wires = [slow_reader(server, image_id) for _ in range(READERS)]
    alive: list[bool] = []
    thread = threading.Thread(target=read_slowly, args=(wires, stop, alive))
    with watching(server.pid) as peak:
        thread.start()
        upload(server, target, source, COPIES)
        stop.set()
        thread.join()
    for wire in wires:
        wire.close()
    delete(server, target)
    return Growth(before, peak.bytes, sum(alive))


def slow_reader(server: Server, image_id: str) -> socket.socket:
    wire = connected(server)
    wire.sendall(f"GET /v2/images/{image_id}/file HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n\r\n".encode())
    return wire


def read_slowly(wires: list[socket.socket], stop: threading.Event, alive: list[bool]) -> None:
    """A few KiB from each in turn; `alive` tells afterwards which still gave data in the last round."""
    last = [True] * len(wires)
    while not stop.is_set():
        for number, wire in enumerate(wires):
            last[number] = last[number] and bool(wire.recv(16384))
        time.sleep(PAUSE)
    alive.extend(last)
