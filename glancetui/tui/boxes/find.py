"""`ctrl+p`: one line to type, and below it what fits it best, of everything that can be gone to or done."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.fuzzy import FuzzySearch
from textual.widgets import Input, Static

from glancetui.client.text import clean, cut
from glancetui.tui.boxes.base import Box
from glancetui.tui.boxes.pick import Choice
from glancetui.tui.widgets.prompt import OneLine

WIDTH = 69
SHOWN = 14


class Find(Box[str | None]):
    """Closes with the value of the chosen one, or None. Of a choice, `key` is shown at the right."""

    DEFAULT_CSS = """
    Find Static { height: 14; margin-top: 1; }
    Find OneLine { background: $panel; color: $ink; }
    """

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.choices = list(choices)
        self.found = self.choices
        self.at = 0
        self._search = FuzzySearch()

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title, frame.border_subtitle = "Find", "↑ ↓ choose · enter goes there · esc closes"
            yield OneLine(compact=True, select_on_focus=False, placeholder="a view, an action, a cloud, a theme …")
            yield Static(self._text(), markup=False)

    def on_mount(self) -> None:
        self.query_one(OneLine).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        typed = event.value.strip()
        scored = [(self._search.match(typed, choice.label)[0], choice) for choice in self.choices]
        best = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])
        self.found = [choice for _, choice in best] if typed else self.choices
        self.at = 0
        self.query_one(Static).update(self._text())

    def _text(self) -> Text:
        palette = self.palette
        first = max(0, self.at - SHOWN + 1)
        page = Text(no_wrap=True, end="")
        for number, choice in list(enumerate(self.found))[first : first + SHOWN]:
            ground = palette.cursor if number == self.at else Style()
            label = cut(clean(choice.label), WIDTH - 12)
            line = Text(f" {label}", palette.ink + ground, end="")
            line.pad_right(max(1, WIDTH - line.cell_len - len(choice.key)))
            page.append_text(line.append(f"{choice.key} ", palette.key + ground)).append("\n")
        return page if self.found else Text(" Nothing fits.", palette.soft)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(self.found[self.at].value if self.found else None)

    def on_key(self, event: events.Key) -> None:
        super().on_key(event)
        steps = {"down": 1, "up": -1, "tab": 1, "shift+tab": -1, "pagedown": SHOWN, "pageup": -SHOWN}
        if event.key in steps and self.found:
            event.stop()
            event.prevent_default()
            self.at = max(0, min(len(self.found) - 1, self.at + steps[event.key]))
            self.query_one(Static).update(self._text())
