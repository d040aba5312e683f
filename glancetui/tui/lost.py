"""A terminal that goes away, as when its window is closed or ssh is cut: the program leaves in order."""

from __future__ import annotations

import os
import select
import signal
from io import TextIOWrapper
from typing import IO, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class LeavingDriver(LinuxDriver):
    """Not every terminal sends SIGHUP. One that is gone is told by what is written to it, and where nothing is by
    `is_gone`, for its input then reads as empty at once, for ever."""

    def __init__(
        self, app: App[int], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = cast("TextIOWrapper", Output(cast("IO[str]", self._file)))

    @property
    def is_gone(self) -> bool:
        if not self.input_tty:
            return False
        poll = select.poll()
        poll.register(self.fileno, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))


class Output:
    """What Textual's thread writes to. It would end at the first error, and whoever writes next wait for ever once its
    queue is full: the event loop too, so that no signal would be heard either. Here it goes on, into nothing."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._is_gone = False

    def write(self, text: str) -> None:
        try:
            self._file.write(text)
        except OSError:
            self._leave()

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            self._leave()

    def fileno(self) -> int:
        return self._file.fileno()

    def _leave(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            os.kill(os.getpid(), signal.SIGHUP)
