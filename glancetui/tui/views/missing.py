"""The views that neither this version nor a stock endpoint has: what is missing, and what works instead."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult

from glancetui.tui.session import Session
from glancetui.tui.views.base import View
from glancetui.tui.widgets.pane import Pane


class Lack(msgspec.Struct, frozen=True):
    title: str
    what: str
    instead: str


LACKS: Mapping[str, Lack] = {
    "stores": Lack(
        "Stores",
        "Health, capacity and latency of each store.",
        "An image's Locations tab says which stores hold it.",
    ),
    "services": Lack(
        "Services",
        "The periodic services: state, schedule, runs, and running one now.",
        "The service tidies up after broken uploads by itself, when it starts and while it runs.",
    ),
    "findings": Lack(
        "Findings",
        "What audits found: images that do not match their hash, orphans, what is stuck.",
        "`f` fetches an image and compares its hash on the way.",
    ),
    "tasks": Lack(
        "Tasks",
        "Tasks of the Image API, and background jobs with their progress.",
        "Transfers (3) shows what this terminal publishes and fetches.",
    ),
    "events": Lack(
        "Events",
        "What happened, by whom, as it happens.",
        "Lists and details ask the endpoint each second, so that changes show by themselves.",
    ),
}


class MissingView(View):
    """One object for each view that is missing."""

    DEFAULT_CSS = """
    MissingView Pane { padding: 2 4; }
    """

    def __init__(self, session: Session, name: str) -> None:
        self.name_of_view, self.lack = name, LACKS[name]
        self.title_of_view = self.lack.title
        super().__init__(session)
        self.pane = Pane()

    def compose(self) -> ComposeResult:
        yield self.pane

    def shown(self) -> None:
        palette = self.session.palette()
        page = Text(end="")
        page.append(f"{self.lack.title}\n\n", palette.ink + Style(bold=True))
        page.append("Would show    ", palette.soft).append(f"{self.lack.what}\n", palette.ink)
        page.append("Missing       ", palette.soft)
        page.append("This version of glancetui does not have the view yet.\n", palette.warn)
        page.append("Meanwhile     ", palette.soft).append(f"{self.lack.instead}\n\n", palette.ink)
        page.append("esc", palette.key).append(" back", palette.soft)
        self.pane.put(page)
        self.pane.focus()
