"""Definitions out of files and into them: which files, and what may happen to what is there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from glancetui.client.text import clean, cut
from glancetui.tui.boxes.base import Box
from glancetui.tui.boxes.form import WIDTH, Field, FormBox, Values
from glancetui.tui.files import expand
from glancetui.tui.pool import Pool
from glancetui.tui.widgets.fields import PathField

HOW: Mapping[str, str] = {
    "new": "Namespaces that are not there are added; those that are stay as they are.",
    "merge": "Also adds what a namespace that is there lacks.",
    "prefer-new": "Also changes what differs.",
    "overwrite": "Also removes what the files do not have.",
}
SUFFIXES = (".json", ".yaml", ".yml")


class ImportForm(FormBox):
    """What it changes is shown before anything is sent."""

    def __init__(self, path: str = "", how: str = "new", problem: str = "") -> None:
        fields = (
            Field(name="path", label="From", value=path, hint="a file or a folder, JSON or YAML", is_path=True),
            Field(name="how", label="How", value=how, words=tuple(HOW)),
        )
        super().__init__("Import definitions", fields, problem)

    def told(self, values: Values) -> tuple[str, str]:
        return HOW[values["how"]], ""


class ExportBox(Box[str | None]):
    """Closes with the path, or None. A file takes the one namespace, a folder all of them."""

    DEFAULT_CSS = """
    ExportBox Static { height: auto; margin: 1 0; color: $ink-soft; }
    ExportBox PathField { margin-top: 1; background: $panel; color: $ink; }
    ExportBox PathField:focus { background: $cursor; }
    """

    def __init__(self, pool: Pool, path: Path, namespace: str, count: int) -> None:
        super().__init__()
        self._pool, self._path, self.namespace, self.count = pool, path, namespace, count
        self._agreed = ""  # the existing file that may be replaced

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title, frame.border_subtitle = "Export to", "enter writes · tab completes · esc closes"
            yield PathField(self._pool, str(self._path), id="path")
            yield Static(Text(self._what(str(self._path)), self.palette.soft), markup=False)

    def on_mount(self) -> None:
        field = self.query_one(PathField)
        field.focus()
        field.cursor_position = len(field.value)

    def _what(self, typed: str) -> str:
        if is_folder(typed):
            return f"All {self.count} namespaces that you see, a file each. Those that are there already are replaced."
        name = cut(clean(self.namespace), WIDTH - 6)
        return f"{name} alone. A name that ends in a slash is a folder, and takes all {self.count}."

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell(self._what(event.value), wrong=False)

    def _tell(self, sentence: str, *, wrong: bool) -> None:
        ink = self.palette.warn if wrong else self.palette.soft
        self.query_one(Static).update(Text(clean(sentence), ink))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        problem = refusal(event.value) if event.value != self._agreed else ""
        path = expand(event.value)
        if not problem and path.is_file() and event.value != self._agreed:
            self._agreed, problem = event.value, "The file exists; enter once more replaces it."
        if problem:
            self._tell(problem, wrong=True)
            return
        self.dismiss(event.value)


def is_folder(typed: str) -> bool:
    return typed.endswith("/") or expand(typed).is_dir()


def refusal(typed: str) -> str:
    """Why nothing can be written there; empty: it can."""
    path = expand(typed)
    if not typed.strip():
        return "Name a file or a folder."
    if is_folder(typed):
        there = next(each for each in (path, *path.parents) if each.exists())
        writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
        return "" if writable else f"You may not write into {there}; choose another folder."
    if path.suffix.lower() not in SUFFIXES:
        return f"The name must end in {', '.join(SUFFIXES)}, which says the format, or in a slash for a folder."
    if not path.parent.is_dir():
        return f"There is no folder {path.parent}."
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"You may not write into {path.parent}; choose another folder."
    return ""
