"""One line to type, read as a value before the box closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from glancetui.client.text import clean, cut
from glancetui.errors import BadRequest
from glancetui.tui.boxes.base import Box
from glancetui.tui.widgets.prompt import OneLine

T = TypeVar("T")
WIDTH = 68


class LineBox(Box[T | None], Generic[T]):
    """Closes with what `read` makes of the line, or None. What `read` refuses with BadRequest is shown."""

    DEFAULT_CSS = """
    LineBox Static { height: auto; margin: 1 0; color: $ink-soft; }
    LineBox OneLine { margin-top: 1; background: $panel; color: $ink; }
    LineBox OneLine:focus { background: $cursor; }
    """

    def __init__(self, title: str, read: Callable[[str], T], *, note: str, example: str = "") -> None:
        super().__init__()
        self.heading, self.note, self.example, self._read = title, note, example, read

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = cut(clean(self.heading), WIDTH)
            frame.border_subtitle = "enter goes on · esc closes"
            yield OneLine(compact=True, select_on_focus=False, placeholder=self.example)
            yield Static(self.note, markup=False)

    def on_mount(self) -> None:
        self.query_one(OneLine).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.dismiss(None)
            return
        try:
            found = self._read(event.value)
        except BadRequest as error:
            self.query_one(Static).update(Text(clean(str(error)), self.palette.warn))
            return
        self.dismiss(found)
