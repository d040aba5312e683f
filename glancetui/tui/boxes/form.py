"""A form of named fields: lines to type and choices of words. What is typed is told about while it is typed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static

from glancetui.client.text import clean, cut
from glancetui.tui.boxes.base import Box
from glancetui.tui.widgets.fields import Choice
from glancetui.tui.widgets.prompt import OneLine

WIDTH = 70
Values = Mapping[str, str]  # by the names of the fields


class Field(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    label: str
    value: str = ""
    words: Sequence[str] = ()  # to choose from; empty: a line to type
    hint: str = ""


class FormBox(Box[Values | None]):
    """Closes with what was typed, or None."""

    BINDINGS = [  # noqa: RUF012  # Textual's own way
        Binding("ctrl+s", "send", show=False),
        Binding("tab,down,enter", "app.focus_next", show=False),
        Binding("shift+tab,up", "app.focus_previous", show=False),
    ]
    DEFAULT_CSS = """
    FormBox Horizontal { height: 1; }
    FormBox Label { width: 12; color: $ink-soft; }
    FormBox Input { width: 1fr; background: $panel; color: $ink; }
    FormBox Input:focus { background: $cursor; }
    FormBox #told { height: 3; margin-top: 1; }
    FormBox #buttons { align: center middle; height: 1; }
    FormBox Button { margin: 0 2; }
    """

    def __init__(self, title: str, fields: Sequence[Field], problem: str = "") -> None:
        """`problem`: why what stands there could not be sent."""
        super().__init__()
        self.heading, self.fields, self.problem = title, fields, problem

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = cut(clean(self.heading), WIDTH)
            frame.border_subtitle = "ctrl+s goes on · esc closes"
            for field in self.fields:
                with Horizontal(id=f"row-{field.name}"):
                    yield Label(field.label, markup=False)
                    yield self._widget(field)
            yield Static("", id="told", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Go on", compact=True, variant="primary", id="send")
                yield Button("Close", compact=True, id="close")

    def _widget(self, field: Field) -> Input | Choice:
        if field.words:
            return Choice(field.words, self.palette, field.value, id=field.name)
        return OneLine(field.value, compact=True, select_on_focus=False, placeholder=field.hint, id=field.name)

    def on_mount(self) -> None:
        self.query_one(f"#{self.fields[0].name}").focus()
        self._tell()

    def values(self) -> Values:
        return {field.name: self.query_one(f"#{field.name}").value for field in self.fields}  # type: ignore[attr-defined]

    def told(self, values: Values) -> tuple[str, bool]:  # noqa: ARG002  # what forms override
        """What is to say of what is typed, and whether it is right so."""
        return "", True

    def useless(self, values: Values) -> Collection[str]:  # noqa: ARG002  # what forms override
        """Fields that make no sense beside the others."""
        return ()

    def _tell(self) -> None:
        values = self.values()
        useless = self.useless(values)
        for field in self.fields:
            self.query_one(f"#row-{field.name}").display = field.name not in useless
        sentence, right = (self.problem, False) if self.problem else self.told(values)
        style = self.palette.soft if right else self.palette.bad
        self.query_one("#told", Static).update(Text(cut(clean(sentence), 3 * WIDTH - 12), style))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._changed()

    def _changed(self) -> None:
        if self.values() != {field.name: field.value for field in self.fields}:
            self.problem = ""
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def action_send(self) -> None:
        self.dismiss(self.values())

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self.values() if event.button.id == "send" else None)
