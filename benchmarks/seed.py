"""The same images for both: rows written straight into the tables, which have Glance's schema on both sides."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from glancetui.registry.sql.tables import image_locations, image_properties, image_tags, images

NAMESPACE = uuid.UUID("6f1d2b0e-6d0a-4d53-9f5f-1c2b7f4f5a10")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # the tables hold UTC without zone
PROPERTIES = {"os_distro": "debian", "os_version": "12", "hw_disk_bus": "virtio"}
TAGS = ("bench", "linux")
CHECKSUM, HASH = "d41d8cd98f00b204e9800998ecf8427e", "cf83e1357eefb8bd" * 8
BATCH = 1000  # images written at once

Rows = list[dict[str, Any]]


def image_ids(count: int) -> list[str]:
    return [str(uuid.uuid5(NAMESPACE, str(number))) for number in range(count)]


def seed(url: str, count: int, store: str, folder: Path) -> None:
    """`count` active images, a second apart, each with three properties, two tags, one location; only once.

    `url` is SQLAlchemy's, of a database in Glance's schema.
    """
    engine = sa.create_engine(url)
    with engine.begin() as db:
        present = sa.select(sa.func.count()).where(images.c.name.like("bench-%"))
        if (db.execute(present).scalar() or 0) >= count:
            return
        for table, rows in batches(image_ids(count), store, folder):
            db.execute(sa.insert(table), rows)
        analyze(db)
    engine.dispose()


def analyze(db: sa.Connection) -> None:
    """Statistics, as a database of some age has them."""
    if db.dialect.name in {"mysql", "mariadb"}:
        db.exec_driver_sql("ANALYZE TABLE images, image_properties, image_tags, image_locations, image_members")
    else:
        db.exec_driver_sql("ANALYZE")


def batches(ids: list[str], store: str, folder: Path) -> Iterator[tuple[sa.Table, Rows]]:
    for first in range(0, len(ids), BATCH):
        some = list(enumerate(ids[first : first + BATCH], first))
        times = {image_id: BEGIN + timedelta(seconds=number) for number, image_id in some}
        yield images, [image_row(image_id, number, times[image_id]) for number, image_id in some]
        yield (
            image_properties,
            [
                {"image_id": image_id, "name": name, "value": value, "created_at": at, "deleted": False}
                for image_id, at in times.items()
                for name, value in PROPERTIES.items()
            ],
        )
        yield (
            image_tags,
            [
                {"image_id": image_id, "value": tag, "created_at": at, "deleted": False}
                for image_id, at in times.items()
                for tag in TAGS
            ],
        )
        yield image_locations, [location_row(image_id, at, store, folder) for image_id, at in times.items()]


def image_row(image_id: str, number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": image_id, "name": f"bench-{number:06}", "size": 1024, "virtual_size": 1024, "status": "active",
        "created_at": at, "updated_at": at, "deleted": False, "disk_format": "raw", "container_format": "bare",
        "checksum": CHECKSUM, "owner": None, "min_disk": 0, "min_ram": 0, "protected": False, "visibility": "shared",
        "os_hidden": False, "os_hash_algo": "sha512", "os_hash_value": HASH,
    }  # fmt: skip


def location_row(image_id: str, at: datetime, store: str, folder: Path) -> dict[str, Any]:
    return {
        "image_id": image_id, "value": f"file://{folder}/{image_id}", "status": "active", "deleted": False,
        "created_at": at, "updated_at": at, "meta_data": f'{{"store": "{store}"}}',
    }  # fmt: skip
