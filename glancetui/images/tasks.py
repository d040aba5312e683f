"""Tasks: what the Image API shows of background work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from glancetui.errors import BadRequest
from glancetui.images.access import refuse_read_only
from glancetui.images.importing.imports import Imports
from glancetui.images.outbox import now
from glancetui.images.policy import Policy
from glancetui.images.rules import Images
from glancetui.model import Caller
from glancetui.registry.interface import Registry
from glancetui.registry.jobs import Task, TaskQuery

MOST_OF_IMAGE = 200  # tasks of one image that are shown
FORGOTTEN_AT_ONCE = 500


class Tasks:
    """Callable from many threads."""

    def __init__(self, registry: Registry, policy: Policy, images: Images, imports: Imports) -> None:
        self._registry = registry
        self._policy = policy
        self._images = images
        self._imports = imports

    def page(self, caller: Caller, query: TaskQuery) -> Sequence[Task]:
        """At most `query.limit` tasks, the caller's own unless it is an administrator. Raises Forbidden, BadRequest."""
        self._permit("get_tasks", caller)
        self._registry.forget_expired_tasks(now(), FORGOTTEN_AT_ONCE)
        if query.limit == 0:
            return ()
        return self._registry.tasks(msgspec.structs.replace(query, owner=owner_of(caller)))

    def show(self, caller: Caller, task_id: str) -> Task:
        """Raises Forbidden, NotFound."""
        self._permit("get_task", caller)
        return self._registry.task(task_id, owner_of(caller))

    def create(self, caller: Caller, body: Mapping[str, object]) -> Task:
        """Begins an import into an image that is made for it. Raises Forbidden, BadRequest, and what making it does."""
        self._permit("add_task", caller)
        refuse_read_only(caller)
        uri, attributes, given = read_task(body)
        job = self._imports.begin_task(caller, attributes, uri, given)
        task = self._registry.task(job.id, None)
        # As it was made: a worker may have begun it, or even ended it, since.
        return msgspec.structs.replace(
            task, status="pending", updated_at=task.created_at, expires_at=None, result=None, message=None,
            progress=None, error_code=None,
        )  # fmt: skip

    def of_image(self, caller: Caller, image_id: str) -> Sequence[Task]:
        """For everybody who sees the image. Raises NotFound."""
        self._images.show(caller, image_id)
        return self._registry.tasks_of_image(image_id, MOST_OF_IMAGE)

    def _permit(self, rule: str, caller: Caller) -> None:
        target = {} if caller.project is None else {"project_id": caller.project, "owner": caller.project}
        self._policy.enforce("tasks_api_access", caller, target)
        self._policy.enforce(rule, caller, target)


def owner_of(caller: Caller) -> str | None:
    """Whose tasks the caller sees; None: all."""
    return None if caller.is_admin else caller.project or ""


def read_task(body: Mapping[str, object]) -> tuple[str, dict[str, Any], Mapping[str, object]]:
    """The URI, the attributes of the image to make, and the input as it was given. Raises BadRequest."""
    strange = sorted(set(body) - {"type", "input"})
    if strange:
        raise BadRequest(f"A task has no {strange[0][:40]!r} of its own. Give type and input.")
    if body.get("type") != "import":
        raise BadRequest("A task's type must be import.")
    given = body.get("input")
    if not isinstance(given, dict):
        raise BadRequest("A task needs an input: import_from, import_from_format, image_properties.")
    for name in ("import_from", "import_from_format"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise BadRequest(f"The input needs {name}, a text.")
    attributes = given.get("image_properties")
    if not isinstance(attributes, dict):
        raise BadRequest("The input needs image_properties, the attributes of the image to make.")
    unset = [name for name in ("disk_format", "container_format") if attributes.get(name) is None]
    if unset:
        raise BadRequest(f"image_properties needs {' and '.join(unset)}.")
    return given["import_from"], attributes, given
