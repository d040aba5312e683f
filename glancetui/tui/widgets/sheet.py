"""Properties under headings, drawn line by line. The cursor keeps to its property while others come and go."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.geometry import Size

from glancetui.client.text import cells, clean, cut
from glancetui.tui.described import Entry, Line
from glancetui.tui.widgets.rows import Rows

LEAST_KEY = 16  # cells


class Sheet(Rows[Line]):
    """The cursor is never on a heading."""

    _longest = 0  # cells, of all keys

    @property
    def current(self) -> Entry | None:
        row = self.rows[self.cursor] if self.cursor < len(self.rows) else None
        return row if isinstance(row, Entry) else None

    def put(self, rows: Sequence[Line]) -> None:
        before = self.current
        self.rows = rows
        self._longest = max((cells(clean(row.key)) for row in rows if isinstance(row, Entry)), default=0)
        self.virtual_size = Size(self.size.width, len(rows))
        self.move_to(before.was if before is not None else "")
        if (self.current and self.current.was) != (before and before.was):
            self.post_message(self.Moved())

    def is_place(self, number: int) -> bool:
        return super().is_place(number) and isinstance(self.rows[number], Entry)

    def move_to(self, was: str) -> None:
        """To a property by its key on the image; where it is gone, to what stands there now."""
        place = next((n for n, row in enumerate(self.rows) if isinstance(row, Entry) and row.was == was), self.cursor)
        self.go(place)

    def go(self, to: int) -> None:
        self._go(to, 1)

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
        self.stand(next((n for n in (*ahead, *behind) if self.is_place(n)), 0), above=1)  # with the heading above it

    def line(self, row: Line, width: int) -> Text:
        return self._entry(row, width) if isinstance(row, Entry) else self._heading(row.name, width)

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
        return min(max(LEAST_KEY, self._longest + 2), max(LEAST_KEY, width // 2))
