"""The lines around a view: header, tabs, chips, footer. Pure functions from facts to text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from glancetui.client.text import cells, clean, cut
from glancetui.tui.actions import VIEWS, Action, Keymap, of_view
from glancetui.tui.glyphs import Glyphs
from glancetui.tui.palette import Palette
from glancetui.tui.session import Session

ROOMY = 112  # cells from which the tabs stand apart
CRUMBS_TOO = 140  # cells from which the tabs leave room for the name of what is open
LACKING = frozenset({"stores", "services", "findings", "tasks", "events"})


def pressing(action_id: str) -> Style:
    """A style that makes a stretch of text a button."""
    return Style(meta={"act": action_id})


def header(session: Session, width: int) -> Text:
    """Cloud, caller, endpoint, version, READ-ONLY, and at the right, always, the state of the connection."""
    palette, about = session.palette(), session.about
    state = session.connection.text(session.clock(), session.glyphs)
    parts = [(clean(about.cloud) if about and about.cloud else "glancetui", palette.key)]
    if about is not None:
        parts += [(clean(about.caller), palette.soft)] if about.caller else []
        parts += [(clean(about.endpoint), palette.ink), (clean(about.version), palette.soft)]
    if session.read_only:
        parts.append(("READ-ONLY", palette.warn + Style(bold=True)))
    room = width - cells(state) - 2
    line = Text(" ", no_wrap=True, end="")
    for text, style in parts:
        if cells(line.plain) + cells(text) + 2 > room:
            break
        line.append(text, style).append("  ")
    line.append(" " * max(0, room - cells(line.plain) + 1))
    return line.append(state, palette.named(session.connection.style))


def tabs(session: Session, keymap: Keymap, view: str, crumbs: Sequence[str], width: int) -> Text:
    """The ten views with their numbers; on narrow terminals where one is; while something is wrong, what."""
    palette, connection = session.palette(), session.connection
    if session.starting:
        return Text(f" {cut(session.starting, width - 2)}", palette.busy, no_wrap=True, end="")
    if connection.troubled and connection.reason:
        return Text(f" {cut(clean(connection.reason), width - 2)}", palette.bad, no_wrap=True, end="")
    if width < 100 or (crumbs[1:] and width < CRUMBS_TOO):
        return _crumbs(crumbs, palette, session.glyphs, width)
    line = Text(" ", no_wrap=True, end="")
    gap = "  " if width >= ROOMY else " "
    for _, name, label in VIEWS:
        here = name == view
        button = pressing(f"view.{name}")
        number = keymap.keys(_action_of(name))[0]
        quiet = palette.faint if name in LACKING else palette.soft
        line.append(number, (palette.key if here else palette.faint) + button).append(" ", button)
        line.append(label, (palette.ink + Style(bold=True, underline=True) if here else quiet) + button).append(gap)
    if crumbs[1:]:
        line.append(f"{session.glyphs.crumb} ", palette.faint)
        line.append(cut(clean(crumbs[-1]), max(0, width - cells(line.plain) - 1)), palette.ink)
    return line


def _action_of(view: str) -> Action:
    from glancetui.tui.actions import BY_ID

    return BY_ID[f"view.{view}"]


def _crumbs(crumbs: Sequence[str], palette: Palette, glyphs: Glyphs, width: int) -> Text:
    line = Text(" ", no_wrap=True, end="")
    for position, crumb in enumerate(crumbs):
        last = position == len(crumbs) - 1
        style = palette.ink + Style(bold=True) if last else palette.soft
        line.append(cut(clean(crumb), max(0, width - cells(line.plain) - 2)), style)
        if not last:
            line.append(f" {glyphs.crumb} ", palette.faint)
    return line


def footer(keymap: Keymap, palette: Palette, view: str, off: frozenset[str], width: int) -> Text:
    """The keys that work here, heaviest first, cut at the edge; `?` always last."""
    line = Text(" ", no_wrap=True, end="")
    more = f"{keymap.shown(_help())} more"
    for action in of_view(view):
        key = keymap.shown(action)
        if (
            action.weight <= 1
            or cells(line.plain) + cells(key) + cells(action.label_in(view)) + 4 + cells(more) > width
        ):
            continue
        button = pressing(action.id)
        dull = Style(strike=True) + palette.faint if action.id in off else None
        line.append(key, (dull or palette.key) + button).append(" ", button)
        line.append(action.label_in(view), (dull or palette.soft) + button).append("  ")
    key, _, word = more.partition(" ")
    button = pressing("look.help")
    return line.append(key, palette.key + button).append(f" {word}", palette.soft + button)


def _help() -> Action:
    from glancetui.tui.actions import BY_ID

    return BY_ID["look.help"]


def spread(parts: Sequence[tuple[str, Style]], right: Sequence[tuple[str, Style]], width: int) -> Text:
    """Parts from the left, parts at the right edge, the dearest last, and blanks between.

    What is at the right gives way from its left while the left lacks room; then the left is cut.
    """
    tails = [(f"   {text}", style) for text, style in right if text]
    wanted = sum(cells(text) + 1 for text, _ in parts if text)
    while len(tails) > 1 and wanted + 2 + sum(cells(text) for text, _ in tails) > width:
        del tails[0]
    tail = Text.assemble(*tails)
    room = width - 2 - cells(tail.plain)
    line = Text(" ", no_wrap=True, end="")
    for text, style in parts:
        left = room - cells(line.plain)
        if not text or left < 4:
            continue
        line.append(cut(text, left - 1), style).append(" ")
    line.append(" " * max(1, room - cells(line.plain) + 1))
    return line.append_text(tail)
