"""A form of named fields: lines to type and choices of words. What is typed is told about while it is typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import msgspec
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static

from glancetui.client.text import clean, cut
from glancetui.errors import GlancetuiError
from glancetui.tui.boxes.base import Box
from glancetui.tui.widgets.fields import Choice, PathField
from glancetui.tui.widgets.prompt import OneLine

if TYPE_CHECKING:
    from glancetui.tui.application import GlanceApp

WIDTH = 70
Values = Mapping[str, str]  # by the names of the fields


class Field(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    label: str
    value: str = ""
    words: Sequence[str] = ()  # to choose from; empty: a line to type
    hint: str = ""
    is_path: bool = False  # completes as a shell does
    means: Sequence[str] = ()  # the words of a document that it stands for, where they are not its name


class FormBox(Box[Values | None]):
    """Closes with what was typed, or None. What `check` refuses with a GlancetuiError is told and does not close it."""

    BINDINGS = [  # noqa: RUF012  # Textual's own way
        Binding("ctrl+s", "send", show=False),
        Binding("tab,down,enter", "app.focus_next", show=False),
        Binding("shift+tab,up", "app.focus_previous", show=False),
    ]
    DEFAULT_CSS = """
    FormBox Horizontal { height: 1; }
    FormBox Label { width: 12; color: $ink-soft; }
    FormBox Horizontal.wrong Label { color: $bad; text-style: bold; }
    FormBox Input { width: 1fr; background: $panel; color: $ink; }
    FormBox Input:focus { background: $cursor; }
    FormBox #told { height: 3; margin-top: 1; }
    FormBox #buttons { align: center middle; height: 1; }
    FormBox Button { margin: 0 2; }
    """

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        problem: str = "",
        check: Callable[[Values], object] | None = None,
    ) -> None:
        """`problem`: why what stands there could not be sent."""
        super().__init__()
        self.heading, self.fields, self.problem, self._check = title, fields, problem, check

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
        if field.is_path:
            return PathField(cast("GlanceApp", self.app).session.pool, field.value, field.hint, id=field.name)
        return OneLine(field.value, compact=True, select_on_focus=False, placeholder=field.hint, id=field.name)

    def on_mount(self) -> None:
        self.query_one(f"#{self.fields[0].name}").focus()
        self._tell()

    def values(self) -> Values:
        return {field.name: self.query_one(f"#{field.name}").value for field in self.fields}  # type: ignore[attr-defined]

    def told(self, values: Values) -> tuple[str, str]:  # noqa: ARG002  # what forms override
        """What is to say of what is typed, and the field that is wrong; empty: none is."""
        return "", ""

    def useless(self, values: Values) -> Collection[str]:  # noqa: ARG002  # what forms override
        """Fields that make no sense beside the others."""
        return ()

    def _tell(self) -> None:
        values = self.values()
        useless = self.useless(values)
        for field in self.fields:
            self.query_one(f"#row-{field.name}").display = field.name not in useless
        sentence, wrong = self._judged(values)
        for field in self.fields:
            self.query_one(f"#row-{field.name}").set_class(field.name == wrong, "wrong")
        style = self.palette.bad if wrong else self.palette.soft
        self.query_one("#told", Static).update(Text(cut(clean(sentence), 3 * WIDTH - 12), style))

    def _judged(self, values: Values) -> tuple[str, str]:
        refusal = self.problem or (self.refusal(values) if self._touched(values) else "")
        return (refusal, faulty(refusal, self.fields)) if refusal else self.told(values)

    def _touched(self, values: Values) -> bool:
        return values != {field.name: field.value for field in self.fields}

    def refusal(self, values: Values) -> str:
        """Why it cannot be sent as it is; empty: it can, as far as one sees from here."""
        try:
            if self._check is not None:
                self._check(values)
        except GlancetuiError as error:
            return str(error)
        return ""

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._changed()

    def _changed(self) -> None:
        if self._touched(self.values()):
            self.problem = ""
        self._tell()

    @on(PathField.Candidates)
    def _candidates(self, message: PathField.Candidates) -> None:
        message.stop()
        names = [path.rstrip("/").rpartition("/")[2] for path in message.found]
        if names:
            told = cut(clean("  ".join(names)), 3 * WIDTH - 12)
            self.query_one("#told", Static).update(Text(told, self.palette.soft))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def action_send(self) -> None:
        """Close, unless something is wrong: then to the field where it is."""
        self.problem = self.refusal(self.values())
        if not self.problem:
            self.dismiss(self.values())
            return
        self._tell()
        self.query_one(f"#{faulty(self.problem, self.fields)}").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "send":
            self.action_send()
        else:
            self.dismiss(None)


def faulty(sentence: str, fields: Sequence[Field]) -> str:
    """The field that a refusal speaks of. It begins with the place: `tags.3.name: …`, `properties.key.pattern is …`.

    What names no field is about the name: it is too long, or taken, or holds what no name holds.
    """
    place, word, *_ = *re.split(r":? ", sentence, maxsplit=2), ""
    spoken = {place.rpartition(".")[2], word}
    named = (each.name for each in fields if spoken & {each.name, *each.means} or sentence.startswith(f"{each.label}:"))
    return next(named, fields[0].name)
