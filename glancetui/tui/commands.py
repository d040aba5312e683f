"""What can be typed after `:`. Anything unknown changes nothing and offers what is near."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from glancetui.errors import ConfigError
from glancetui.tui import clouds, saved
from glancetui.tui.actions import ACTIONS, BY_ID, VIEWS
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.definitions import HOW
from glancetui.tui.boxes.pick import Choice, Pick
from glancetui.tui.columns import IMAGE_COLUMNS, column_of
from glancetui.tui.files import expand
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
    "cl": "clouds",
    "q": "quit",
}


def run(desk: Desk, line: str) -> None:
    """`VIEW [/FILTER]`, `ACTION`, or one of COMMANDS."""
    word, _, rest = line.strip().partition(" ")
    name, rest = ALIASES.get(word, word), rest.strip()
    if name in {view for _, view, _ in VIEWS}:
        desk.go(name)
        if name in {"images", "metadefs"} and rest.startswith("/"):
            (desk.images if name == "images" else desk.metadefs).try_filter(rest[1:])
        return
    command = COMMANDS.get(name)
    if command is not None and (rest or name not in ACTIONS_TOO):
        command(desk, rest)
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


def _columns(desk: Desk, rest: str) -> None:
    """`+KEY` adds, `-KEY` takes away, `KEY …` are just these."""
    words = rest.split()
    keys = [word.lstrip("+-") for word in words]
    wrong = next((key for key in keys if column_of(key) is None), None)
    if wrong is not None or not words:
        known = ", ".join(column.key for column in IMAGE_COLUMNS)
        desk.say(f"cols takes +KEY and -KEY, of {known}, prop.NAME.", "warning")
        return
    desk.go("images")
    shown = [column.key for column in desk.images.table.columns]
    if words[0][0] not in "+-":
        shown = []
    for word, key in zip(words, keys, strict=True):
        shown = [other for other in shown if other != key] + ([] if word.startswith("-") else [key])
    desk.images.show_columns(["name", *(key for key in shown if key != "name")])


def _export(desk: Desk, rest: str) -> None:
    if desk.view is desk.metadefs:
        desk.metadefs.export_to(rest)
        return
    if not rest:
        desk.say("export takes a file: images.csv, images.json or images.yaml.", "warning")
        return
    desk.go("images")
    desk.images.export(expand(rest))


def _import(desk: Desk, rest: str) -> None:
    """`PATH [HOW]`; the path may hold blanks."""
    path, _, how = rest.rpartition(" ")
    if how not in HOW or not path:
        path, how = rest, "new"
    desk.go("metadefs")
    reason = desk.metadefs.off(BY_ID["definition.import"])
    if reason is not None:
        desk.say(f"Import: {reason}.", "warning")
        return
    desk.metadefs.import_from(path.strip(), how)


def _save(desk: Desk, name: str) -> None:
    if not name:
        desk.say("save takes a name for this filter, sort and these columns; `:view NAME` brings them back.", "warning")
        return
    try:
        saved.keep(desk.session.cloud, name, desk.images.saved())
    except (ConfigError, OSError) as error:
        desk.say(f"Not saved: {error}", "warning")
        return
    desk.say(f"saved as {name}; `:view {name}` brings it back")


def _view(desk: Desk, name: str) -> None:
    try:
        known = saved.of_cloud(desk.session.cloud)
    except (ConfigError, OSError) as error:
        desk.say(str(error), "warning")
        return
    if name in known:
        desk.go("images")
        desk.images.show_saved(known[name])
    elif not known:
        desk.say("No view is saved for this cloud; `:save NAME` saves one.", "warning")
    elif name:
        desk.say(f"There is no view {name!r}; there are: {', '.join(sorted(known))}.", "warning")
    else:
        choices = [Choice(each, f"{each}  {view.filter}") for each, view in sorted(known.items())]
        desk.app.push_screen(Pick("Saved views", choices), given(partial(_view, desk)))


def _cloud(desk: Desk, name: str) -> None:
    if name:
        clouds.switch(desk, name)
    else:
        clouds.offer(desk)


Command = Callable[["Desk", str], None]
COMMANDS: Mapping[str, Command] = {
    "sort": _sort,
    "set": _set,
    "cols": _columns,
    "export": _export,
    "import": _import,
    "save": _save,
    "view": _view,
    "views": lambda desk, _: _view(desk, ""),
    "clouds": _cloud,
}
ACTIONS_TOO = frozenset({"sort", "import"})  # without an argument it is the action of that name


def _offer(desk: Desk, name: str) -> None:
    known = [*ALIASES, *(view for _, view, _ in VIEWS), *(action.spoken for action in ACTIONS), *COMMANDS]
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=3, cutoff=0.4)
    hint = f" Near: {', '.join(near)}." if near else ""
    desk.say(f"There is no command {name!r} here.{hint}", "warning")
