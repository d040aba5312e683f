"""A tree that opens and closes, drawn line by line. The cursor keeps to its node while others come and go."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from glancetui.client.text import cells, clean, cut
from glancetui.tui.session import Session
from glancetui.tui.shelf import Node, NodeId

LEAST_TITLE = 12  # cells below which a title is left out


class Outline(ScrollView, can_focus=True, inherit_bindings=False):
    DEFAULT_CSS = """
    Outline { height: 1fr; background: $background; scrollbar-size-vertical: 1; overflow-x: hidden; }
    """

    class Moved(Message):
        """The cursor is on another node."""

    class Pressed(Message):
        """The node under the cursor was clicked again."""

    def __init__(self, session: Session, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.session = session
        self.rows: Sequence[Node] = ()
        self.opened: Collection[NodeId] = ()
        self.cursor = 0

    @property
    def current(self) -> Node | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def put(self, rows: Sequence[Node], opened: Collection[NodeId]) -> None:
        before = self.current
        self.rows, self.opened = rows, opened
        places = {node.id: place for place, node in enumerate(rows)}
        kept = places.get(before.id) if before is not None else None
        if kept is None and before is not None and before.parent is not None:
            kept = places.get(before.parent)
        self.virtual_size = Size(self.size.width, len(rows))
        self.move(self.cursor if kept is None else kept)
        if self.current != before:
            self.post_message(self.Moved())

    def move(self, to: int) -> None:
        before = self.current
        self.cursor = max(0, min(len(self.rows) - 1, to))
        top, height = round(self.scroll_y), max(1, self.size.height)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)
        self.refresh()
        if self.current is not before:
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows))
        self.call_after_refresh(self.move, self.cursor)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        row = event.y + round(self.scroll_y)
        if row >= len(self.rows):
            return
        again = row == self.cursor
        self.move(row)
        if again:
            self.post_message(self.Pressed())

    def render_line(self, y: int) -> Strip:
        width, palette = self.scrollable_content_region.width, self.session.palette()
        row = y + round(self.scroll_y)
        if row >= len(self.rows):
            return Strip.blank(width, palette.ground)
        ground = palette.ground
        if row == self.cursor:
            ground = ground + (palette.cursor if self.has_focus else palette.quiet)
        line = self._line(self.rows[row], width)
        line.stylize_before(ground)
        return Strip(line.render(self.app.console)).adjust_cell_length(width, ground)

    def _line(self, node: Node, width: int) -> Text:
        """Its name, its title in what room is left, and at the right edge what it is."""
        palette, glyphs = self.session.palette(), self.session.glyphs
        sign = (glyphs.opened if node.id in self.opened else glyphs.closed) if node.opens else " "
        ink = palette.ink + Style(bold=node.kind == "namespace")
        tail = tail_of(node)
        room = width - cells(tail) - 2
        line = Text(" " * (2 * node.depth + 1), no_wrap=True, end="")
        line.append(f"{sign} ", palette.faint)
        line.append(cut(clean(node.name), max(8, room - line.cell_len)), ink)
        if node.title and room - line.cell_len > LEAST_TITLE:
            line.append(f"  {cut(clean(node.title), room - line.cell_len - 3)}", palette.soft)
        line.append(" " * max(1, width - line.cell_len - cells(tail) - 1))
        return line.append(tail, palette.faint)


def tail_of(node: Node) -> str:
    if node.kind == "namespace":
        return "protected" if node.document.get("protected") is True else ""
    if node.kind == "property":
        kind = node.document.get("type")
        return clean(kind)[:8] if isinstance(kind, str) else "property"
    return node.kind
