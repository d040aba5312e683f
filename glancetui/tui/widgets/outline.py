"""A tree that opens and closes, drawn line by line. The cursor keeps to its node while others come and go."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.style import Style
from rich.text import Text
from textual.geometry import Size

from glancetui.client.text import cells, clean, cut
from glancetui.tui.session import Session
from glancetui.tui.shelf import Node, NodeId
from glancetui.tui.widgets.rows import Rows

LEAST_TITLE = 12  # cells below which a title is left out


class Outline(Rows[Node]):
    def __init__(self, session: Session, id: str | None = None) -> None:  # noqa: A002
        super().__init__(session, id)
        self.opened: Collection[NodeId] = ()

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
        self.go(self.cursor if kept is None else kept)
        if self.current != before:
            self.post_message(self.Moved())

    def go(self, to: int) -> None:
        self.stand(max(0, min(len(self.rows) - 1, to)))

    def line(self, row: Node, width: int) -> Text:
        """Its name, its title in what room is left, and at the right edge what it is."""
        palette, glyphs = self.session.palette(), self.session.glyphs
        sign = (glyphs.opened if row.id in self.opened else glyphs.closed) if row.opens else " "
        ink = palette.ink + Style(bold=row.kind == "namespace")
        tail = tail_of(row)
        room = width - cells(tail) - 2
        line = Text(" " * (2 * row.depth + 1), no_wrap=True, end="")
        line.append(f"{sign} ", palette.faint)
        line.append(cut(clean(row.name), max(8, room - line.cell_len)), ink)
        if row.title and room - line.cell_len > LEAST_TITLE:
            line.append(f"  {cut(clean(row.title), room - line.cell_len - 3)}", palette.soft)
        line.append(" " * max(1, width - line.cell_len - cells(tail) - 1))
        return line.append(tail, palette.faint)


def tail_of(node: Node) -> str:
    if node.kind == "namespace":
        return "protected" if node.document.get("protected") is True else ""
    if node.kind == "property":
        kind = node.document.get("type")
        return clean(kind)[:8] if isinstance(kind, str) else "property"
    return node.kind
