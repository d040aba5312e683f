"""What the registry's tests make: settings, images, uploads."""

from __future__ import annotations

import uuid
from pathlib import Path

from glancetui.config.settings import DatabaseSettings
from glancetui.model import Image, ImageLocation, Viewer
from glancetui.registry.interface import Actor, Intent, NewImage, Published, Seen
from glancetui.registry.jobs import ImportSpec, NewJob
from glancetui.registry.sql import SqlRegistry

ACTOR = Actor(project="p", user="u", request_id="r")
ADMIN = Viewer(project=None, is_admin=True)


def settings(folder: Path, *, upgrade: bool = True, busy: float = 20.0) -> DatabaseSettings:
    return DatabaseSettings(connection=f"sqlite:///{folder}/glance.sqlite", upgrade=upgrade, busy_seconds=busy)


def viewer(project: str | None) -> Viewer:
    return Viewer(project=project, is_admin=False)


def seen(image: Image) -> Seen:
    return Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at)


def made(registry: SqlRegistry, **fields: object) -> Image:
    new = {"id": str(uuid.uuid4()), "owner": "p", "disk_format": "raw", "container_format": "bare"} | fields
    return registry.create_image(NewImage(**new), ACTOR)


def begun(registry: SqlRegistry, image: Image, owner: str = "worker-1", lease: float = 60) -> Intent:
    return registry.begin_upload(seen(image), "file", image.id, owner, lease, ACTOR)


def new_job(*stores: str, owner: str | None = "w1", site: str | None = None, **spec: object) -> NewJob:
    fields = {"method": "web-download", "stores": stores or ("a",), "uri": "http://x/"} | spec
    return NewJob(
        id=str(uuid.uuid4()), spec=ImportSpec(**fields), task_input='{"a":1}', task_owner="p", owner=owner, site=site,
        lease=60,
    )  # fmt: skip


def published(image_id: str, size: int = 5, quota: int | None = None) -> Published:
    return Published(
        size=size,
        checksum="c" * 32,
        os_hash_algo="sha512",
        os_hash_value="d" * 128,
        virtual_size=7,
        location=ImageLocation(url=f"file:///images/{image_id}", metadata={"store": "file"}),
        quota=quota,
    )


def active(registry: SqlRegistry, **fields: object) -> Image:
    image = made(registry, **fields)
    return registry.publish_upload(begun(registry, image), published(image.id), ACTOR)
