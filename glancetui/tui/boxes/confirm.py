"""Asking before acting: what, to which images exactly, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from time import monotonic

import msgspec
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from glancetui.client.text import cells, clean, cut
from glancetui.tui.boxes.base import Box
from glancetui.tui.widgets.prompt import OneLine

LINES = 9  # of the list that are in sight
DEAF_SECONDS = 0.3  # a key that was still on its way when the box opened is no consent
WIDTH = 70
_SCROLLS = {"j": 1, "down": 1, "k": -1, "up": -1, "pagedown": 8, "pageup": -8}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    sentence: str  # what will be done, and what follows from it
    facts: Sequence[tuple[str, str]] = ()  # name and value, as the server gave them
    things: Sequence[tuple[str, str]] = ()  # id and name of each that will be touched
    typed: str = ""  # what has to be typed; empty: `y` is enough
    typed_what: str = ""  # what that is: "the image's name", "the number of images"
    yes: str = "Yes"
    danger: bool = False


class Confirm(Box[bool | None]):
    """Closes with True only for a consent that was given to this very box."""

    DEFAULT_CSS = """
    Confirm VerticalScroll { height: auto; max-height: 9; scrollbar-size-vertical: 1; margin-top: 1; }
    Confirm Static { height: auto; }
    Confirm #sentence { margin-top: 1; }
    Confirm Input { margin-top: 1; background: $panel; color: $ink; height: 1; }
    Confirm Input:focus { background: $cursor; }
    Confirm #buttons { margin: 1 0; height: 1; content-align: center middle; width: 1fr; }
    """

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        self.on_yes = False  # where the focus is: on No until moved
        self.set_class(question.danger, "danger")
        self._opened_at = inf  # until it is there

    def compose(self) -> ComposeResult:
        question = self.question
        with Vertical() as frame:
            frame.border_title = question.title
            if len(question.facts) + len(question.things) > LINES:
                frame.border_subtitle = "↑↓ scroll the list"
            yield Static(Text(clean(question.sentence), self.palette.ink), markup=False, id="sentence")
            if question.facts or question.things:
                with VerticalScroll(can_focus=False):
                    yield Static(self._details(), markup=False)
            if question.typed:
                yield OneLine(compact=True, placeholder=f"type {question.typed_what} to go on")
            yield Static(self._buttons(), markup=False, id="buttons")

    def on_mount(self) -> None:
        self._opened_at = monotonic()

    @property
    def deaf(self) -> bool:
        return monotonic() - self._opened_at < DEAF_SECONDS

    def _details(self) -> Text:
        palette, page = self.palette, Text(no_wrap=True, end="")
        for name, value in self.question.facts:
            page.append(f"{clean(name):<12}", palette.soft)
            page.append(cut(clean(value), WIDTH - 13) + "\n", palette.ink)
        for thing_id, name in self.question.things:
            page.append(f"{clean(thing_id)}  ", palette.faint)
            page.append(cut(clean(name), max(8, WIDTH - 3 - cells(thing_id))) + "\n", palette.ink)
        page.right_crop(1)
        return page

    def _buttons(self) -> Text:
        palette, question = self.palette, self.question
        focus = palette.cursor + Style(bold=True)
        yes_ink = palette.bad if question.danger else palette.ink
        line = Text(no_wrap=True, end="", justify="center")
        if question.typed and not self._is_typed():
            yes_ink = palette.faint
        line.append(" n No ", (focus if not self.on_yes else Style()) + palette.ink + Style(meta={"answer": False}))
        line.append("     ")
        key = "enter" if question.typed else "y"
        style = (focus if self.on_yes else Style()) + yes_ink
        return line.append(f" {key} {question.yes} ", style + Style(meta={"answer": True}))

    def _is_typed(self) -> bool:
        return self.is_mounted and self.query_one(Input).value == self.question.typed

    def _answer(self, *, yes: bool) -> None:
        if yes and self.question.typed and not self._is_typed():
            return
        self.dismiss(yes)

    def on_input_changed(self) -> None:
        self.on_yes = self._is_typed()
        self.query_one("#buttons", Static).update(self._buttons())

    def on_input_submitted(self) -> None:
        if not self.deaf and self._is_typed():
            self._answer(yes=True)

    def on_key(self, event: events.Key) -> None:
        if self.deaf:
            event.stop()
            event.prevent_default()
            return
        super().on_key(event)
        if event.key in _SCROLLS and not (self.question.typed and event.is_printable):
            event.stop()
            for scroll in self.query(VerticalScroll):
                scroll.scroll_relative(y=_SCROLLS[event.key], animate=False)
        if self.question.typed:
            return
        if event.key in {"y", "n"}:
            self._answer(yes=event.key == "y")
        elif event.key in {"tab", "shift+tab", "left", "right", "h", "l"}:
            self.on_yes = not self.on_yes
            self.query_one("#buttons", Static).update(self._buttons())
        elif event.key == "enter":
            self._answer(yes=self.on_yes)

    def on_click(self, event: events.Click) -> None:
        answer = event.style.meta.get("answer")
        if isinstance(answer, bool) and not self.deaf:
            self._answer(yes=answer)
