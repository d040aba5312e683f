"""Properties under headings, drawn line by line. The cursor keeps to its property while others come and go."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from glancetui.client.text import cells, clean, cut
from glancetui.tui.described import Entry, Line
from glancetui.tui.session import Session

LEAST_KEY = 16  # cells


class Sheet(ScrollView, can_focus=True, inherit_bindings=False):
    DEFAULT_CSS = """
    Sheet { height: 1fr; background: $background; scrollbar-size-vertical: 1; overflow-x: hidden; }
    """

    class Moved(Message):
        """The cursor is on another property."""

    class Pressed(Message):
        """The property under the cursor was clicked again."""

    def __init__(self, session: Session, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.session = session
        self.rows: Sequence[Line] = ()
        self.cursor = 0  # never on a heading

    @property
    def current(self) -> Entry | None:
        row = self.rows[self.cursor] if self.cursor < len(self.rows) else None
        return row if isinstance(row, Entry) else None

    def put(self, rows: Sequence[Line]) -> None:
        before = self.current
        self.rows = rows
        self.virtual_size = Size(self.size.width, len(rows))
        self.move_to(before.was if before is not None else "")
        self.post_message(self.Moved())

    def move_to(self, was: str) -> None:
        """To a property by its key on the image; where it is gone, to what stands there now."""
        place = next((n for n, row in enumerate(self.rows) if isinstance(row, Entry) and row.was == was), self.cursor)
        self._go(place, 1)

    def move(self, by: int) -> None:
        self._go(self.cursor + by, 1 if by > 0 else -1)

    def _go(self, to: int, step: int) -> None:
        """To the place, or the next property in the direction of `step`, or else against it."""
        if not self.rows:
            self.cursor = 0
            return
        to = max(0, min(len(self.rows) - 1, to))
        ahead = range(to, len(self.rows) if step > 0 else -1, step)
        behind = range(to, -1 if step > 0 else len(self.rows), -step)
        before = self.current
        self.cursor = next((n for n in (*ahead, *behind) if isinstance(self.rows[n], Entry)), 0)
        top, height = round(self.scroll_y), max(1, self.size.height)
        if self.cursor - 1 < top:
            self.scroll_to(y=max(0, self.cursor - 1), animate=False)  # with the heading above it
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)
        self.refresh()
        if self.current is not before:
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows))
        self.call_after_refresh(self.move, 0)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        row = event.y + round(self.scroll_y)
        if row >= len(self.rows) or not isinstance(self.rows[row], Entry):
            return
        again = row == self.cursor
        self._go(row, 1)
        if again:
            self.post_message(self.Pressed())

    def render_line(self, y: int) -> Strip:
        width, palette = self.scrollable_content_region.width, self.session.palette()
        row = y + round(self.scroll_y)
        if row >= len(self.rows):
            return Strip.blank(width, palette.ground)
        ground, found = palette.ground, self.rows[row]
        if row == self.cursor and isinstance(found, Entry):
            ground = ground + (palette.cursor if self.has_focus else palette.quiet)
        line = self._entry(found, width) if isinstance(found, Entry) else self._heading(found.name, width)
        line.stylize_before(ground)
        return Strip(line.render(self.app.console)).adjust_cell_length(width, ground)

    def _heading(self, name: str, width: int) -> Text:
        return Text(f" {cut(clean(name), width - 2)}", self.session.palette().head, no_wrap=True, end="")

    def _entry(self, entry: Entry, width: int) -> Text:
        """A sign, its key, its value, and at the right edge its type."""
        palette = self.session.palette()
        line = Text(" ", no_wrap=True, end="")
        line.append("*" if entry.changed else " ", palette.busy)
        line.append_text(self._sign(entry)).append(" ")
        room = self._key_room(width)
        line.append(cut(clean(entry.key), room - 1), palette.ink if entry.defined else palette.soft)
        line.append(" " * (4 + room - line.cell_len))
        tail = clean(entry.kind)[:8]
        value = "null" if entry.value is None else clean(entry.value)
        ink = palette.faint if entry.value is None else palette.busy if entry.changed else palette.ink
        line.append(cut(value, max(4, width - line.cell_len - cells(tail) - 3)), ink)
        line.append(" " * max(1, width - line.cell_len - cells(tail) - 1))
        return line.append(tail, palette.faint)

    def _sign(self, entry: Entry) -> Text:
        palette = self.session.palette()
        kinds = {each.kind for each in entry.findings}
        if "broken" in kinds:
            return Text(self.session.glyphs.bad, palette.bad, end="")
        return Text("!" if kinds else " ", palette.warn + Style(bold=True), end="")

    def _key_room(self, width: int) -> int:
        longest = max((cells(clean(row.key)) for row in self.rows if isinstance(row, Entry)), default=0)
        return min(max(LEAST_KEY, longest + 2), max(LEAST_KEY, width // 2))
