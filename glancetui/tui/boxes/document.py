"""A definition as JSON, typed in place: held against the schema while it is typed."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from glancetui.client.text import clean, cut
from glancetui.errors import GlancetuiError
from glancetui.tui.boxes.base import Box

WIDTH = 70
LONGEST = 200_000  # characters that are edited here; the editor takes more


class DocumentBox(Box[str | None]):
    """Closes with the text, or None. What `check` refuses with a GlancetuiError is told and does not close it."""

    BINDINGS = [Binding("ctrl+s", "send", show=False, priority=True)]  # noqa: RUF012  # Textual's own way
    DEFAULT_CSS = """
    DocumentBox TextArea { height: 13; border: none; padding: 0; background: $panel; color: $ink; }
    DocumentBox TextArea:focus { border: none; }
    DocumentBox #told { height: 3; margin-top: 1; }
    """

    def __init__(
        self, title: str, text: str, check: Callable[[str], object], *, at: str = "", problem: str = ""
    ) -> None:
        """`at`: where the cursor begins, if the text holds it. `problem`: why the text could not be sent."""
        super().__init__()
        self.heading, self._text, self._check, self.problem = title, text, check, problem
        self._line = text.count("\n", 0, max(0, text.find(at))) if at else 0
        self._warned = False  # that esc drops what was typed

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = cut(clean(self.heading), WIDTH)
            frame.border_subtitle = "ctrl+s goes on · esc closes"
            yield TextArea(self._text, show_line_numbers=True, tab_behavior="focus", id="document")
            yield Static("", id="told", markup=False)

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.focus()
        area.move_cursor((self._line, 0), center=True)
        self._tell(self.problem)

    @property
    def text(self) -> str:
        return self.query_one(TextArea).text

    def refusal(self) -> str:
        """Why it cannot be sent as it is; empty: it can, as far as one sees from here."""
        if len(self.text) > LONGEST:
            return f"This is longer than {LONGEST:,} characters; e edits it in $EDITOR."
        try:
            self._check(self.text)
        except GlancetuiError as error:
            return str(error)
        return ""

    def _tell(self, problem: str) -> None:
        self.problem = problem
        sentence = problem or "What differs is shown before it is sent."
        ink = self.palette.bad if problem else self.palette.soft
        self.query_one("#told", Static).update(Text(cut(clean(sentence), 3 * WIDTH - 12), ink))

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._warned = False
        if event.text_area.text != self._text:
            self._tell(self.refusal())

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self.text != self._text and not self._warned:
            self._warned = True
            event.stop()
            event.prevent_default()
            self._tell("esc once more drops what you typed.")
            return
        super().on_key(event)

    def action_send(self) -> None:
        problem = self.refusal()
        if problem:
            self._tell(problem)
        else:
            self.dismiss(self.text)
