"""Fields of forms: a path that completes, and a choice among a few words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from glancetui.tui import files
from glancetui.tui.palette import Palette
from glancetui.tui.pool import Pool
from glancetui.tui.widgets.prompt import OneLine


class PathField(OneLine):
    """`tab` completes as a shell does; where there is nothing to complete it moves on."""

    class Candidates(Message):
        """What the path could become; shown below it."""

        def __init__(self, found: Sequence[str]) -> None:
            super().__init__()
            self.found = found

    def __init__(self, pool: Pool, value: str = "", hint: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(value, compact=True, select_on_focus=False, placeholder=hint, id=id)
        self._pool = pool

    async def on_key(self, event: events.Key) -> None:
        if event.key != "tab" or not self.value:
            return
        event.stop()
        event.prevent_default()
        found = await self._pool.run(files.complete, self.value)
        longer = files.common(found)
        if found and longer != self.value:
            self.value = longer
            self.cursor_position = len(longer)
            found = await self._pool.run(files.complete, longer) if longer.endswith("/") else found
            self.post_message(self.Candidates(found if len(found) > 1 else ()))
            return
        self.post_message(self.Candidates(()))
        self.screen.focus_next()


class Choice(Widget, can_focus=True):
    """One of a few words, side by side: ← → or space choose."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; }
    """

    class Changed(Message):
        """Another word is chosen."""

    def __init__(self, words: Sequence[str], palette: Palette, value: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.words, self._palette = tuple(words), palette
        self.at = self.words.index(value) if value in self.words else 0

    @property
    def value(self) -> str:
        return self.words[self.at]

    def render(self) -> Text:
        palette = self._palette
        line = Text(no_wrap=True, end="")
        for number, word in enumerate(self.words):
            here = number == self.at
            ground = (palette.cursor if self.has_focus else palette.quiet) if here else Style()
            ink = palette.ink + Style(bold=True) if here else palette.soft
            line.append(f" {word} ", ink + ground + Style(meta={"word": number})).append(" ")
        return line

    def choose(self, number: int) -> None:
        self.at = number % len(self.words)
        self.refresh()
        self.post_message(self.Changed())

    def on_key(self, event: events.Key) -> None:
        steps = {"right": 1, "l": 1, "space": 1, "left": -1, "h": -1}
        if event.key in steps:
            event.stop()
            self.choose(self.at + steps[event.key])

    def on_click(self, event: events.Click) -> None:
        number = event.style.meta.get("word")
        if isinstance(number, int):
            self.choose(number)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
