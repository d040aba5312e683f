"""Rows with a cursor, drawn line by line: what a tree and a sheet of properties have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from glancetui.tui.session import Session

R = TypeVar("R")


class Rows(ScrollView, Generic[R], can_focus=True, inherit_bindings=False):
    DEFAULT_CSS = """
    Rows { height: 1fr; background: $background; scrollbar-size-vertical: 1; overflow-x: hidden; }
    """

    class Moved(Message):
        """The cursor is on another row."""

    class Pressed(Message):
        """The row under the cursor was clicked again."""

    def __init__(self, session: Session, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.session = session
        self.rows: Sequence[R] = ()
        self.cursor = 0

    @property
    @abstractmethod
    def current(self) -> R | None:
        """What the cursor is on."""

    @abstractmethod
    def go(self, to: int) -> None:
        """The cursor to this row, or as near as it can stand."""

    @abstractmethod
    def line(self, row: R, width: int) -> Text:
        """A row as it is drawn."""

    def is_place(self, number: int) -> bool:
        """Whether the cursor can stand there."""
        return number < len(self.rows)

    def stand(self, at: int, above: int = 0) -> None:
        """The cursor to a place where it can stand, in sight with so many rows above it."""
        before = self.current
        self.cursor = at
        first, top, height = max(0, at - above), round(self.scroll_y), max(1, self.size.height)
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif at >= top + height:
            self.scroll_to(y=at - height + 1, animate=False)
        self.refresh()
        if self.current is not before:
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows))
        self.call_after_refresh(lambda: self.go(self.cursor))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        number = event.y + round(self.scroll_y)
        if not self.is_place(number):
            return
        again = number == self.cursor
        self.go(number)
        if again:
            self.post_message(self.Pressed())

    def render_line(self, y: int) -> Strip:
        width, palette = self.scrollable_content_region.width, self.session.palette()
        number, ground = y + round(self.scroll_y), palette.ground
        if number >= len(self.rows):
            return Strip.blank(width, ground)
        if number == self.cursor and self.is_place(number):
            ground = ground + (palette.cursor if self.has_focus else palette.quiet)
        line = self.line(self.rows[number], width)
        line.stylize_before(ground)
        return Strip(line.render(self.app.console)).adjust_cell_length(width, ground)
