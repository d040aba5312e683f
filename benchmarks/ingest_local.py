"""The measure for uploads: the same hashing and writing of a file, done here without HTTP, registry or inspection.

MD5 and SHA-512 run in a thread each beside the writing, on the same chunk size as the service; the disk is kept writing
and the target is flushed as the service does. The code is the benchmark's own: a measure must not change with what is
held against it. `python benchmarks/ingest_local.py SOURCE TARGET` prints one line of JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import queue
import threading
import time
from pathlib import Path
from typing import NamedTuple

from glancetui.stores.writeback import start_writing

CHUNK = 2 << 20
BUFFERS = 4
WRITE = 512 << 10  # bytes of one write, as the service's
WRITE_BACK = 32 << 20  # bytes after which the disk is asked to begin


class Local(NamedTuple):
    size: int  # bytes
    seconds: float
    cpu_seconds: float
    md5: str
    sha512: str


def ingest(source: Path, target: Path) -> Local:
    """Copies `source` to `target`, hashing it on the way; both are left in place."""
    started, cpu = time.perf_counter(), time.process_time()
    free: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
    for _ in range(BUFFERS):
        free.put(memoryview(mmap.mmap(-1, CHUNK)))
    digests = [hashlib.md5(usedforsecurity=False), hashlib.sha512()]
    shown: list[queue.SimpleQueue] = [queue.SimpleQueue() for _ in digests]
    done: queue.SimpleQueue[memoryview] = queue.SimpleQueue()

    def hashing(digest, chunks) -> None:
        while (item := chunks.get()) is not None:
            digest.update(item[0])
            done.put(item[1])

    threads = [threading.Thread(target=hashing, args=pair) for pair in zip(digests, shown, strict=True)]
    for thread in threads:
        thread.start()
    size, readers = 0, {}
    with source.open("rb", buffering=0) as incoming, target.open("wb", buffering=0) as outgoing:
        while True:
            buffer = free.get() if not free.empty() else _returned(done, readers, len(digests))
            count = incoming.readinto(buffer)
            if not count:
                break
            chunk = buffer[:count]
            readers[id(buffer)] = 0
            for chunks in shown:
                chunks.put((chunk, buffer))
            for begin in range(0, count, WRITE):
                outgoing.write(chunk[begin : begin + WRITE])
            size += count
            if size % WRITE_BACK == 0:
                start_writing(outgoing.fileno(), size - WRITE_BACK, WRITE_BACK)
        for chunks in shown:
            chunks.put(None)
        os.fsync(outgoing.fileno())
    for thread in threads:
        thread.join()
    return Local(
        size, time.perf_counter() - started, time.process_time() - cpu, digests[0].hexdigest(), digests[1].hexdigest()
    )


def _returned(done: queue.SimpleQueue, readers: dict[int, int], all_readers: int) -> memoryview:
    """The next buffer that every hash thread has read."""
    while True:
        buffer = done.get()
        readers[id(buffer)] += 1
        if readers[id(buffer)] == all_readers:
            return buffer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(ingest(arguments.source, arguments.target)._asdict()))


if __name__ == "__main__":
    main()
