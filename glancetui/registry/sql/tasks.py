"""Glance's tasks: the rows that tell its clients what became of background work."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.errors import BadRequest, NotFound
from glancetui.registry.jobs import NewJob, Progress, Task, TaskQuery
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.notices import of_task
from glancetui.registry.sql.tables import gt_jobs, task_info, tasks

_BEYOND = re.compile("[\0\U00010000-\U0010ffff]")
_LONG_AGO = datetime(1970, 1, 1)  # noqa: DTZ001 - as the database holds times
_LIVE = tasks.c.deleted == sa.false()
_UNFINISHED = tasks.c.status.in_(["pending", "processing"])
_ADD = sa.insert(tasks)
_ADD_INFO = sa.insert(task_info)
_SET = sa.update(tasks).where(tasks.c.id == sa.bindparam("task"))
_SET_INFO = sa.update(task_info).where(task_info.c.task_id == sa.bindparam("task"))
_SHORT = (
    tasks.c.id,
    tasks.c.type,
    tasks.c.status,
    tasks.c.owner,
    tasks.c.created_at,
    sa.func.coalesce(tasks.c.updated_at, tasks.c.created_at).label("updated_at"),
    tasks.c.expires_at,
    tasks.c.image_id,
    tasks.c.request_id,
    tasks.c.user_id,
)
_LONG = (
    *_SHORT,
    task_info.c.input,
    task_info.c.result,
    task_info.c.message,
    gt_jobs.c.progress,
    gt_jobs.c.error_code,
)
_WHOLE = (
    sa.select(*_LONG)
    .select_from(
        tasks.outerjoin(task_info, task_info.c.task_id == tasks.c.id).outerjoin(gt_jobs, gt_jobs.c.id == tasks.c.id)
    )
    .where(_LIVE)
)
_ONE = _WHOLE.where(tasks.c.id == sa.bindparam("task"))
_OF_IMAGE = (
    _WHOLE.where(tasks.c.image_id == sa.bindparam("image"))
    .order_by(tasks.c.created_at.desc(), tasks.c.id)
    .limit(sa.bindparam("most"))
)
_LAST_SIGN = sa.select(tasks.c.status, sa.func.coalesce(tasks.c.updated_at, tasks.c.created_at)).where(
    tasks.c.id == sa.bindparam("task"), _LIVE
)
_EXPIRED = (
    sa.select(tasks.c.id)
    .where(_LIVE, tasks.c.expires_at <= sa.bindparam("now"))
    .order_by(tasks.c.expires_at)
    .limit(sa.bindparam("most"))
)
_FORGET_JOB = sa.delete(gt_jobs).where(
    gt_jobs.c.id == sa.bindparam("task"), gt_jobs.c.state.in_(["succeeded", "failed"])
)
_END_OTHERS = sa.update(tasks).where(tasks.c.id == sa.bindparam("task"), _LIVE, _UNFINISHED)


def add(change: Change, job: NewJob, image_id: str, status: str) -> None:
    change.db.execute(
        _ADD,
        {
            "id": job.id,
            "type": job.task_type,
            "status": status,
            "owner": job.task_owner,
            "created_at": change.now,
            "updated_at": change.now,
            "deleted": False,
            "image_id": image_id,
            "request_id": (change.actor.request_id or "")[:64] or None,
            "user_id": (change.actor.user or "")[:64] or None,
        },
    )
    change.db.execute(_ADD_INFO, {"task_id": job.id, "input": job.task_input, "message": ""})


def notify(change: Change, task_id: str, *kinds: str) -> None:
    """Owe notifications of the task as the transaction has made it by now."""
    if not change.notices.wants(*kinds):
        return
    payload = of_task(one(change.db, task_id, None))
    for kind in kinds:
        change.notices.owe(kind, lambda: payload)


def set_status(db: sa.Connection, task_id: str, status: str, message: str | None, now: datetime) -> None:
    db.execute(_SET, {"task": task_id, "status": status, "updated_at": now})
    if message is not None:
        db.execute(_SET_INFO, {"task": task_id, "message": message})


def holdable(text: str) -> str:
    """A sentence as Glance's columns can hold it: PostgreSQL takes no NUL, MySQL nothing beyond the basic plane."""
    return _BEYOND.sub("\ufffd", text)


