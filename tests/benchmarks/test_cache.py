"""The benchmark of the cache, short and without its peer: what it says of ours must hold in any size."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.cache import READERS, cold, filled, read, warm
from benchmarks.measures import random_file
from benchmarks.opens import counting
from benchmarks.servers import Server
from tests.serving import running_server

SIZE = 24  # MiB


def test_many_readers_of_a_cold_image_cost_one_read_of_its_store_and_no_memory(tmp_path: Path) -> None:
    random_file(tmp_path / "source", SIZE)
    config = f"[DEFAULT]\nimage_cache_dir = {tmp_path}/cache\n"
    with running_server(tmp_path, config=config, workers=2) as running:
        address = urlsplit(running.endpoint)
        server = Server("glancetui", address.hostname or "", address.port or 0, running.pid)
        side = filled(server, running.data_dir / "images", tmp_path / "source")
        read(side, 2, 1)  # what is loaded and started once
        first = cold(READERS)(side)
        assert first.store_opened == 1
        again = warm(READERS, 1)(side)
        assert again.store_opened == 0
        assert max(first.grown_mib, again.grown_mib) < SIZE  # of 16 times as much that was read


def test_openings_are_counted_by_whoever_they_are(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    with counting(file) as opens:
        for _ in range(3):
            file.read_bytes()
    assert opens.count == 3
