"""One line of text that is asked for when it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from glancetui.client.text import cells


class Line(Widget):
    """Draws what `supplier` returns for its width. A part with the meta `act` is a button for that action."""

    DEFAULT_CSS = """
    Line { height: 1; }
    """

    class Pressed(Message):
        def __init__(self, action_id: str) -> None:
            super().__init__()
            self.action_id = action_id

    def __init__(self, supplier: Callable[[int], Text], id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._supplier = supplier
        self._drawn: Text | None = None

    def render(self) -> Text:
        self._drawn = self._supplier(self.size.width)
        return self._drawn

    def refresh_if_changed(self) -> None:
        """Spare the terminal a line that looks as it did, and of one that has changed, the ends that have not."""
        fresh, drawn = self._supplier(self.size.width), self._drawn
        if drawn is None:
            self.refresh()
        elif (fresh.plain, fresh.spans) != (drawn.plain, drawn.spans):
            first, last = _difference(drawn, fresh, self.size.width)
            self.refresh(Region(first, 0, last - first + 1, 1))

    def on_click(self, event: events.Click) -> None:
        action_id = event.style.meta.get("act")
        if isinstance(action_id, str):
            event.stop()
            self.post_message(self.Pressed(action_id))


def _difference(before: Text, after: Text, width: int) -> tuple[int, int]:
    """The first and the last cell that look different."""
    if cells(before.plain) != len(before.plain) or cells(after.plain) != len(after.plain):
        return 0, width - 1  # where characters are wide, cells cannot be counted so
    pairs = zip_longest(_looks(before), _looks(after))
    different = [cell for cell, (old, new) in enumerate(pairs) if old != new]
    return (different[0], different[-1]) if different else (0, width - 1)


def _looks(text: Text) -> list[tuple[object, ...]]:
    """Each character with the styles that lie over it."""
    looks: list[tuple[object, ...]] = [(character,) for character in text.plain]
    for span in text.spans:
        for cell in range(span.start, min(span.end, len(looks))):
            looks[cell] = (*looks[cell], span.style)
    return looks