def end(
    db: sa.Connection, task_id: str, status: str, message: str, result: str | None, kept_until: datetime, now: datetime
) -> None:
    db.execute(_SET, {"task": task_id, "status": status, "expires_at": kept_until, "updated_at": now})
    db.execute(_SET_INFO, {"task": task_id, "message": holdable(message), "result": result})


def end_others(db: sa.Connection, task_id: str, message: str, kept_until: datetime, now: datetime) -> None:
    """A task of another service that died over it."""
    ended = {"task": task_id, "status": "failure", "expires_at": kept_until, "updated_at": now}
    if db.execute(_END_OTHERS, ended).rowcount:
        db.execute(_SET_INFO, {"task": task_id, "message": holdable(message)})


def last_sign(db: sa.Connection, task_id: str) -> tuple[str, datetime] | None:
    """Status and time of the last change; None: there is no such task."""
    row = db.execute(_LAST_SIGN, {"task": task_id}).fetchone()
    return None if row is None else (row[0], row[1])


def one(db: sa.Connection, task_id: str, owner: str | None) -> Task:
    row = db.execute(_ONE, {"task": task_id}).fetchone()
    if row is None or (owner is not None and row.owner != owner):
        raise NotFound(f"There is no task {task_id}. Tasks are forgotten some time after they have ended.")
    return _task(row._mapping)


def of_image(db: sa.Connection, image_id: str, limit: int) -> Sequence[Task]:
    return [_task(row._mapping) for row in db.execute(_OF_IMAGE, {"image": image_id, "most": limit})]


def page(db: sa.Connection, query: TaskQuery) -> Sequence[Task]:
    statement = sa.select(*_SHORT).where(_LIVE)
    for column, wanted in ((tasks.c.owner, query.owner), (tasks.c.type, query.type), (tasks.c.status, query.status)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    # What may be null counts as the smallest, in both directions, so that every task is on one page.
    key = sa.func.coalesce(tasks.c[query.sort_key], _smallest(query.sort_key))
    order = (key.desc(), tasks.c.id.desc()) if query.descending else (key, tasks.c.id)
    if query.marker is not None:
        statement = statement.where(_beyond(db, query, key))
    return [_task(row._mapping) for row in db.execute(statement.order_by(*order).limit(query.limit))]


def _smallest(sort_key: str) -> sa.ColumnElement[Any]:
    return sa.literal(_LONG_AGO if sort_key.endswith("_at") else "", tasks.c[sort_key].type)


def _beyond(db: sa.Connection, query: TaskQuery, key: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    known = tasks.c.owner == query.owner if query.owner is not None else sa.true()
    row = db.execute(sa.select(key, tasks.c.id).where(tasks.c.id == query.marker, _LIVE, known)).fetchone()
    if row is None:
        raise BadRequest(f"The marker {query.marker} is no task that you can see. Begin at the first page again.")
    if query.descending:
        return sa.or_(key < row[0], sa.and_(key == row[0], tasks.c.id < row[1]))
    return sa.or_(key > row[0], sa.and_(key == row[0], tasks.c.id > row[1]))


def forget_expired(db: sa.Connection, now: datetime, limit: int) -> int:
    expired = db.execute(_EXPIRED, {"now": now, "most": limit}).scalars().all()
    for task_id in expired:
        db.execute(_SET, {"task": task_id, "deleted": True, "deleted_at": now})
        db.execute(_FORGET_JOB, {"task": task_id})
    return len(expired)


def any_expired(db: sa.Connection, now: datetime) -> bool:
    return db.execute(_EXPIRED, {"now": now, "most": 1}).fetchone() is not None


def _task(row: Mapping[Any, Any]) -> Task:
    fields = {name: value for name, value in row.items() if value is not None}
    if "progress" in fields:
        fields["progress"] = msgspec.json.decode(fields["progress"], type=Progress)
    return Task(**fields)
