"""How far a transfer is, on stderr: a bar for people, JSON lines for a parent process, one line on SIGUSR1.

JSON lines (`--progress-json`) come once a second, and once more at the end and whenever the phase changes:
{"image": ID, "phase": "sending", "done": BYTES, "total": BYTES|null, "rate": BYTES/S, "eta": SECONDS|null}
The phases are those of `transfer.Progress`, and `failed`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import msgspec

from glancetui.cli.context import Context
from glancetui.cli.output import size_text
from glancetui.client.text import clean, cut
from glancetui.client.transfer import Progress, Rate, Report

if TYPE_CHECKING:
    import argparse

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

LINE_SECONDS = 1.0
BAR_SECONDS = 0.1


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of --progress-json."""

    image: str
    phase: str
    done: int
    total: int | None
    rate: int
    eta: float | None


class Display(Protocol):
    def show(self, progress: Progress, rate: Rate) -> None: ...


def progress_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--progress", dest="progress", action="store_const", const="bar", help="show it though piped")
    group.add_argument("--no-progress", dest="progress", action="store_const", const="none", help="show none")
    group.add_argument("--progress-json", dest="progress", action="store_const", const="json", help="as JSON lines")


class Watch:
    """Takes reports, keeps the rate, and passes them on to a display and to whoever sends SIGUSR1."""

    def __init__(self, display: Display | None) -> None:
        self.rate = Rate()
        self.last = Progress(phase="starting", done=0, total=None)
        self._display = display

    def report(self, progress: Progress) -> None:
        self.last = progress
        self.rate.add(progress.done)
        if self._display:
            self._display.show(progress, self.rate)

    def tell(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a signal handler
        sys.stderr.write(sentence(self.last, self.rate) + "\n")


def sentence(progress: Progress, rate: Rate) -> str:
    """`sending 1.2 GiB of 4.0 GiB, 212 MiB/s, 12 s left`"""
    total = f" of {size_text(progress.total)}" if progress.total is not None else ""
    left = rate.remaining(progress.done, progress.total)
    ending = f", {left:.0f} s left" if left is not None and progress.phase != "done" else ""
    return f"{progress.phase} {size_text(progress.done)}{total}, {size_text(round(rate.per_second))}/s{ending}"


class JsonLines:
    """--progress-json."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._next = 0.0
        self._phase = ""

    def show(self, progress: Progress, rate: Rate) -> None:
        now = time.monotonic()
        if now < self._next and progress.phase == self._phase:
            return
        self._next, self._phase = now + LINE_SECONDS, progress.phase
        self.write(progress, rate)

    def write(self, progress: Progress, rate: Rate) -> None:
        left = rate.remaining(progress.done, progress.total)
        line = Line(
            image=self._image,
            phase=progress.phase,
            done=progress.done,
            total=progress.total,
            rate=round(rate.per_second),
            eta=None if left is None else round(left, 1),
        )
        with contextlib.suppress(BrokenPipeError):  # nobody reads any more: no reason to break the transfer off
            sys.stderr.write(msgspec.json.encode(line).decode() + "\n")
            sys.stderr.flush()


class Bar:
    """A bar of rich, which is loaded only when one is shown."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task
        self._next = 0.0

    def show(self, progress: Progress, rate: Rate) -> None:
        now = time.monotonic()
        if now < self._next and progress.phase in {"sending", "receiving"}:
            return
        self._next = now + BAR_SECONDS
        speed = f"{size_text(round(rate.per_second))}/s"  # rich's own counts in thousands, beside bytes in 1024
        self._bars.update(self._task, completed=progress.done, total=progress.total, phase=progress.phase, speed=speed)


@contextlib.contextmanager
def shown(context: Context, image_id: str, name: str) -> Iterator[Report]:
    """Reports go where the flags say; by default a bar if stderr is a terminal."""
    wanted = context.arguments.progress or ("bar" if sys.stderr.isatty() and not context.arguments.quiet else "none")
    with contextlib.ExitStack() as stack:
        lines = JsonLines(image_id) if wanted == "json" else None
        watch = Watch(stack.enter_context(bar(context, name)) if wanted == "bar" else lines)
        stack.enter_context(handling_usr1(watch))
        try:
            yield watch.report
        except BaseException:
            if lines:
                lines.write(msgspec.structs.replace(watch.last, phase="failed"), watch.rate)
            raise


@contextlib.contextmanager
def handling_usr1(watch: Watch) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, watch.tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextlib.contextmanager
def bar(context: Context, name: str) -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    color = context.arguments.color
    console = Console(stderr=True, force_terminal=True, no_color=True if color == "never" else None)
    columns = (
        TextColumn(cut(clean(name), 30), markup=False),
        TextColumn("{task.fields[phase]}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(binary_units=True),
        TextColumn("{task.fields[speed]}", markup=False),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield Bar(bars, bars.add_task("", total=None, phase="starting", speed=""))
