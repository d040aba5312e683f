"""SIGKILL for the registry service alone, at random moments under load; the API beside it lives on.

Then each acknowledged write is there exactly once, each that ended in 503 once or not at all, and nothing is stuck.
GLANCETUI_FAULT_SEED and GLANCETUI_FAULT_OPERATIONS as for test_kill.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import urllib.parse
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.aftermath import Aftermath, wait_until
from tests.faults.workload import Address, Client, Record, Tally, Unanswered
from tests.server.edge import Client as Raw
from tests.server.edge import head
from tests.serving import Server, beside, running_registry, running_server

OPERATIONS = int(os.environ.get("GLANCETUI_FAULT_OPERATIONS", "200"))
CLIENTS = 4
LONGEST = 60.0  # seconds


@dataclass
class Changes:
    """What was done to one image, for counting its events."""

    done: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    tags: set[str] = field(default_factory=set)
    tags_tried: set[str] = field(default_factory=set)


class Tagging(Client):
    """Also adds tags, and takes a 503 for what it is: done or not, but whole."""

    def __init__(self, seed: int, address: Address, tally: Tally, stop: threading.Event) -> None:
        super().__init__(seed, address, tally, stop)
        self.changes: dict[str, Changes] = {}
        self.refused: Counter[str] = Counter()

    def do(self, kind: str) -> None:
        known = [record for record in self.records if record.created and not record.delete_tried]
        if known and self.random.random() < 0.25:
            self.tag(self.random.choice(known))
        else:
            super().do(kind)

    def tag(self, record: Record) -> None:
        tag = f"t{self.random.getrandbits(64):x}"
        self.of(record.image_id).tags_tried.add(tag)
        self.tally.note("tag", acknowledged=False)
        status, answer = self.call("PUT", f"/v2/images/{record.image_id}/tags/{tag}", None, {})
        if self.expect("tag", 204, status, answer):
            self.of(record.image_id).tags.add(tag)

    def of(self, image_id: str) -> Changes:
        return self.changes.setdefault(image_id, Changes())

    def call(self, method: str, path: str, data: object, headers: dict[str, str]) -> tuple[int, bytes]:
        _, start = self.address.now()
        image_id = path.split("/")[3] if path.count("/") > 2 else json.loads(str(data, "utf-8"))["id"]  # type: ignore[call-overload]
        kind = {"POST": "create", "PATCH": "change", "DELETE": "delete"}.get(method) or path.split("/")[4]
        try:
            status, answer = super().call(method, path, data, headers)
        except Unanswered:  # hung up at while it still sent: a refusal, too
            self.of(image_id).unknown[kind] += 1
            raise
        if status != 503:
            self.of(image_id).done[kind] += status < 300
            return status, answer
        self.of(image_id).unknown[kind] += 1
        self.refused[answer.decode().partition("\n\n")[2][:70]] += 1
        raise Unanswered(start)


def work(tally: Tally, operations: int) -> None:
    enough, deadline = tally.total() + operations, time.monotonic() + 5
    while tally.total() < enough and time.monotonic() < deadline:
        time.sleep(0.002)


def address_of(server: Server) -> Address:
    address = Address()
    address.set(urllib.parse.urlsplit(server.endpoint).port or 0)
    return address


@pytest.mark.slow(seconds=30)
@pytest.mark.timeout(240)
def test_all_acknowledged_is_there_once_and_nothing_is_doubled_or_stuck(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("GLANCETUI_FAULT_SEED") or random.SystemRandom().getrandbits(32))
    chance, tally, stop, kills = random.Random(seed), Tally(), threading.Event(), 0
    began = time.monotonic()
    config = "[glancetui]\nupload_lease_seconds = 5\n"
    with ExitStack() as stack:
        with running_registry(tmp_path):
            server = stack.enter_context(running_server(tmp_path, workers=2, arguments=beside(tmp_path), config=config))
        address = address_of(server)
        clients = [Tagging(seed + number, address, tally, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        while tally.total() < OPERATIONS and time.monotonic() - began < LONGEST:
            with running_registry(tmp_path, workers=1 + kills % 2) as registry:
                address.set(address.now()[0])
                work(tally, chance.randrange(5, 40))
                time.sleep(chance.uniform(0, 0.1))  # anywhere in what they are doing now
                registry.kill()
            kills += 1
        stop.set()
        with running_registry(tmp_path, workers=2):
            for client in clients:
                client.join(timeout=60)
                assert not client.is_alive()
            refused = sum((client.refused for client in clients), Counter[str]())
            with capsys.disabled():
                print(
                    f"\nregistry fault test: seed {seed}: {kills} kills in {time.monotonic() - began:.0f} s, tried "
                    f"{tally.tried}, acknowledged {tally.acknowledged}, refused {dict(refused)}",
                    file=sys.stderr,
                )
            aftermath = Aftermath(server.endpoint, server.data_dir)
            aftermath.wait_for_peace()
            whole = aftermath.check([record for client in clients for record in client.records])
            aftermath.check_store_and_registry()
            for client in clients:
                for record in client.records:
                    check_once(aftermath, record, client.of(record.image_id))
    assert tally.surprises == []
    assert kills >= 2
    assert whole > 0
    assert "Traceback" not in server.log.read_text()


def check_once(aftermath: Aftermath, record: Record, changes: Changes) -> None:
    """Events, which commit with the changes they tell of, count how often each was made."""
    events = Counter(
        str(kind) for (kind,) in aftermath.rows(f"SELECT kind FROM gt_events WHERE image_id = '{record.image_id}'")
    )
    done, unknown = changes.done, changes.unknown
    assert done["create"] <= events["image.create"] <= 1
    assert done["delete"] <= events["image.delete"] <= min(1, done["delete"] + unknown["delete"])
    assert done["file"] <= events["image.upload"] <= min(1, done["file"] + unknown["file"])
    # An upload moves an image on once when it begins, and once more when it is undone.
    least = done["change"] + done["tags"] + done["file"]
    assert least <= events["image.update"] <= least + unknown["change"] + unknown["tags"] + 2 * unknown["file"]
    twice = aftermath.rows(
        f"SELECT value FROM image_tags WHERE image_id = '{record.image_id}' GROUP BY value HAVING count(*) > 1"
    )
    assert twice == []
    shown = aftermath.show(record.image_id)
    if shown is not None:
        assert changes.tags <= set(shown["tags"]) <= changes.tags_tried  # type: ignore[call-overload]


def image_with_upload_begun(server: Server, size: int, sent: int) -> tuple[str, Raw]:
    from tests.server.api import Api

    image_id = Api(server.endpoint).make(name="x", disk_format="raw", container_format="bare", caller="admin")
    client = Raw(urllib.parse.urlsplit(server.endpoint).port or 0)
    client.send(
        head("PUT", f"/v2/images/{image_id}/file", f"Content-Length: {size}", "Content-Type: application/octet-stream")
    )
    client.send(b"x" * sent)
    wait_until(lambda: any(path.is_file() for path in server.data_dir.glob("images/**/*")), 10, "bytes come")
    return image_id, client


@pytest.mark.parametrize("back_first", [True, False], ids=["the registry is back", "it comes back later"])
def test_an_upload_outlives_an_outage_of_the_registry(tmp_path: Path, back_first: bool) -> None:
    from tests.server.api import Api

    config = "[glancetui]\nupload_lease_seconds = 20\n"
    with ExitStack() as stack:
        with running_registry(tmp_path) as registry:
            server = stack.enter_context(running_server(tmp_path, arguments=beside(tmp_path), config=config))
            image_id, client = image_with_upload_begun(server, 2_000_000, 1_000_000)
            stack.enter_context(client)
            registry.kill()
        if not back_first:
            client.send(b"x" * 1_000_000)
            assert Api(server.endpoint).call("GET", "/v2/images").status == 503
        stack.enter_context(running_registry(tmp_path))
        if back_first:
            client.send(b"x" * 1_000_000)
        assert client.answer()[0] == 204
        shown = Api(server.endpoint).show(image_id)
        assert (shown["status"], shown["size"]) == ("active", 2_000_000)
