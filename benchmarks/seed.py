"""The same images for both: rows written straight into the tables, which have Glance's schema on both sides."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

NAMESPACE = uuid.UUID("6f1d2b0e-6d0a-4d53-9f5f-1c2b7f4f5a10")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
PROPERTIES = {"os_distro": "debian", "os_version": "12", "hw_disk_bus": "virtio"}
TAGS = ("bench", "linux")
CHECKSUM, HASH = "d41d8cd98f00b204e9800998ecf8427e", "cf83e1357eefb8bd" * 8


def image_ids(count: int) -> list[str]:
    return [str(uuid.uuid5(NAMESPACE, str(number))) for number in range(count)]


def seed(database: Path, count: int, store: str, folder: Path) -> None:
    """`count` active images, a second apart, each with three properties, two tags, one location; only once."""
    with closing(sqlite3.connect(database, timeout=60)) as db, db:
        if db.execute("SELECT count(*) FROM images WHERE name LIKE 'bench-%'").fetchone()[0] >= count:
            return
        for number, image_id in enumerate(image_ids(count)):
            insert(db, image_id, number, store, folder)
        db.execute("ANALYZE")


def insert(db: sqlite3.Connection, image_id: str, number: int, store: str, folder: Path) -> None:
    at = (BEGIN + timedelta(seconds=number)).strftime("%Y-%m-%d %H:%M:%S.000000")
    row = {
        "id": image_id, "name": f"bench-{number:06}", "size": 1024, "virtual_size": 1024, "status": "active",
        "created_at": at, "updated_at": at, "deleted": 0, "disk_format": "raw", "container_format": "bare",
        "checksum": CHECKSUM, "owner": None, "min_disk": 0, "min_ram": 0, "protected": 0, "visibility": "shared",
        "os_hidden": 0, "os_hash_algo": "sha512", "os_hash_value": HASH,
    }  # fmt: skip
    add(db, "images", row)
    for name, value in PROPERTIES.items():
        add(
            db, "image_properties", {"image_id": image_id, "name": name, "value": value, "created_at": at, "deleted": 0}
        )
    for tag in TAGS:
        add(db, "image_tags", {"image_id": image_id, "value": tag, "created_at": at, "deleted": 0})
    location = {"image_id": image_id, "value": f"file://{folder}/{image_id}", "status": "active", "deleted": 0}
    add(db, "image_locations", location | {"created_at": at, "updated_at": at, "meta_data": f'{{"store": "{store}"}}'})


def add(db: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
