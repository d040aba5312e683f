"""What `ctrl+p` offers, and what becomes of the one that is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glancetui.errors import ConfigError
from glancetui.tui import clouds, saved
from glancetui.tui.actions import BY_ID, VIEWS, of_view
from glancetui.tui.boxes.pick import Choice

if TYPE_CHECKING:
    from glancetui.tui.desk import Desk


def choices(desk: Desk) -> list[Choice]:
    """Each value says its kind before the colon."""
    view, keymap = desk.view, desk.keymap
    found = [Choice(f"view:{name}", f"Go to {label}", str(number)) for number, name, label in VIEWS]
    actions = [a for a in of_view(view.name_of_view) if not a.id.startswith(("view.", "go."))]
    found += [
        Choice(f"act:{a.id}", a.help_in(view.name_of_view).rstrip("."), keymap.shown(a))
        for a in actions
        if view.off(a) is None
    ]
    found += [Choice(f"image:{key}", f"Image {image.name or key}") for key, image in desk.recent.items()]
    found += [Choice(f"saved:{name}", f"View {name}") for name in _saved(desk)]
    found += [Choice(f"cloud:{name}", f"Cloud {name}") for name in clouds.names(desk)]
    return found + [Choice(f"theme:{name}", f"Theme {name}") for name in sorted(desk.app.available_themes)]


def _saved(desk: Desk) -> list[str]:
    try:
        return sorted(saved.of_cloud(desk.session.cloud))
    except (ConfigError, OSError):
        return []  # `:view` says what is wrong with the file


def take(desk: Desk, value: str) -> None:
    kind, _, name = value.partition(":")
    if kind == "view":
        desk.go(name)
    elif kind == "act":
        desk.act(BY_ID[name])
    elif kind == "image" and name in desk.recent:
        desk.open_image(desk.recent[name])
    elif kind == "saved":
        desk.command(f"view {name}")
    elif kind == "cloud":
        clouds.switch(desk, name)
    elif kind == "theme":
        desk.app.theme = name
