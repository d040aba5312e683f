"""Every action: its keys, its words, where it works. Footer, help, menu, prompt and dispatch are drawn from this table.

Lowercase looks, uppercase acts: an action that changes the server sits on an uppercase letter, and its box or its `z`
stands between a slip and a loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from glancetui.errors import ConfigError

LISTS = ("images", "transfers", "cache")
OPENING = ("dashboard", *LISTS, "image", "metadefs")
ONE_IMAGE = ("images", "image")
ONE_THING = (*ONE_IMAGE, "metadefs")
TEXTS = ("raw",)
EVERYWHERE = ("*",)

# Terminals send tab, enter, newline, backspace and escape for these.
FORBIDDEN_KEYS = {
    "ctrl+i",
    "ctrl+m",
    "ctrl+j",
    "ctrl+h",
    "ctrl+left_square_bracket",
}  # tab, enter, newline, backspace, escape


class Action(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    keys: tuple[str, ...]
    label: str  # one or two words, for the footer
    help: str
    views: tuple[str, ...] = EVERYWHERE
    weight: int = 0  # the heavier, the further left in the footer; 0: not there
    acts: bool = False  # changes the server
    in_metadefs: tuple[str, str] | None = None  # label and help among definitions, where they differ there
    in_cache: tuple[str, str] | None = None  # and in the cache
    command: str = ""  # its name at the `:` prompt, where that is not the last part of its id

    @property
    def name(self) -> str:
        return self.id.rpartition(".")[2]

    @property
    def spoken(self) -> str:
        """What it is called at the prompt."""
        return self.command or self.name

    def label_in(self, view: str) -> str:
        return self._words(view)[0]

    def help_in(self, view: str) -> str:
        return self._words(view)[1]

    def _words(self, view: str) -> tuple[str, str]:
        own = {"metadefs": self.in_metadefs, "cache": self.in_cache}.get(view)
        return own or (self.label, self.help)

    def works_in(self, view: str) -> bool:
        return self.views == EVERYWHERE or view in self.views


def _view(number: int, view: str, label: str) -> Action:
    return Action(id=f"view.{view}", keys=(str(number),), label=label, help=f"Go to {label}.")


VIEWS: tuple[tuple[int, str, str], ...] = (
    (1, "dashboard", "Dash"),
    (2, "images", "Images"),
    (3, "transfers", "Transfers"),
    (4, "stores", "Stores"),
    (5, "services", "Services"),
    (6, "findings", "Findings"),
    (7, "cache", "Cache"),
    (8, "tasks", "Tasks"),
    (9, "events", "Events"),
    (0, "metadefs", "Metadefs"),
)

ACTIONS: tuple[Action, ...] = (
    Action(id="go.down", keys=("j", "down"), label="down", help="One row down."),
    Action(id="go.up", keys=("k", "up"), label="up", help="One row up."),
    Action(id="go.first", keys=("g", "home"), label="first", help="The first row; takes in what is new above."),
    Action(id="go.last", keys=("G", "end"), label="last", help="The last row, by the reversed sort."),
    Action(id="go.half_down", keys=("ctrl+d",), label="½ down", help="Half a page down."),
    Action(id="go.half_up", keys=("ctrl+u",), label="½ up", help="Half a page up."),
    Action(id="go.page_down", keys=("ctrl+f", "pagedown"), label="page down", help="A page down."),
    Action(id="go.page_up", keys=("ctrl+b", "pageup"), label="page up", help="A page up."),
    Action(id="go.left", keys=("h", "left"), label="left", help="Scroll columns to the left; in a tree, close."),
    Action(id="go.right", keys=("l", "right"), label="right", help="Scroll columns to the right; in a tree, open."),
    Action(
        id="go.open",
        keys=("enter",),
        label="open",
        help="Open what the cursor is on; a property of an image, to change it by its definition.",
        views=OPENING,
        weight=90,
    ),
    Action(id="go.back", keys=("escape",), label="back", help="One step back: prompt, marks, filter, parent."),
    Action(id="go.last_view", keys=("-",), label="last view", help="The view before this one, like `cd -`."),
    Action(id="go.next_pane", keys=("tab",), label="next pane", help="Move to the next pane."),
    Action(id="go.previous_pane", keys=("shift+tab",), label="previous pane", help="Move to the previous pane."),
    Action(
        id="go.next_tab",
        keys=("]", ">"),
        label="next tab",
        help="The next tab of a detail.",
        views=("image",),
        weight=60,
    ),
    Action(id="go.previous_tab", keys=("[", "<"), label="previous tab", help="The tab before.", views=("image",)),
    *(_view(*view) for view in VIEWS),
    Action(
        id="ask.find",
        keys=("ctrl+p",),
        label="find",
        help="Find a view, action, cloud, theme or recent image.",
        weight=4,
    ),
    Action(id="ask.command", keys=(":",), label="command", help="Go to a view or do an action by its name.", weight=20),
    Action(
        id="ask.filter",
        keys=("/",),
        label="filter",
        help="Filter the list, or search in a text.",
        views=("images", "raw", "metadefs"),
        weight=50,
    ),
    Action(
        id="ask.next_match",
        keys=("ctrl+n",),
        label="next match",
        help="The next place that the search found.",
        views=TEXTS,
    ),
    Action(
        id="list.mark",
        keys=("space",),
        label="mark",
        help="Mark the row, or unmark it, and step down.",
        views=LISTS,
        weight=30,
    ),
    Action(
        id="list.range", keys=("v",), label="range", help="From here on moving marks; `space` ends it.", views=LISTS
    ),
    Action(id="list.mark_all", keys=("*",), label="mark all", help="Mark all that match the filter.", views=LISTS),
    Action(id="list.unmark", keys=("\\",), label="unmark", help="Clear all marks.", views=LISTS),
    Action(
        id="list.sort",
        keys=("s",),
        label="sort",
        help="Pick a column to sort by; the same again reverses.",
        views=("images",),
        weight=45,
    ),
    Action(
        id="list.columns",
        keys=("c",),
        label="columns",
        help="Choose and order columns.",
        views=("images",),
        weight=22,
    ),
    Action(id="list.more", keys=(".",), label="go on", help="Look through more pages for matches.", views=("images",)),
    Action(id="list.grow", keys=("+",), label="grow", help="A larger list beside the preview.", views=("images",)),
    Action(id="list.shrink", keys=("_",), label="shrink", help="A smaller list beside the preview.", views=("images",)),
    Action(
        id="look.copy",
        keys=("y",),
        label="copy",
        help="Copy id, name, URL, hash, JSON or command.",
        views=ONE_THING,
        weight=25,
    ),
    Action(
        id="look.raw",
        keys=("r",),
        label="raw",
        help="The document as the endpoint sent it.",
        views=ONE_THING,
        weight=24,
    ),
    Action(
        id="look.save",
        keys=("f",),
        label="fetch",
        help="Save the image's data to a file, verified.",
        views=ONE_THING,
        weight=70,
        command="fetch",
        in_metadefs=("export", "Write the namespace to a file, or all of them to a folder; they load again unchanged."),
    ),
    Action(
        id="look.used",
        keys=("u",),
        label="used by",
        help="List the images that use the property.",
        views=("metadefs",),
        weight=23,
    ),
    Action(
        id="definition.import",
        keys=("i",),
        label="import",
        help="Bring in namespaces from a file or a folder; what would change is shown before it is sent.",
        views=("metadefs",),
        weight=35,
    ),
    Action(id="look.refresh", keys=("ctrl+r", "f5"), label="refresh", help="Ask the server now; reconnects too."),
    Action(id="look.redraw", keys=("ctrl+l",), label="redraw", help="Draw the screen anew."),
    Action(id="look.help", keys=("?", "f1"), label="help", help="This page: keys, filter fields, states.", weight=1),
    Action(
        id="look.menu", keys=("x",), label="actions", help="All actions here, or why one cannot be used.", weight=15
    ),
    Action(
        id="image.new",
        keys=("n",),
        label="new",
        help="Publish a file as an image.",
        views=("dashboard", "images", "image", "transfers", "metadefs"),
        weight=80,
        in_metadefs=("new", "Create a namespace by a form."),
    ),
    Action(
        id="image.delete",
        keys=("D",),
        label="delete",
        help="Delete the image, or all marked; in a tab of its parts, the part.",
        views=(*ONE_THING, "cache"),
        weight=65,
        acts=True,
        in_metadefs=("delete", "Delete the namespace, or the thing in it."),
        in_cache=("evict", "Out of the cache and its queue; the image stays."),
    ),
    Action(
        id="image.protect",
        keys=("P",),
        label="protect",
        help="Protect from deletion, or unprotect.",
        views=ONE_THING,
        weight=40,
        acts=True,
        in_metadefs=("protect", "Protect the namespace from deletion, or unprotect."),
    ),
    Action(
        id="image.hide",
        keys=("H",),
        label="hide",
        help="Hide from default lists, or show again.",
        views=ONE_IMAGE,
        weight=38,
        acts=True,
    ),
    Action(
        id="image.visibility",
        keys=("V",),
        label="visibility",
        help="Who can see it.",
        views=ONE_THING,
        weight=39,
        acts=True,
        in_metadefs=("visibility", "Show the namespace to everybody, or to its project only."),
    ),
    Action(
        id="image.activate",
        keys=("A",),
        label="(de)activate",
        help="Stop its data being fetched, or allow it again.",
        views=ONE_IMAGE,
        weight=37,
        acts=True,
    ),
    Action(
        id="image.edit",
        keys=("e",),
        label="edit",
        help="Edit it in $EDITOR; what differs is shown before it is sent.",
        views=ONE_THING,
        weight=42,
        in_metadefs=("editor", "Edit the namespace in $EDITOR; what differs is shown before it is sent."),
    ),
    Action(
        id="image.amend",
        keys=("E",),
        label="tags",
        help="Change tags and properties, of all that are marked; a definition that is shown raw, as JSON.",
        views=(*ONE_THING, "raw"),
        weight=36,
        acts=True,
        command="amend",
        in_metadefs=("edit", "Edit it by a form."),
    ),
    Action(
        id="image.add",
        keys=("a",),
        label="add",
        help="Add a property, completed and checked by its definition; in their tabs, a member or a location.",
        views=("image", "metadefs"),
        weight=41,
        in_metadefs=("add", "Add a property, an object, a tag, or a resource type."),
    ),
    Action(
        id="cache.warm",
        keys=("W",),
        label="warm",
        help="Have the image fetched into the cache of the node that answers.",
        views=(*ONE_IMAGE, "cache"),
        weight=35,
        acts=True,
    ),
    Action(
        id="cache.tend",
        keys=("T",),
        label="tend",
        help="Prune, clean or clear the cache.",
        views=("cache",),
        weight=64,
        acts=True,
    ),
    Action(
        id="property.send",
        keys=("ctrl+s",),
        label="send",
        help="In the tab of properties: send all that is marked as changed, as one change.",
        views=("image",),
        weight=43,
    ),
    Action(
        id="transfer.cancel",
        keys=("X",),
        label="cancel",
        help="Cancel the transfer.",
        views=("transfers",),
        weight=85,
        acts=True,
    ),
    Action(
        id="undo.list",
        keys=("z",),
        label="undo",
        help="Undo the newest of this session's reversible changes.",
        weight=5,
        acts=True,
        command="undo",
    ),
    Action(id="app.quit", keys=("q",), label="quit", help="Back; at top level, quit.", weight=2, command="quit"),
    Action(id="app.exit", keys=("ctrl+q",), label="exit", help="Quit at once; asks while transfers run."),
    Action(
        id="app.interrupt",
        keys=("ctrl+c",),
        label="interrupt",
        help="Close the prompt, or copy selected text; twice quits.",
    ),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


class Keymap:
    """Which key does what, after the operator's own changes."""

    def __init__(self, changes: Mapping[str, str] | None = None) -> None:
        """`changes`: action id → key. Raises ConfigError for an unknown action, a forbidden key, or a clash."""
        self._keys: dict[str, tuple[str, ...]] = {action.id: action.keys for action in ACTIONS}
        for action_id, key in (changes or {}).items():
            if action_id not in BY_ID:
                raise ConfigError(f"[keys] names {action_id!r}, which is no action; `?` lists them.")
            if key in FORBIDDEN_KEYS or key.startswith(("alt+", "ctrl+shift+")):
                raise ConfigError(
                    f"[keys] {action_id}: terminals cannot tell {key!r} from another key; choose another."
                )
            self._keys[action_id] = (key,)
        self._refuse_clashes()

    def _refuse_clashes(self) -> None:
        for position, action in enumerate(ACTIONS):
            for other in ACTIONS[position + 1 :]:
                shared = set(self._keys[action.id]) & set(self._keys[other.id])
                if shared and _meet(action, other):
                    key = min(shared)
                    raise ConfigError(
                        f"[keys] {key!r} is given to both {action.id} and {other.id}; change one of them."
                    )

    def keys(self, action: Action) -> tuple[str, ...]:
        return self._keys[action.id]

    def shown(self, action: Action) -> str:
        """The key as a footer spells it."""
        return shown_key(self._keys[action.id][0])

    def find(self, key: str, view: str) -> Action | None:
        return next((a for a in ACTIONS if key in self._keys[a.id] and a.works_in(view)), None)


def _meet(one: Action, other: Action) -> bool:
    return EVERYWHERE in {one.views, other.views} or bool(set(one.views) & set(other.views))


def shown_key(key: str) -> str:
    return {"escape": "esc", "pagedown": "PgDn", "pageup": "PgUp", "down": "↓", "up": "↑"}.get(key, key)


def of_view(view: str, actions: Iterable[Action] = ACTIONS) -> list[Action]:
    """The actions that work in a view, heaviest first."""
    return sorted((a for a in actions if a.works_in(view)), key=lambda action: -action.weight)
