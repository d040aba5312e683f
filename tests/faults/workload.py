"""Clients that upload, patch and delete at random, and remember what the service has acknowledged."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
import uuid
from dataclasses import dataclass, field

PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
SIZES = (0, 1, 4096, 200_000, 1 << 20, (1 << 20) + 1, 3_000_000, 12_000_000)
PIECE = 1 << 16
PIECES = random.Random(5).randbytes(PIECE * 8)


class Address:
    """Where the service is now; changes with each start."""

    def __init__(self) -> None:
        self._port = 0
        self._start = 0
        self._changed = threading.Condition()

    def set(self, port: int) -> None:
        with self._changed:
            self._port = port
            self._start += 1
            self._changed.notify_all()

    def now(self) -> tuple[int, int]:
        """The port, and which start of the service it belongs to."""
        with self._changed:
            return self._port, self._start

    def wait_past(self, start: int, stop: threading.Event) -> None:
        """Returns when the service has been started once more than that."""
        with self._changed:
            while self._start <= start and not stop.is_set():
                self._changed.wait(0.2)


class Unanswered(Exception):
    """The connection ended before the answer: the operation may have happened or not."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.start = start


@dataclass
class Record:
    """One image as its client knows it. Only its own client thread touches it until all have ended."""

    image_id: str
    sha512: str = ""  # of the data that is or was being uploaded
    created: bool = False  # acknowledged
    uploaded: bool = False  # acknowledged
    upload_tried: bool = False
    deleted: bool = False  # acknowledged
    delete_tried: bool = False
    note: str | None = None  # last acknowledged
    notes_tried: set[str] = field(default_factory=set)  # since then

    def may_have_note(self, note: str | None) -> bool:
        return note == self.note or note in self.notes_tried


@dataclass
class Tally:
    """Operations by kind: tried, and acknowledged."""

    tried: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    surprises: list[str] = field(default_factory=list)

    def note(self, kind: str, *, acknowledged: bool) -> None:
        with self.lock:
            counts = self.acknowledged if acknowledged else self.tried
            counts[kind] = counts.get(kind, 0) + 1

    def total(self) -> int:
        with self.lock:
            return sum(self.tried.values())


class Client(threading.Thread):
    """Does operations until told to stop; while the service is down it waits for it."""

    def __init__(self, seed: int, address: Address, tally: Tally, stop: threading.Event) -> None:
        super().__init__(name=f"client-{seed}", daemon=True)
        self.random = random.Random(seed)
        self.address = address
        self.tally = tally
        self.stopping = stop
        self.records: list[Record] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            kind = self.random.choice(("upload", "upload", "upload", "patch", "patch", "delete"))
            try:
                self.do(kind)
            except Unanswered as error:
                self.address.wait_past(error.start, self.stopping)

    def do(self, kind: str) -> None:
        if kind == "upload":
            self.upload()
            return
        known = [record for record in self.records if record.created and not record.delete_tried]
        if known:
            record = self.random.choice(known)
            (self.patch if kind == "patch" else self.delete)(record)

    def upload(self) -> None:
        unfinished = [r for r in self.records if r.created and not r.upload_tried and not r.delete_tried]
        record = self.random.choice(unfinished) if unfinished else self.create()
        size = self.random.choice(SIZES)
        start = self.random.randrange(PIECE)
        record.upload_tried = True
        record.sha512 = hashlib.sha512(b"".join(body(start, size))).hexdigest()
        chunked = self.random.random() < 0.5
        self.tally.note("upload", acknowledged=False)
        headers = {"Content-Type": "application/octet-stream"} | ({} if chunked else {"Content-Length": str(size)})
        status, answer = self.call("PUT", f"/v2/images/{record.image_id}/file", body(start, size), headers)
        record.uploaded = self.expect("upload", 204, status, answer)

    def create(self) -> Record:
        record = Record(image_id=str(uuid.UUID(int=self.random.getrandbits(128), version=4)))
        self.records.append(record)
        new = {"id": record.image_id, "name": "fault", "disk_format": "raw", "container_format": "bare"}
        status, answer = self.call("POST", "/v2/images", json.dumps(new).encode(), {"Content-Type": "application/json"})
        record.created = self.expect("create", 201, status, answer)
        return record

    def patch(self, record: Record) -> None:
        note = f"{self.random.getrandbits(64):x}"
        record.notes_tried.add(note)
        self.tally.note("patch", acknowledged=False)
        operations = [{"op": "add", "path": "/note", "value": note}]
        path = f"/v2/images/{record.image_id}"
        status, answer = self.call("PATCH", path, json.dumps(operations).encode(), {"Content-Type": PATCH_TYPE})
        if self.expect("patch", 200, status, answer):
            record.note = note
            record.notes_tried.clear()

    def delete(self, record: Record) -> None:
        record.delete_tried = True
        self.tally.note("delete", acknowledged=False)
        status, answer = self.call("DELETE", f"/v2/images/{record.image_id}", None, {})
        record.deleted = self.expect("delete", 204, status, answer)

    def expect(self, kind: str, wanted: int, status: int, answer: bytes) -> bool:
        if status == wanted:
            self.tally.note(kind, acknowledged=True)
            return True
        with self.tally.lock:
            self.tally.surprises.append(f"{kind}: {status} {answer[:200]!r}")
        return False

    def call(self, method: str, path: str, data: object, headers: dict[str, str]) -> tuple[int, bytes]:
        port, start = self.address.now()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, data, headers)  # type: ignore[arg-type]
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(start) from error
        finally:
            connection.close()


def body(start: int, size: int):
    """`size` bytes in small pieces, so that a kill falls into the middle."""
    sent = 0
    while sent < size:
        count = min(PIECE, size - sent)
        offset = (start + sent) % (len(PIECES) - PIECE)
        yield PIECES[offset : offset + count]
        sent += count
