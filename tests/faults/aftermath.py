"""What must be true when the dust has settled, whatever was killed when."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.faults.workload import Record


def wait_until(settled: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not settled():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Aftermath:
    """Looks at the service from outside, and at its database and store behind its back."""

    def __init__(self, endpoint: str, data_dir: Path) -> None:
        self.endpoint = endpoint
        self.data_dir = data_dir
        self.store = data_dir / "images"

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(f"file:{self.data_dir / 'glance.sqlite'}?mode=ro", uri=True) as db:
            found = db.execute(statement).fetchall()
        db.close()
        return found

    def wait_for_peace(self, seconds: float = 30) -> None:
        """No image saving, no intent, nothing left to remove."""
        for statement in (
            "SELECT id FROM images WHERE status = 'saving' AND deleted = 0",
            "SELECT id FROM gt_intents",
            "SELECT id FROM gt_outbox",
        ):
            wait_until(lambda s=statement: not self.rows(s), seconds, f"empty: {statement}")  # type: ignore[misc]

    def files(self) -> set[Path]:
        return {path for path in self.store.rglob("*") if path.is_file()}

    def recorded(self) -> set[Path]:
        rows = self.rows("SELECT value FROM image_locations WHERE deleted = 0 AND status = 'active'")
        return {Path(str(url).removeprefix("file://")) for (url,) in rows}

    def check_store_and_registry(self) -> None:
        assert self.files() - self.recorded() == set(), "files that the registry does not know"
        assert self.recorded() - self.files() == set(), "rows without a file"
        without = self.rows(
            "SELECT id FROM images WHERE status = 'active' AND deleted = 0 AND id NOT IN "
            "(SELECT image_id FROM image_locations WHERE deleted = 0)"
        )
        assert without == [], "active images without a location"

    def show(self, image_id: str) -> dict[str, object] | None:
        status, body = self._get(f"/v2/images/{image_id}")
        assert status in {200, 404}, body
        return None if status == 404 else json.loads(body)

    def check(self, records: Iterable[Record]) -> int:
        """Returns how many images were read back whole."""
        return sum(self._check(record) for record in records)

    def _check(self, record: Record) -> bool:
        shown = self.show(record.image_id)
        if shown is None:
            assert record.delete_tried or not record.created, f"{record.image_id} is lost"
            return False
        assert not record.deleted, f"{record.image_id} came back"
        assert record.may_have_note(shown.get("note")), f"a patch of {record.image_id} is lost"  # type: ignore[arg-type]
        if record.uploaded:
            assert shown["status"] == "active", f"the data of {record.image_id} are lost"
        assert shown["status"] in {"queued", "active"}
        if shown["status"] != "active":
            return False
        assert shown["os_hash_value"] == record.sha512
        status, body = self._get(f"/v2/images/{record.image_id}/file")
        assert status == 200
        assert hashlib.sha512(body).hexdigest() == record.sha512, f"{record.image_id} is not whole"
        return True

    def _get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(self.endpoint + path, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
