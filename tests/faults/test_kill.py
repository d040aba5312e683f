"""SIGKILL for the whole service at random moments, again and again; then everything that was acknowledged must be true.

The seed and the number of operations can be given: GLANCETUI_FAULT_SEED, GLANCETUI_FAULT_OPERATIONS.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from tests.faults.aftermath import Aftermath
from tests.faults.processes import kill_tree
from tests.faults.workload import Address, Client, Tally
from tests.serving import running_server

OPERATIONS = int(os.environ.get("GLANCETUI_FAULT_OPERATIONS", "200"))
CLIENTS = 4
LONGEST = 120.0  # seconds, on a machine that does much else; an idle one needs a quarter of it


def work(tally: Tally, operations: int) -> None:
    """Lets the clients begin so many more operations."""
    enough, deadline = tally.total() + operations, time.monotonic() + 5
    while tally.total() < enough and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.slow(seconds=50)
@pytest.mark.timeout(240)
def test_all_acknowledged_is_true_and_nothing_else_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("GLANCETUI_FAULT_SEED") or random.SystemRandom().getrandbits(32))
    chance, address, tally, stop = random.Random(seed), Address(), Tally(), threading.Event()
    clients = [Client(seed + number, address, tally, stop) for number in range(CLIENTS)]
    began, kills = time.monotonic(), 0
    for client in clients:
        client.start()
    while tally.total() < OPERATIONS and time.monotonic() - began < LONGEST:
        with running_server(tmp_path, workers=2) as server:
            address.set(urllib.parse.urlsplit(server.endpoint).port or 0)
            work(tally, chance.randrange(1, 28))
            time.sleep(chance.uniform(0, 0.1))  # anywhere in what they are doing now
            kill_tree(server.pid, signal.SIGKILL)
            kills += 1
    stop.set()
    for client in clients:
        client.join(timeout=60)
        assert not client.is_alive()
    with capsys.disabled():  # also where a check fails: the seed repeats the choices
        print(
            f"\nfault test: seed {seed}: {kills} kills in {time.monotonic() - began:.0f} s, tried {tally.tried}, "
            f"acknowledged {tally.acknowledged}",
            file=sys.stderr,
        )
    with running_server(tmp_path, workers=2) as server:
        aftermath = Aftermath(server.endpoint, server.data_dir)
        aftermath.wait_for_peace()
        records = [record for client in clients for record in client.records]
        whole = aftermath.check(records)
        aftermath.check_store_and_registry()
    with capsys.disabled():
        print(
            f"fault test: {len(records)} images, {whole} read back whole, {len(aftermath.files())} files, all known; "
            f"{len(tally.surprises)} surprises",
            file=sys.stderr,
        )
    assert tally.surprises == []
    assert tally.total() >= OPERATIONS
    assert sum(record.uploaded for record in records) > 0
