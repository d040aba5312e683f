from __future__ import annotations

import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.client import Refused, download
from benchmarks.machine import MIB, Meter, resident_bytes, watching
from benchmarks.memory import Growth
from benchmarks.report import Machine, Target, results, target_line
from benchmarks.seed import image_ids, seed
from benchmarks.servers import Server
from glancetui.registry.sql.tables import metadata

ROUNDS = {
    "list": {
        "glancetui": [{"per_s": 3000.0, "p99_ms": 5.0, "failed": 0.0}, {"per_s": 2000.0, "p99_ms": 6.0, "failed": 1.0}],
        "Glance": [{"per_s": 100.0, "p99_ms": 50.0, "failed": 0.0}, {"per_s": 200.0, "p99_ms": 50.0, "failed": 0.0}],
    }
}


def test_ratio_is_taken_within_each_round() -> None:
    line = target_line(Target("list", "per_s", "Glance", "≥", 15), ROUNDS)
    assert line == "| list: requests/s | ≥ 15 × Glance | 20 (10–30) | met |"


def test_missed_target_says_so() -> None:
    assert target_line(Target("list", "per_s", "Glance", "≥", 25), ROUNDS).endswith("| **missed** |")


def test_one_failed_request_in_any_round_misses_the_target() -> None:
    assert target_line(Target("list", "failed", None, "≤", 0), ROUNDS).endswith("| **missed** |")


def test_what_could_not_be_measured_is_neither_met_nor_missed() -> None:
    rounds = {"upload": {"glancetui": [{"MiB_s": 100.0}], "local": []}}
    assert target_line(Target("upload", "MiB_s", "local", "≥", 0.85), rounds).endswith("| not measured | |")
    text = results(Machine("m", "s"), rounds, [], "", ["upload, local: no room"])
    assert "## Not measured" in text
    assert "- upload, local: no room" in text


@pytest.mark.parametrize(("peak", "verdict"), [(163 * MIB, "met"), (165 * MIB, "**missed**")])
def test_memory_target_is_about_growth(peak: int, verdict: str) -> None:
    text = results(Machine("m", "s"), {}, [Growth(100 * MIB, peak, 50)], "", [])
    assert f"| < 64 MiB | {(peak >> 20) - 100:.1f} MiB | {verdict} |" in text


def test_meter_sees_the_whole_tree_work() -> None:
    import os

    with Meter(os.getpid()) as meter, watching(os.getpid(), 0.01) as peak:
        sum(number * number for number in range(3_000_000))
    assert meter.cpu > 0
    assert peak.bytes >= resident_bytes(os.getpid()) // 2


def test_seeding_is_the_same_each_time_and_done_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/db"
    metadata.create_all(sa.create_engine(url))
    for _ in range(2):
        seed(url, 5, "file", tmp_path)
    with closing(sqlite3.connect(tmp_path / "db")) as db:
        assert [row[0] for row in db.execute("SELECT id FROM images ORDER BY name")] == image_ids(5)
        assert db.execute("SELECT count(*) FROM image_properties").fetchone() == (15,)


def test_short_download_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            wire, _ = listening.accept()
            with wire:
                wire.recv(65536)
                wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Refused, match="3 of 10 bytes"):
            download(Server("s", "127.0.0.1", listening.getsockname()[1], 0), "/", 10)
        thread.join()
