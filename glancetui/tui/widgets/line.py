"""One line of text that is asked for when it is drawn."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget


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
        """Spare the terminal a line that looks as it did."""
        fresh, drawn = self._supplier(self.size.width), self._drawn
        if drawn is None or (fresh.plain, fresh.spans) != (drawn.plain, drawn.spans):
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        action_id = event.style.meta.get("act")
        if isinstance(action_id, str):
            event.stop()
            self.post_message(self.Pressed(action_id))
