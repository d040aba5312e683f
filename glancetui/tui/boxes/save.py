"""`f`: where to save an image's data."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from glancetui.client.text import clean, cut
from glancetui.client.values import RemoteImage
from glancetui.tui import figures
from glancetui.tui.boxes.base import Box
from glancetui.tui.files import expand
from glancetui.tui.pool import Pool
from glancetui.tui.widgets.fields import PathField


class SaveBox(Box[str | None]):
    """Closes with the path, or None."""

    DEFAULT_CSS = """
    SaveBox Static { height: auto; margin-top: 1; }
    SaveBox PathField { margin-top: 1; background: $panel; color: $ink; }
    SaveBox PathField:focus { background: $cursor; }
    SaveBox #note { margin-bottom: 1; color: $ink-soft; }
    """

    def __init__(self, image: RemoteImage, pool: Pool) -> None:
        super().__init__()
        self.image, self._pool = image, pool
        self._agreed = ""  # the existing file that may be replaced

    def compose(self) -> ComposeResult:
        image, palette = self.image, self.palette
        with Vertical() as frame:
            frame.border_title, frame.border_subtitle = "Save to a file", "enter saves · tab completes · esc closes"
            fact = Text(cut(clean(image.name or image.id), 50), palette.ink, end="")
            fact.append(f"   {figures.size(image.size)}  {clean(image.disk_format or '')}", palette.soft)
            yield Static(fact, markup=False)
            yield PathField(self._pool, str(Path.cwd() / file_name(image)), id="path")
            algorithm = image.os_hash_algo or "md5"
            yield Static(f"Verified by {clean(algorithm)} while it comes.", markup=False, id="note")

    def on_mount(self) -> None:
        field = self.query_one(PathField)
        field.focus()
        field.cursor_position = len(field.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        path = expand(event.value.strip())
        problem = self._problem(path, event.value)
        if problem:
            self.query_one("#note", Static).update(Text(clean(problem), self.palette.warn))
            return
        self.dismiss(str(path))

    def _problem(self, path: Path, typed: str) -> str:
        if not typed.strip() or path.is_dir():
            return "Name a file, not a folder."
        if not path.parent.is_dir():
            return f"There is no folder {path.parent}."
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"You may not write into {path.parent}; choose another folder."
        if path.exists() and self._agreed != str(path):
            self._agreed = str(path)
            return "The file exists; enter once more replaces it."
        return ""

    def on_key(self, event: events.Key) -> None:
        super().on_key(event)


def file_name(image: RemoteImage) -> str:
    """A harmless name for the file: nothing that a shell or another system would trip over."""
    stem = re.sub(r"[^\w.+-]+", "_", image.name or image.id).strip("._-") or image.id
    suffix = f".{image.disk_format}" if image.disk_format and image.disk_format != "raw" else ".img"
    return stem[:200] if stem.endswith(suffix) else stem[:200] + suffix
