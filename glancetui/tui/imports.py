"""What an endpoint brings in by itself: how far an import is, and why the last one came to nothing.

An endpoint tells it in an image's tasks. They are asked for where the image shows that there is something to hear:
while it is worked on, and once after that has ended badly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from glancetui.client.imports import failed_stores, failure, is_worked_on
from glancetui.client.text import clean
from glancetui.client.values import RemoteImage, RemoteTask
from glancetui.errors import Forbidden, NotFound
from glancetui.tui import figures

if TYPE_CHECKING:
    from glancetui.tui.pool import Pool
    from glancetui.tui.ports import Service

MOST_ASKED = 20  # images in one round


class Heard(msgspec.Struct, frozen=True):
    at: datetime | None  # the image's last change then
    tasks: Sequence[RemoteTask]  # the newest first


class Imports:
    """Of one endpoint, as last heard. Lives on the event loop."""

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}

    def due(self, images: Iterable[RemoteImage]) -> list[RemoteImage]:
        """Those whose tasks should be asked for now."""
        return [image for image in images if self._is_due(image)][:MOST_ASKED]

    def _is_due(self, image: RemoteImage) -> bool:
        heard = self._heard.get(image.id)
        if is_worked_on(image):
            return True
        return bool(failed_stores(image)) if heard is None else heard.at != image.updated_at

    def hear(self, image: RemoteImage, tasks: Iterable[RemoteTask]) -> None:
        newest_first = sorted(tasks, key=lambda task: task.created_at or datetime.min, reverse=True)  # noqa: DTZ901 - as all times here
        self._heard[image.id] = Heard(image.updated_at, newest_first)

    async def ask(self, service: Service, pool: Pool, images: Iterable[RemoteImage]) -> bool:
        """Asks for what is due. True: something was heard. Raises GlancetuiError."""
        due = self.due(images)
        for image in due:
            try:
                self.hear(image, await pool.run(service.tasks, image.id))
            except (NotFound, Forbidden):  # it is gone, or is not told here
                self.hear(image, ())
        return bool(due)

    def tasks(self, image: RemoteImage) -> Sequence[RemoteTask] | None:
        """The newest first; None: they were not asked for yet."""
        heard = self._heard.get(image.id)
        return None if heard is None else heard.tasks

    def last(self, image: RemoteImage) -> RemoteTask | None:
        return next(iter(self.tasks(image) or ()), None)

    def running(self, image: RemoteImage) -> RemoteTask | None:
        task = self.last(image)
        return task if task is not None and not task.is_over and is_worked_on(image) else None

    def failure(self, image: RemoteImage) -> str:
        """Empty where all is well."""
        return failure(image, self.last(image))


def fraction(task: RemoteTask) -> float | None:
    return None if not task.total or task.done is None else min(1.0, task.done / task.total)


def short(task: RemoteTask) -> str:
    """At most 8 cells: `41 % 2m`, what has come where nobody knows of how much, or nothing."""
    part = fraction(task)
    if part is None:
        return figures.size(task.done) if task.done else ""
    left = task.remaining
    return f"{min(99, int(part * 100))} %" + ("" if left is None else f" {figures.short(left)}")


def sentence(task: RemoteTask) -> str:
    """`storing 9.8 MiB of 24 MiB · 41 % · 1.3 MiB/s · 8s left`."""
    if task.phase is None:
        return clean(task.message or ("waits for a worker" if task.status == "pending" else task.status))
    part = fraction(task)
    said = [clean(task.phase) + (f" {figures.size(task.done)}" if task.done is not None else "")]
    if task.total is not None:
        said[0] += f" of {figures.size(task.total)}"
    said += [] if part is None else [f"{int(part * 100)} %"]
    said += [figures.rate(task.rate)] if task.rate else []
    said += [] if task.remaining is None else [f"{figures.span(task.remaining)} left"]
    return " · ".join(said)
