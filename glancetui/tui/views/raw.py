"""A document as the endpoint sent it, with search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.text import Text
from textual.app import ComposeResult

from glancetui.client.text import clean
from glancetui.tui.actions import Action
from glancetui.tui.session import Session
from glancetui.tui.views.scrolling import Scrolling
from glancetui.tui.widgets import facts
from glancetui.tui.widgets.chrome import spread
from glancetui.tui.widgets.pane import Pane


class RawView(Scrolling):
    name_of_view = "raw"
    title_of_view = "Raw"

    DEFAULT_CSS = """
    RawView Pane { padding: 1 2; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.document: Mapping[str, object] = {}
        self.label = self.section = ""
        self._amend: Callable[[], object] | None = None
        self.found: list[int] = []  # lines with a match
        self.at = 0
        self.sought = ""
        self.pane = Pane(id="document")

    def compose(self) -> ComposeResult:
        yield self.pane

    def show_document(
        self, document: Mapping[str, object], label: str, section: str, amend: Callable[[], object] | None = None
    ) -> None:
        """`section`: the main view that it belongs to. `amend`: what changes it; None: nothing here does."""
        self.document, self.label, self.section, self._amend = document, label, section, amend
        self.search("")
        self.pane.scroll_home(animate=False)

    def off(self, action: Action) -> str | None:
        if action.id == "image.amend" and self._amend is None:
            return "only definitions are changed here; e in an image's detail edits the image"
        if action.id == "image.amend":
            return self.desk.metadefs.off(action)
        return super().off(action)

    def act_amend(self) -> None:
        """`E`: the document as JSON, typed in place."""
        if self._amend is not None:
            self._amend()

    def shown(self) -> None:
        self.pane.focus()
        self._draw()

    def search(self, word: str) -> None:
        self.sought, self.at = word, 0
        lines = self.text().split("\n")
        self.found = [n for n, line in enumerate(lines) if word and word.lower() in line.lower()]
        self._draw()
        self._go()

    def text(self) -> str:
        return facts.spelled(self.document)

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        palette = self.session.palette()
        page = facts.raw(self.document, palette)
        if self.sought:
            page.highlight_words([clean(self.sought)], palette.cursor + palette.warn, case_sensitive=False)
        self.pane.put(page)

    def _go(self) -> None:
        if self.found:
            self.pane.scroll_to(y=max(0, self.found[self.at % len(self.found)] - 2), animate=False)
        self.post_message(self.Changed())

    def crumbs(self) -> Sequence[str]:
        return (self.section, self.label, "Raw")

    def chips(self, width: int) -> Text:
        palette = self.session.palette()
        matches = f"{len(self.found)} lines with {clean(self.sought)!r} · ctrl+n next" if self.sought else ""
        return spread([(matches, palette.busy)], [("JSON", palette.soft)], width)

    def back(self) -> bool:
        if self.sought:
            self.search("")
            return True
        return False

    def act_filter(self) -> None:
        self.desk.ask("/", self.sought)

    def try_filter(self, typed: str, before: str | None = None) -> bool:  # noqa: ARG002  # every word makes sense
        self.search(typed)
        return True

    def act_next_match(self) -> None:
        self.at += 1
        self._go()
