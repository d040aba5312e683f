"""The theme's colours as Rich styles, for everything that is drawn line by line."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from rich.style import Style
from textual.color import Color

_INKS = ("ink", "ink-soft", "ink-faint", "good", "busy", "warn", "bad", "key")


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    ink: Style
    soft: Style
    faint: Style
    good: Style
    busy: Style
    warn: Style
    bad: Style
    key: Style
    head: Style  # titles of columns
    cursor: Style  # background of the row under the cursor
    quiet: Style  # the same while the list has not the focus
    ground: Style  # background of everything else

    def named(self, name: str) -> Style:
        return getattr(self, name)  # type: ignore[no-any-return]  # every field is a Style

    def status(self, status: str) -> Style:
        return self.named(_INK_OF_STATUS.get(status, "warn"))

    @classmethod
    def of(cls, variables: Mapping[str, str], *, monochrome: bool) -> Palette:
        if monochrome:
            return _MONOCHROME
        ink, soft, faint, good, busy, warn, bad, key = (_ink(variables[name]) for name in _INKS)
        return cls(
            ink=ink,
            soft=soft,
            faint=faint,
            good=good,
            busy=busy,
            warn=warn,
            bad=bad,
            key=key + Style(bold=True),
            head=soft + Style(bold=True),
            cursor=_ground(variables["cursor"]),
            quiet=_ground(variables["cursor-quiet"]),
            ground=_ground(variables["background"]),
        )


def _ink(value: str) -> Style:
    return Style(color=Color.parse(value).rich_color)


def _ground(value: str) -> Style:
    return Style(bgcolor=Color.parse(value).rich_color)


_PLAIN, _DIM, _BOLD = Style(), Style(dim=True), Style(bold=True)
_MONOCHROME = Palette(
    ink=_PLAIN,
    soft=_PLAIN,
    faint=_DIM,
    good=_PLAIN,
    busy=_PLAIN,
    warn=_BOLD,
    bad=_BOLD,
    key=_BOLD,
    head=_BOLD,
    cursor=Style(reverse=True),
    quiet=Style(underline=True),
    ground=_PLAIN,
)

_INK_OF_STATUS = {
    "active": "good",
    "queued": "soft",
    "saving": "busy",
    "importing": "busy",
    "uploading": "busy",
    "deactivated": "soft",
    "killed": "bad",
    "deleted": "bad",
    "pending_delete": "bad",
}
