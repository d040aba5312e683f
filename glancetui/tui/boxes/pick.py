"""A short list to choose one thing from: by its own key, by cursor, or by mouse."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from glancetui.client.text import clean, cut
from glancetui.tui.boxes.base import Box

WIDTH = 66


class Choice(msgspec.Struct, frozen=True):
    value: str
    label: str
    key: str = ""  # picks it at once
    why_not: str = ""  # why it cannot be picked; empty: it can


class Pick(Box[str | None]):
    """Closes with the chosen value, or None."""

    DEFAULT_CSS = """
    Pick VerticalScroll { height: auto; max-height: 17; scrollbar-size-vertical: 1; }
    Pick Static { height: auto; }
    """

    def __init__(self, title: str, choices: Sequence[Choice], at: str = "") -> None:
        super().__init__()
        self.heading, self.choices = title, list(choices)
        self.at = next((n for n, choice in enumerate(choices) if choice.value == at), self._first())

    def _first(self) -> int:
        return next((n for n, choice in enumerate(self.choices) if not choice.why_not), 0)

    def compose(self) -> ComposeResult:
        with Vertical() as frame, VerticalScroll(can_focus=False):
            frame.border_title, frame.border_subtitle = self.heading, "enter chooses · esc closes"
            yield Static(self._text(), markup=False)

    def _text(self) -> Text:
        palette = self.palette
        keyed = any(choice.key for choice in self.choices)
        page = Text(no_wrap=True, end="")
        for number, choice in enumerate(self.choices):
            here = palette.cursor if number == self.at else Style()
            ink = palette.faint if choice.why_not else palette.ink
            line = Text(" ", here, end="")
            if keyed:
                line.append(f"{choice.key:<7} ", palette.key + here)
            line.append(cut(clean(choice.label), WIDTH + 2 - line.cell_len), ink + here)
            if choice.why_not:
                line.append(f"  {cut(choice.why_not, max(4, WIDTH - line.cell_len - 4))}", palette.faint + here)
            line.pad_right(max(0, WIDTH + 3 - line.cell_len))
            line.stylize(Style(meta={"choice": number}))
            page.append_text(line).append("\n")
        page.right_crop(1)
        return page

    def _move(self, by: int) -> None:
        self.at = max(0, min(len(self.choices) - 1, self.at + by))
        self.query_one(Static).update(self._text())
        scroll = self.query_one(VerticalScroll)
        top = round(scroll.scroll_y)
        if not top <= self.at < top + scroll.size.height:
            scroll.scroll_to(y=self.at - (0 if self.at < top else scroll.size.height - 1), animate=False)

    def _take(self, number: int) -> None:
        if 0 <= number < len(self.choices) and not self.choices[number].why_not:
            self.dismiss(self.choices[number].value)

    def on_key(self, event: events.Key) -> None:
        super().on_key(event)
        pressed = event.character if event.is_printable and event.character else event.key
        steps = {"j": 1, "down": 1, "k": -1, "up": -1, "pagedown": 10, "pageup": -10, "g": -999, "G": 999}
        chosen = next((n for n, choice in enumerate(self.choices) if choice.key == pressed), None)
        if chosen is not None:
            self._take(chosen)
        elif pressed in steps:
            self._move(steps[pressed])
        elif pressed == "enter":
            self._take(self.at)

    def on_click(self, event: events.Click) -> None:
        number = event.style.meta.get("choice")
        if isinstance(number, int):
            self.at = number
            self._take(number)
