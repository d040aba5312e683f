"""The one widget for every list. It holds no rows: it draws the lines in sight, however many there are."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from glancetui.client import text as words
from glancetui.tui.columns import GAP, Cell, Column, Scene, fit
from glancetui.tui.palette import Palette

GUTTER = 3  # a space, the mark, a space


class Row(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Row)
R_co = TypeVar("R_co", bound=Row, covariant=True)


class Source(Protocol[R_co]):
    """Rows by number. None stands for a row that is known to be there and has still to come."""

    def __len__(self) -> int: ...

    def row(self, index: int) -> R_co | None: ...

    def index(self, row_id: str) -> int | None: ...

    def is_gone(self, row_id: str) -> bool: ...

    def before_change(self, row_id: str) -> R_co | None:
        """The row as it was, while its change is still to be pointed out."""

    @property
    def complete(self) -> bool:
        """Every row is known, so the length is the total."""


class VirtualTable(ScrollView, Generic[R], can_focus=True, inherit_bindings=False):
    """A list with a cursor that sticks to a row's id, marks, and a header that sorts."""

    DEFAULT_CSS = """
    VirtualTable { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; background: $background; }
    VirtualTable.unknown-total { scrollbar-size-vertical: 0; }
    """

    cursor: reactive[int] = reactive(0, repaint=False)

    class Opened(Message):
        """The row under the cursor is to be opened."""

    class Marked(Message):
        """The set of marks is another."""

    class SortAsked(Message):
        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class MenuAsked(Message):
        """The right button was pressed on a row."""

    class Wanted(Message):
        """The rows `first` to `last` are in sight, or nearly; either may lie beyond what is known."""

        def __init__(self, first: int, last: int) -> None:
            super().__init__()
            self.first, self.last = first, last

    def __init__(
        self,
        columns: Sequence[Column[R]],
        source: Source[R],
        *,
        palette: Callable[[], Palette],
        scene: Callable[[], Scene],
        id: str | None = None,  # noqa: A002  # Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self.columns = list(columns)
        self.source = source
        self.marks: dict[str, R] = {}  # by id: the rows as they were when marked, in that order
        self.sorted_by: tuple[str, bool] | None = None  # the server's key, and whether descending
        self.note: Callable[[R], Cell | None] | None = None  # the line below the row under the cursor
        self.empty: Callable[[], str] = str  # what to say where no row is
        self.moved: Callable[[], object] = bool  # called at once, so that all a key changes is one repaint
        self.shift = 0  # columns scrolled away
        self._palette, self._scene = palette, scene
        self._fitted: list[tuple[Column[R], int]] = []
        self._cursor_id: str | None = None
        self._range_from: str | None = None

    # What is where

    @property
    def current(self) -> R | None:
        return self.source.row(self.cursor)

    @property
    def cursor_id(self) -> str | None:
        return self._cursor_id

    @property
    def height(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height - 1)

    @property
    def top(self) -> int:
        return round(self.scroll_y)

    @property
    def in_sight(self) -> tuple[int, int]:
        return self.top, self.top + self.height - 1

    # Changes of the source

    @contextmanager
    def anchored(self) -> Iterator[None]:
        """The source changes inside: afterwards the same rows stand where they stood, and the cursor on its id."""
        top_id = self._id_at(self.top)
        at_top, cursor_line = self.top == 0, self.cursor - self.top
        yield
        self._resize()
        found = self.source.index(self._cursor_id) if self._cursor_id is not None else None
        anchor = None if at_top or top_id is None else self.source.index(top_id)
        if anchor is None and not at_top and found is not None:
            anchor = found - cursor_line
        target = self.top if anchor is None else anchor
        self._place(found if found is not None else min(self.cursor, len(self.source) - 1), target)

    def restart(self) -> None:
        """The source shows another ordering: begin at its first row."""
        self._cursor_id = None
        self._resize()
        self._place(0, 0)

    def _place(self, cursor: int, top: int) -> None:
        self.set_reactive(VirtualTable.cursor, max(0, cursor))
        self._remember()
        self.scroll_to(y=max(0, min(top, len(self.source) - self.height)), animate=False, immediate=True)
        self._show_cursor()
        self.refresh()
        self.moved()
        self._want()

    def _resize(self) -> None:
        self.set_class(not self.source.complete, "unknown-total")
        self.virtual_size = Size(self.size.width, len(self.source) + 1 + bool(self._note()))

    def _id_at(self, index: int) -> str | None:
        row = self.source.row(index)
        return None if row is None else row.id

    def _remember(self) -> None:
        row = self.current
        if row is not None:
            self._cursor_id = row.id

    def _want(self) -> None:
        first, last = self.in_sight
        self.post_message(self.Wanted(first - self.height, last + self.height))

    # Moving

    def move(self, to: int) -> None:
        """Put the cursor on row `to`, or as near as there is one."""
        if not len(self.source):
            return
        before, had_note = self.cursor, bool(self._note())
        self.cursor = max(0, min(to, len(self.source) - 1))
        if self._range_from is not None:
            self._extend()
        self._remember()
        self._show_cursor()
        if had_note or self._note():
            self._resize()
            self.refresh()
        else:
            self._refresh_rows(before, self.cursor)
        self.moved()
        self._want()

    def go_to(self, row_id: str) -> bool:
        found = self.source.index(row_id)
        if found is None:
            return False
        self.move(found)
        return True

    def _show_cursor(self) -> None:
        top, height = self.top, self.height - bool(self._note())
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def page(self, screens: float) -> None:
        """Scroll by screens; the cursor keeps its line."""
        step = max(1, int(self.height * abs(screens))) * (1 if screens > 0 else -1)
        line = self.cursor - self.top
        target = max(0, min(self.top + step, len(self.source) - self.height))
        if target == self.top:
            self.move(self.cursor + step)
            return
        self.scroll_to(y=target, animate=False, immediate=True)
        self.move(target + line)

    def scroll_columns(self, by: int) -> None:
        self.shift = max(0, min(self.shift + by, len(self.columns) - 2))
        self._fit()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._want()

    def _refresh_rows(self, *indexes: int) -> None:
        for index in indexes:
            line = index - self.top + 1
            if 1 <= line <= self.height:
                self.refresh(Region(0, line, self.size.width, 1))

    # Marks

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or unmark it, and step down. Ends a range."""
        if self._range_from is not None:
            self._range_from = None
            return
        row = self.current
        if row is None:
            return
        if row.id in self.marks:
            del self.marks[row.id]
        else:
            self.marks[row.id] = row
        self.post_message(self.Marked())
        self._refresh_rows(self.cursor)
        self.move(self.cursor + 1)

    def start_range(self) -> None:
        """From here on, moving marks what lies between."""
        row = self.current
        if row is None:
            return
        self._range_from = row.id
        self._extend()

    def _extend(self) -> None:
        start = self.source.index(self._range_from) if self._range_from is not None else None
        if start is None:
            return
        low, high = sorted((start, self.cursor))
        self.mark(row for row in map(self.source.row, range(low, high + 1)) if row is not None)

    def mark(self, rows: Iterable[R]) -> None:
        self.marks.update((row.id, row) for row in rows)
        self.post_message(self.Marked())
        self.refresh()

    def clear_marks(self) -> None:
        self.marks.clear()
        self._range_from = None
        self.post_message(self.Marked())
        self.refresh()

    # Drawing

    def on_resize(self) -> None:
        self._fit()
        self._resize()
        self._show_cursor()
        self._want()

    def set_columns(self, columns: Sequence[Column[R]]) -> None:
        self.columns = list(columns)
        self._fit()
        self.refresh()

    def _fit(self) -> None:
        self._fitted = fit(self.columns, self.size.width - GUTTER - 1, self.shift)

    def _note(self) -> Cell | None:
        row = self.current
        return None if row is None or self.note is None else self.note(row)

    def render_line(self, y: int) -> Strip:
        palette = self._palette()
        if y == 0:
            return self._header(palette)
        index, note = self.top + y - 1, self._note()
        if note and index > self.cursor:
            if index == self.cursor + 1:
                return self._note_line(note, palette)
            index -= 1
        if not len(self.source):
            return self._empty_line(y, palette)
        if index >= len(self.source):
            return Strip.blank(self.size.width, palette.ground)
        return self._row_line(index, palette)

    def _empty_line(self, y: int, palette: Palette) -> Strip:
        """The sentence in place of rows, wrapped, centred, a third of the way down."""
        width = self.size.width
        lines = [line for part in self.empty().split("\n") for line in textwrap.wrap(part, max(20, width - 8)) or [""]]
        number = y - 1 - max(0, (self.height - len(lines)) // 3)
        if not 0 <= number < len(lines):
            return Strip.blank(width, palette.ground)
        shown = words.clean(lines[number])
        left = max(0, (width - words.cells(shown)) // 2)
        style = palette.ink if number == 0 else palette.soft
        return Strip([Segment(" " * left + words.fit(shown, width - left), style + palette.ground)])

    def _header(self, palette: Palette) -> Strip:
        segments = [Segment(" " * GUTTER, palette.ground)]
        style = palette.head + palette.ground
        for column, width in self._fitted:
            title = column.title
            if self.sorted_by and column.sort_key == self.sorted_by[0]:
                glyphs = self._scene().glyphs
                title += glyphs.down if self.sorted_by[1] else glyphs.up
            shown = words.fit(title, width, right=column.right)
            segments.append(Segment(shown + " " * GAP, style))
        return Strip(segments).adjust_cell_length(self.size.width, palette.ground)

    def _note_line(self, note: Cell, palette: Palette) -> Strip:
        ground = self._ground(palette, under_cursor=True)
        text = words.fit(" " * (GUTTER + 2) + note.text, self.size.width)
        return Strip([Segment(text, _ink(palette, note.style) + ground)])

    def _ground(self, palette: Palette, *, under_cursor: bool) -> Style:
        if not under_cursor:
            return palette.ground
        return palette.cursor if self.has_focus else palette.quiet

    def _row_line(self, index: int, palette: Palette) -> Strip:
        row = self.source.row(index)
        ground = self._ground(palette, under_cursor=index == self.cursor)
        if row is None:
            return self._skeleton(palette, ground)
        scene = self._scene()
        segments: list[Segment] = []
        # Blanks before an unmarked name are of the name's colour: one stretch of a colour costs the terminal least.
        lead = " " * GUTTER
        if row.id in self.marks:
            segments.append(Segment(f" {scene.glyphs.mark} ", palette.warn + ground))
            lead = ""
        gone, old = self.source.is_gone(row.id), self.source.before_change(row.id)
        used = GUTTER
        for column, width in self._fitted:
            cell = column.cell(row, scene)
            style = _ink(palette, cell.style) + ground
            text = words.fit(cell.text, width, right=column.right)
            used += width + GAP
            changed = old is not None and column.cell(old, scene) != cell
            if not gone and not changed:
                segments.append(Segment(lead + text + " " * GAP, style))
                lead = ""
                continue
            style += Style(strike=True, dim=True) if gone else Style(bold=True, underline=True)
            segments += [Segment(lead, ground), Segment(text, style), Segment(" " * GAP, ground)]
            lead = ""
        return self._padded(segments, used, ground)

    def _padded(self, segments: list[Segment], used: int, ground: Style) -> Strip:
        """A line as wide as the list, of segments that fill `used` cells: columns have widths, so none is measured."""
        room = self.size.width - used
        if room < 0:
            return Strip(segments, used).adjust_cell_length(self.size.width, ground)
        if room:
            segments.append(Segment(" " * room, ground))
        return Strip(segments, self.size.width)

    def _skeleton(self, palette: Palette, ground: Style) -> Strip:
        dot = self._scene().glyphs.skeleton
        segments = [Segment(" " * GUTTER, ground)]
        for _, width in self._fitted:
            shown = (dot * min(5, width)).ljust(width + GAP)
            segments.append(Segment(shown, palette.faint + ground))
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def on_focus(self) -> None:
        self._refresh_rows(self.cursor)

    def on_blur(self) -> None:
        self._refresh_rows(self.cursor)

    # The mouse

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y == 0:
            self._click_header(event.x)
            return
        index = self.top + event.y - 1
        if index >= len(self.source):
            return
        again = index == self.cursor
        self.move(index)
        if event.button == 3:
            self.post_message(self.MenuAsked())
        elif event.ctrl:
            self.toggle_mark()
        elif again:
            self.post_message(self.Opened())

    def _click_header(self, x: int) -> None:
        left = GUTTER
        for column, width in self._fitted:
            if left <= x < left + width + GAP and column.sort_key:
                self.post_message(self.SortAsked(column.sort_key))
                return
            left += width + GAP


def _ink(palette: Palette, name: str) -> Style:
    if name.startswith("status:"):
        return palette.status(name.removeprefix("status:"))
    return palette.named(name)
