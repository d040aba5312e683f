"""Members of images: projects that an image is shared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from glancetui.errors import Duplicate, LimitExceeded, NotFound
from glancetui.model import Member, MemberStatus
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.expressions import exactly, live
from glancetui.registry.sql.notices import gone, of_member
from glancetui.registry.sql.tables import image_members

_OF_IMAGE = (
    sa.select(
        image_members.c.image_id,
        image_members.c.member,
        image_members.c.status,
        image_members.c.created_at,
        image_members.c.updated_at,
    )
    .where(image_members.c.image_id == sa.bindparam("image_id"), live(image_members))
    .order_by(image_members.c.id)
)
_IS = exactly(image_members.c.member, sa.bindparam("member_id"))
_ONE = _OF_IMAGE.where(_IS).limit(1)
_ADD = sa.insert(image_members)
_SET = sa.update(image_members).where(
    image_members.c.image_id == sa.bindparam("of_image"),
    _IS,
    live(image_members),
)


def of_image(db: sa.Connection, image_id: str) -> Sequence[Member]:
    return [_member(row) for row in db.execute(_OF_IMAGE, {"image_id": image_id})]


def one(db: sa.Connection, image_id: str, member_id: str) -> Member:
    row = db.execute(_ONE, {"image_id": image_id, "member_id": member_id}).fetchone()
    if row is None:
        raise _unknown(image_id, member_id)
    return _member(row)


def add(change: Change, image_id: str, member_id: str, quota: int) -> Member:
    change.live(image_id)
    members = of_image(change.db, image_id)
    if any(member.member_id == member_id for member in members):
        raise Duplicate(f"Image {image_id} is shared with {member_id} already.")
    if 0 <= quota <= len(members):
        raise LimitExceeded(f"Image {image_id} has {len(members)} members; {quota} are allowed. Remove one first.")
    change.db.execute(
        _ADD,
        {
            "image_id": image_id,
            "member": member_id,
            "can_share": False,
            "created_at": change.now,
            "updated_at": change.now,
            "deleted": False,
            "status": MemberStatus.PENDING.value,
        },
    )
    change.tell("member.create", image_id)
    member = one(change.db, image_id, member_id)
    change.notices.owe("image.member.create", lambda: of_member(member))
    return member


def set_status(change: Change, image_id: str, member_id: str, status: str) -> Member:
    change.live(image_id)
    _write(change, image_id, member_id, {"status": status})
    change.tell("member.update", image_id)
    member = one(change.db, image_id, member_id)
    change.notices.owe("image.member.update", lambda: of_member(member))
    return member


def remove(change: Change, image_id: str, member_id: str) -> None:
    change.live(image_id)
    member = one(change.db, image_id, member_id)
    change.notices.owe("image.member.delete", lambda: of_member(member) | gone(change.now))
    _write(change, image_id, member_id, {"deleted": True, "deleted_at": change.now})
    change.tell("member.delete", image_id)


def _write(change: Change, image_id: str, member_id: str, values: dict[str, object]) -> None:
    of = {"of_image": image_id, "member_id": member_id, "updated_at": change.now}
    if not change.db.execute(_SET, {**of, **values}).rowcount:
        raise _unknown(image_id, member_id)


def _member(row: Sequence[Any]) -> Member:  # Any: SQLAlchemy types rows in two ways, by its release
    image_id, member_id, status, created_at, updated_at = tuple(row)
    return Member(
        image_id=image_id,
        member_id=member_id,
        status=status,
        created_at=created_at,
        updated_at=updated_at or created_at,
    )


def _unknown(image_id: str, member_id: str) -> NotFound:
    return NotFound(f"Image {image_id} is not shared with {member_id}.")
