"""`?`: the keys of a view, the fields of the filter with examples, and the states of an image."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from glancetui.client.filters import FIELDS
from glancetui.tui.actions import Keymap, of_view, shown_key
from glancetui.tui.boxes.base import Box
from glancetui.tui.glyphs import Glyphs
from glancetui.tui.palette import Palette

STATES = (
    ("active", "can be fetched"),
    ("queued", "a record without data yet, or its last upload failed"),
    ("saving", "data is coming in"),
    ("importing", "data is being imported"),
    ("uploading", "data is being staged"),
    ("deactivated", "cannot be fetched until it is reactivated"),
    ("killed", "an old service gave up on it"),
)
GROUPS = (
    ("look", "Looking"),
    ("list", "Lists"),
    ("image", "Images"),
    ("transfer", "Transfers"),
    ("undo", "Undo"),
    ("ask", "Asking"),
    ("go", "Moving"),
    ("view", "Views"),
    ("app", "Leaving"),
)


class Help(Box[None]):
    DEFAULT_CSS = """
    Help VerticalScroll { height: 18; scrollbar-size-vertical: 1; padding: 0; }
    """

    def __init__(self, view: str, keymap: Keymap, glyphs: Glyphs) -> None:
        super().__init__()
        self.view, self.keymap, self.glyphs = view, keymap, glyphs

    def compose(self) -> ComposeResult:
        with Vertical() as frame, VerticalScroll():
            frame.border_title, frame.border_subtitle = f"Help: {self.view}", "j k scroll · esc closes"
            yield Static(page(self.view, self.keymap, self.glyphs, self.palette), markup=False)

    def on_key(self, event: events.Key) -> None:
        super().on_key(event)
        scroll = self.query_one(VerticalScroll)
        steps = {
            "j": 1,
            "down": 1,
            "k": -1,
            "up": -1,
            "pagedown": 16,
            "pageup": -16,
            "space": 16,
            "ctrl+d": 8,
            "ctrl+u": -8,
        }
        if event.key in steps:
            scroll.scroll_relative(y=steps[event.key], animate=False)
        elif event.key in {"q", "question_mark", "f1"}:
            self.dismiss(None)


def page(view: str, keymap: Keymap, glyphs: Glyphs, palette: Palette) -> Text:
    text = Text(end="")
    here = of_view(view)
    for prefix, title in GROUPS:
        actions = [action for action in here if action.id.startswith(f"{prefix}.")]
        if not actions:
            continue
        text.append(f"{title}\n", palette.head)
        for action in actions:
            keys = " ".join(shown_key(key) for key in keymap.keys(action))
            text.append(f"  {keys:<16}", palette.key).append(f"{action.help_in(view)}\n", palette.ink)
        text.append("\n")
    if view == "images":
        _filter_help(text, palette)
    _states(text, glyphs, palette)
    return text


def _filter_help(text: Text, palette: Palette) -> None:
    text.append("Filter", palette.head)
    text.append("  all terms must hold; a word is part of the name; ! negates\n", palette.soft)
    for field in FIELDS.values():
        text.append(f"  {field.name:<16}", palette.busy).append(f"{field.example}\n", palette.ink)
    text.append(f"  {'prop.NAME':<16}", palette.busy).append("prop.hw_disk_bus=virtio\n\n", palette.ink)


def _states(text: Text, glyphs: Glyphs, palette: Palette) -> None:
    text.append("States\n", palette.head)
    for status, meaning in STATES:
        text.append(f"  {glyphs.status(status)} {status:<14}", palette.status(status)).append(
            f"{meaning}\n", palette.ink
        )
