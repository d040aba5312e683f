"""1 Dashboard: is anything wrong, what is going on."""

from __future__ import annotations

from rich.text import Text

from textual.app import ComposeResult

from glancetui.tui.session import Session
from glancetui.tui.views.base import View
from glancetui.tui.widgets.pane import Pane


class DashboardView(View):
    name_of_view = "dashboard"
    title_of_view = "Dashboard"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.pane = Pane()

    def compose(self) -> ComposeResult:
        yield self.pane

    def shown(self) -> None:
        self.pane.focus()
        self.pane.put(Text("…"))
