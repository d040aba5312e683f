"""Notifications that committed changes owe to the operator's message broker, in Glance's words.

Each is a row that is written with the change it tells of, so that none is lost while the broker, or this service, is
down; whoever sends them goes by the rows' numbers. Of one image, whose row every change locks first, the numbers are in
the order of its changes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from glancetui.config.settings import OwedNotifications
from glancetui.model import Image, Member
from glancetui.registry.interface import Actor, Notification
from glancetui.registry.jobs import Task
from glancetui.registry.sql.tables import gt_notifications

log = logging.getLogger(__name__)

Payload = Mapping[str, Any] | str  # as JSON
Priority = Literal["INFO", "ERROR"]
_PRUNE_EVERY = 1_000  # rows; so that pruning costs nothing to speak of
_STRIDE = 8  # numbers that one row may be ahead of another, as where each node of a cluster has its own

_ADD = sa.insert(gt_notifications)
_WAITING = sa.select(gt_notifications).order_by(gt_notifications.c.id).limit(sa.bindparam("most"))
_FORGET = sa.delete(gt_notifications).where(gt_notifications.c.id.in_(sa.bindparam("sent", expanding=True)))
_PRUNE = sa.delete(gt_notifications).where(gt_notifications.c.id <= sa.bindparam("last_gone"))


class Notices:
    """What one transaction owes. `owed` None: the operator wants no notifications, and nothing is written."""

    def __init__(self, db: sa.Connection, moment: datetime, owed: OwedNotifications | None) -> None:
        self._db, self._moment, self._owed = db, moment, owed

    def wants(self, *kinds: str) -> bool:
        return self._owed is not None and any(self._owed.wants(kind) for kind in kinds)

    def owe(self, kind: str, payload: Callable[[], Payload], priority: Priority = "INFO") -> None:
        """`payload` is asked only where the notification is wanted."""
        if self._owed is None or not self._owed.wants(kind):
            return
        row = {
            "message_id": str(uuid.uuid4()),  # the same however often it is sent: so that others can tell
            "kind": kind,
            "priority": priority,
            "payload": msgspec.json.encode(payload()).decode(),
            "created_at": self._moment,
        }
        added = self._db.execute(_ADD, row).inserted_primary_key
        number = added[0] if added else 0
        if number % _PRUNE_EVERY < _STRIDE:
            dropped = self._db.execute(_PRUNE, {"last_gone": number - self._owed.kept}).rowcount
            if dropped:
                log.error(
                    "%d notifications were dropped: the message broker takes none, and no more than %d are kept "
                    "(notifications_kept).", dropped, self._owed.kept,
                )  # fmt: skip


def waiting(db: sa.Connection, limit: int) -> Sequence[Notification]:
    return [Notification(**row._mapping) for row in db.execute(_WAITING, {"most": limit})]


def forget(db: sa.Connection, numbers: Sequence[int]) -> None:
    if numbers:
        db.execute(_FORGET, {"sent": list(numbers)})


# -- payloads ----------------------------------------------------------------------------------------------------------


def of_image(image: Image) -> dict[str, Any]:
    """Without locations, which may hold passwords."""
    return {
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "created_at": when(image.created_at),
        "updated_at": when(image.updated_at),
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "protected": image.protected,
        "checksum": image.checksum,
        "owner": image.owner,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "is_public": image.visibility == "public",
        "visibility": image.visibility,
        "properties": dict(image.properties),
        "tags": list(image.tags),
        **PRESENT,
    }


def of_import(image: Image) -> dict[str, Any]:
    """What is added where data come."""
    names = ("os_glance_importing_to_stores", "os_glance_failed_import")
    return {name: [each for each in (image.properties.get(name) or "").split(",") if each] for name in names}


def of_member(member: Member) -> dict[str, Any]:
    return {
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status,
        "created_at": when(member.created_at),
        "updated_at": when(member.updated_at),
        **PRESENT,
    }


def of_download(image_id: str, owner: str | None, sent: int, actor: Actor, address: str | None) -> dict[str, Any]:
    """Glance tells the address only of who was served by its cache."""
    payload: dict[str, Any] = {
        "bytes_sent": sent,
        "image_id": image_id,
        "owner_id": owner,
        "receiver_tenant_id": actor.project,
        "receiver_user_id": actor.user,
    }
    return payload if address is None else {**payload, "destination_ip": address}


def of_task(task: Task) -> dict[str, Any]:
    """Without input, result and message, which may hold what is not everybody's."""
    return {
        "id": task.id,
        "type": task.type,
        "status": task.status,
        "result": None,
        "owner": task.owner,
        "message": None,
        "expires_at": when(task.expires_at),
        "created_at": when(task.created_at),
        "updated_at": when(task.updated_at),
        **PRESENT,
    }


def gone(moment: datetime) -> dict[str, Any]:
    return {"deleted": True, "deleted_at": when(moment)}


def when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat("T", "seconds") + "Z"


PRESENT: Mapping[str, Any] = {"deleted": False, "deleted_at": None}
