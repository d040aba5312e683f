"""Tasks as the JSON of the Image API, and the query string of their listing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast, get_args
from urllib.parse import urlencode

import msgspec

from glancetui.errors import BadRequest
from glancetui.registry.jobs import Progress, Task, TaskQuery, TaskSortKey
from glancetui.server.listing import limit_of

TYPES = ("import", "api_image_import", "location_import")
STATUSES = ("pending", "processing", "success", "failure")


def task_document(task: Task) -> dict[str, object]:
    """All of a task; beside Glance's own fields `progress` and `error_code`. What there is not is left out."""
    document = short_document(task) | {
        "input": decoded(task.input),
        "result": decoded(task.result),
        "message": task.message or "",
    }
    return document | extras(task)


def short_document(task: Task) -> dict[str, object]:
    document: dict[str, object] = {
        "id": task.id,
        "type": task.type,
        "status": task.status,
        "owner": task.owner,
        "created_at": time_text(task.created_at),
        "updated_at": time_text(task.updated_at),
        "self": f"/v2/tasks/{task.id}",
        "schema": "/v2/schemas/task",
    }
    expires_at = None if task.expires_at is None else time_text(task.expires_at)
    named = {
        "image_id": task.image_id,
        "request_id": task.request_id,
        "user_id": task.user_id,
        "expires_at": expires_at,
    }
    return document | {name: value for name, value in named.items() if value is not None}


def page_document(tasks: list[Task], query: TaskQuery, kept: dict[str, str]) -> dict[str, object]:
    document: dict[str, object] = {
        "tasks": [short_document(task) for task in tasks],
        "first": link(kept),
        "schema": "/v2/schemas/tasks",
    }
    if tasks and len(tasks) == query.limit:
        document["next"] = link({**kept, "marker": tasks[-1].id})
    return document


def image_task_document(task: Task) -> dict[str, object]:
    """As …/images/ID/tasks spells them: other times, and what the database has beside."""
    return {
        "id": task.id,
        "type": task.type,
        "status": task.status,
        "owner": task.owner,
        "expires_at": None if task.expires_at is None else long_time(task.expires_at),
        "created_at": long_time(task.created_at),
        "updated_at": long_time(task.updated_at),
        "deleted_at": None,
        "deleted": False,
        "image_id": task.image_id,
        "request_id": task.request_id,
        "user_id": task.user_id,
        "input": decoded(task.input),
        "result": decoded(task.result),
        "message": task.message or "",
    } | extras(task)


def extras(task: Task) -> dict[str, object]:
    found: dict[str, object] = {}
    if task.progress is not None and task.progress != Progress():
        found["progress"] = task.progress
    if task.error_code is not None:
        found["error_code"] = task.error_code
    return found


def read_task_query(parameters: list[tuple[str, str]], default_limit: int, max_limit: int) -> TaskQuery:
    """Raises BadRequest."""
    given = dict(parameters)
    direction = among("sort_dir", given.get("sort_dir", "desc"), ("asc", "desc"))
    return TaskQuery(
        owner=None,
        limit=min(limit_of(given.get("limit", str(default_limit))), max_limit),
        marker=given.get("marker"),
        type=among("type", given["type"], TYPES) if "type" in given else None,
        status=among("status", given["status"], STATUSES) if "status" in given else None,
        sort_key=cast("TaskSortKey", among("sort_key", given.get("sort_key", "created_at"), get_args(TaskSortKey))),
        descending=direction == "desc",
    )


def among(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadRequest(f"{name} must be one of {', '.join(allowed)}.")
    return value


def link(parameters: dict[str, str]) -> str:
    return "/v2/tasks" + (f"?{urlencode(parameters)}" if parameters else "")


def decoded(text: str | None) -> Any:  # noqa: ANN401 - JSON
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text  # what another service wrote there


def time_text(at: datetime) -> str:
    return at.isoformat("T", "seconds") + "Z"


def long_time(at: datetime) -> str:
    return at.isoformat("T", "microseconds")
