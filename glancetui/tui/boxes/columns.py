"""`c`: which columns a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from glancetui.client.text import clean, cut
from glancetui.tui.boxes.base import Box

WIDTH = 68
SHOWN = 15


class Columns(Box[tuple[str, ...] | None]):
    """Closes with the keys of the columns in their order, or None. The first column always stays."""

    DEFAULT_CSS = """
    Columns Static { height: auto; }
    """

    def __init__(self, chosen: Sequence[str], others: Sequence[str]) -> None:
        super().__init__()
        self.first, *rest = chosen
        self.keys = [*rest, *(key for key in others if key not in chosen)]
        self.chosen = set(rest)
        self.at = 0

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Columns"
            frame.border_subtitle = "space shows or hides · < > move · enter takes · esc closes"
            yield Static(self._text(), markup=False)

    def _text(self) -> Text:
        palette = self.palette
        top = max(0, min(self.at - SHOWN // 2, len(self.keys) - SHOWN))
        page = Text(no_wrap=True, end="")
        for number, key in list(enumerate(self.keys))[top : top + SHOWN]:
            ground = palette.cursor if number == self.at else Style()
            sign = "[x]" if key in self.chosen else "[ ]"
            line = Text(f" {sign} ", palette.key + ground, end="")
            line.append(cut(clean(key), WIDTH - 6), (palette.ink if key in self.chosen else palette.soft) + ground)
            line.pad_right(max(0, WIDTH - line.cell_len))
            page.append_text(line).append("\n")
        page.right_crop(1)
        return page

    def on_key(self, event: events.Key) -> None:
        super().on_key(event)
        pressed = event.character if event.is_printable and event.character else event.key
        steps = {"j": 1, "down": 1, "k": -1, "up": -1}
        key = self.keys[self.at]
        if pressed in steps:
            self.at = max(0, min(len(self.keys) - 1, self.at + steps[pressed]))
        elif pressed == " ":
            self.chosen ^= {key}
        elif pressed in {"<", ">"}:
            self.keys.remove(key)
            self.at = max(0, min(len(self.keys), self.at + (1 if pressed == ">" else -1)))
            self.keys.insert(self.at, key)
        elif pressed == "enter":
            self.dismiss((self.first, *(key for key in self.keys if key in self.chosen)))
            return
        self.query_one(Static).update(self._text())
