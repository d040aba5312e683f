"""What can be typed after `:`. Anything unknown changes nothing and offers what is near."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from glancetui.tui.actions import ACTIONS, VIEWS
from glancetui.tui.ports import SORTABLE

if TYPE_CHECKING:
    from glancetui.tui.desk import Desk

ALIASES = {
    "dash": "dashboard",
    "im": "images",
    "tr": "transfers",
    "st": "stores",
    "sv": "services",
    "fi": "findings",
    "ca": "cache",
    "ta": "tasks",
    "ev": "events",
    "md": "metadefs",
    "q": "quit",
}


def run(desk: Desk, line: str) -> None:
    """`VIEW [/FILTER]`, `ACTION`, `sort KEY [asc|desc]`, `set theme=NAME`."""
    word, _, rest = line.strip().partition(" ")
    name = ALIASES.get(word, word)
    if name in {view for _, view, _ in VIEWS}:
        desk.go(name)
        if name == "images" and rest.strip().startswith("/"):
            desk.images.try_filter(rest.strip()[1:])
        return
    if name == "sort" and rest:
        _sort(desk, rest)
        return
    if name == "set" and rest:
        _set(desk, rest)
        return
    action = next((a for a in ACTIONS if a.spoken == name and a.works_in(desk.view.name_of_view)), None)
    if action is None:
        _offer(desk, name)
        return
    desk.act(action)


def _sort(desk: Desk, rest: str) -> None:
    key, _, direction = rest.partition(" ")
    key = {"created": "created_at", "updated": "updated_at", "format": "disk_format"}.get(key, key)
    if key not in SORTABLE or direction not in {"", "asc", "desc"}:
        desk.say(f"sort takes one of {', '.join(SORTABLE)}, and asc or desc.", "warning")
        return
    desk.go("images")
    desk.images.sort_by(key, {"asc": False, "desc": True}.get(direction))


def _set(desk: Desk, rest: str) -> None:
    name, _, value = rest.partition("=")
    if name.strip() != "theme" or value.strip() not in desk.app.available_themes:
        desk.say("set knows theme=dark, light, contrast, ansi-dark, ansi-light, or any of Textual's.", "warning")
        return
    desk.app.theme = value.strip()


def _offer(desk: Desk, name: str) -> None:
    known = [*ALIASES, *(view for _, view, _ in VIEWS), *(action.spoken for action in ACTIONS), "sort", "set"]
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=3, cutoff=0.4)
    hint = f" Near: {', '.join(near)}." if near else ""
    desk.say(f"There is no command {name!r} here.{hint}", "warning")
