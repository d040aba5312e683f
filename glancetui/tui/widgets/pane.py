"""A scrolling text, as detail and preview."""

from __future__ import annotations

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static


class Pane(VerticalScroll, can_focus=True, inherit_bindings=False):
    DEFAULT_CSS = """
    Pane { height: 1fr; padding: 0 2; scrollbar-size-vertical: 1; background: $background; }
    Pane Static { width: 1fr; height: auto; }
    """

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def put(self, text: RenderableType) -> None:
        self.query_one(Static).update(text)

    @property
    def room(self) -> int:
        """Cells for text in a line."""
        return max(20, self.size.width - 5)
