"""The Textual application: themes, the desk, starting and leaving."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.text import Text
from textual.app import App
from textual.binding import Binding
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter

from glancetui.errors import GlancetuiError
from glancetui.tui import themes
from glancetui.tui.actions import Keymap
from glancetui.tui.desk import Desk
from glancetui.tui.figures import now
from glancetui.tui.glyphs import fitting
from glancetui.tui.lost import LeavingDriver
from glancetui.tui.palette import Palette
from glancetui.tui.ports import Service
from glancetui.tui.session import Session
from glancetui.tui.settings import Settings, state_folder
from glancetui.tui.widgets.plain import AsciiOnly


class Opener(Protocol):
    """Finds the endpoint, or starts one."""

    def __call__(self, note: Callable[[str], None]) -> Service:
        """Called in a thread, again after each failure. Tells `note` what it waits for."""

    @property
    def is_private(self) -> bool:
        """The endpoint is a service that ends with this program."""

    def clouds(self) -> Sequence[str]:
        """The names that `choose` takes. Raises ConfigError."""

    def choose(self, name: str) -> None:
        """What is opened next."""

    def endpoint_arguments(self) -> Sequence[str]:
        """The flags that lead a command to the same endpoint."""


SWITCH_SECONDS = 0.0005  # after which a thread that reads an answer gives way to a key; Python waits ten times that
LOOK_SECONDS = 1.0  # between two looks at whether the terminal is still there
INTERRUPT_TWICE = 2.0  # seconds within which a second ctrl+c quits


def keep_trace(error: Exception) -> Path:
    """The file that holds it, readable by its owner only."""
    path = state_folder() / "crash.log"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a", encoding="utf-8") as file:
        path.chmod(0o600)
        file.write(f"{now():%Y-%m-%d %H:%M:%S}Z\n{''.join(traceback.format_exception(error))}\n")
    return path


class GlanceApp(App[int], inherit_bindings=False):
    """`opener` is called in a thread after the first frame; it tells what it waits for, and returns the endpoint."""

    TITLE = "glancetui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [  # noqa: RUF012  # Textual's own way
        Binding("ctrl+q", "leave", priority=True, show=False),
        Binding("ctrl+c", "interrupt", priority=True, show=False),
    ]
    CSS = """
    Toast { background: $panel; color: $ink; border-left: outer $key; padding: 0 1; width: 60; max-width: 90%; }
    Toast.-error { border-left: outer $bad; }
    Toast.-warning { border-left: outer $warn; }
    ToastRack { margin-bottom: 2; }
    """

    def __init__(
        self,
        opener: Opener,
        settings: Settings | None = None,
        *,
        read_only: bool = False,
        complaints: Sequence[str] = (),
    ) -> None:
        self.settings = settings or Settings()
        self.monochrome = "NO_COLOR" in os.environ
        super().__init__()
        self._palettes: dict[str, Palette] = {}
        for theme in themes.OURS:
            self.register_theme(theme)
        self.theme = self.settings.theme if self.settings.theme in self.available_themes else "dark"
        if not self.settings.motion:
            self.animation_level = "none"
        glyphs = fitting(self.settings.ascii)
        self._plain = [AsciiOnly()] if glyphs.ascii_only else []
        self.session = Session(self.settings, glyphs, lambda: self.palette, read_only=read_only)
        self.keymap = Keymap(self.settings.keys)
        self.desk = Desk(self.session, self.keymap)
        self.session.endpoint_arguments = opener.endpoint_arguments
        self.opener = opener
        self._complaints = complaints
        self._interrupted_at = -INTERRUPT_TWICE

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._plain]

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return themes.ink_of(variables, ansi=self.theme.startswith("ansi")) | variables

    @property
    def palette(self) -> Palette:
        if self.theme not in self._palettes:
            self._palettes[self.theme] = Palette.of(self.get_css_variables(), monochrome=self.monochrome)
        return self._palettes[self.theme]

    def get_default_screen(self) -> Desk:
        return self.desk

    def on_mount(self) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            self._leave_in_order_on(loop, number)
        self.set_interval(LOOK_SECONDS, self._leave_a_lost_terminal)
        for complaint in self._complaints:
            self.desk.say(complaint, "warning", seconds=10)
        self.call_after_refresh(self._connect)

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return LeavingDriver if found is LinuxDriver else found

    def _leave_a_lost_terminal(self) -> None:
        if isinstance(self._driver, LeavingDriver) and self._driver.is_gone:
            self.exit(128 + signal.SIGHUP)

    def _leave_in_order_on(self, loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
        loop.add_signal_handler(number, self.exit, 128 + number)  # so that the terminal is put back

    @contextmanager
    def lent(self) -> Iterator[None]:
        """The terminal is another program's, such as an editor's, which runs inside. Raises SuspendNotSupported.

        ctrl+c reaches every process of a terminal; meanwhile it is not for this one. A handler of Python's own is not
        inherited by that program, as ignoring would be.
        """
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *_: None)
        try:
            with self.suspend():
                yield
        finally:
            self._leave_in_order_on(loop, signal.SIGINT)

    def _connect(self) -> None:
        self.run_worker(self._open(), group="connect", exclusive=True, exit_on_error=False)

    async def _open(self) -> None:
        session, loop = self.session, asyncio.get_running_loop()

        def note(sentence: str) -> None:
            loop.call_soon_threadsafe(self._starting, sentence)

        while session.service is None:
            try:
                service = await session.pool.run(self.opener, note)
                session.about = await session.pool.run(service.about)
            except GlancetuiError as error:
                self._starting("")
                self.desk.failed(error)
                await asyncio.sleep(max(0.1, session.connection.due - session.clock()))
                continue
            session.service, session.private = service, self.opener.is_private
        self._starting("")
        self.desk.connected()

    def switch(self, cloud: str) -> None:
        """Leave this endpoint, however dead it is, for that of another cloud."""
        self.workers.cancel_group(self, "connect")
        self.opener.choose(cloud)
        self.session.leave()
        self.desk.disconnected()
        self._connect()

    def _handle_exception(self, error: Exception) -> None:
        """A defect: the terminal is put back, a sentence says so, and the trace goes to a file."""
        if self.is_headless:
            super()._handle_exception(error)  # a test wants to see it
            return
        self._return_code = 1
        path = keep_trace(error)
        self.panic(Text(f"glancetui ended by a defect of its own: {type(error).__name__}. {path} tells where it was."))

    def _starting(self, sentence: str) -> None:
        self.session.starting = sentence
        self.desk.redraw_lines()

    def action_interrupt(self) -> None:
        """ctrl+c: copy what is selected, else close the prompt; twice quits."""
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            return
        if self.desk.prompt.is_open:
            self.desk.prompt.leave()
            return
        now = self.session.clock()
        if now - self._interrupted_at <= INTERRUPT_TWICE:
            self.action_leave()
            return
        self._interrupted_at = now
        self.desk.say("ctrl+c once more quits.", seconds=INTERRUPT_TWICE)

    def action_leave(self) -> None:
        self.desk.act_exit()
