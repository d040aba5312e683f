"""Waits for background work of the endpoint, and shows how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable

from glancetui.cli.context import Context
from glancetui.cli.progress import shown
from glancetui.client.transfer import Progress
from glancetui.client.values import RemoteTask
from glancetui.errors import GlancetuiError

POLL_SECONDS = 0.5


class WorkFailed(GlancetuiError):
    """The endpoint took the work on, and it came to nothing."""


def wait_for(context: Context, look: Callable[[], RemoteTask], name: str) -> RemoteTask:
    """The task, ended well. Raises WorkFailed with the reason; GlancetuiError when --wait-timeout is over."""
    timeout = context.arguments.wait_timeout
    deadline = time.monotonic() + timeout if timeout else None
    task = look()
    with shown(context, task.image_id or task.id, name) as report:
        while not task.is_over:
            report(Progress(phase=task.phase or task.status, done=task.done or 0, total=task.total))
            if deadline and time.monotonic() > deadline:
                raise GlancetuiError(f"Task {task.id} is still {task.status}; the endpoint goes on with it.")
            time.sleep(POLL_SECONDS)
            task = look()
        if task.status != "success":
            raise WorkFailed(failure_sentence(task))
        size = task.total or task.done or 0  # what the last look saw of it may be less than all
        report(Progress(phase="done", done=size, total=size))
    return task


def failure_sentence(task: RemoteTask) -> str:
    """The reason first: it is what is left where the sentence is cut."""
    code = f"{task.error_code}, " if task.error_code else ""
    return f"{task.message or 'The work failed; the endpoint does not say why.'} ({code}task {task.id})"
