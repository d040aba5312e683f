"""The signs of the screens, in two sets: for terminals that draw Unicode one cell wide, and for those that do not."""

from __future__ import annotations

import locale
import os

import msgspec


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    good: str = "●"
    waiting: str = "◌"
    saving: str = "◐"
    importing: str = "◑"
    uploading: str = "◔"
    off: str = "⊘"
    bad: str = "✕"
    unknown: str = "?"
    stale: str = "○"
    mark: str = "▌"
    up: str = "▲"
    down: str = "▼"
    server: str = "▪"
    local: str = "▫"
    skeleton: str = "·"
    ellipsis: str = "…"
    upload: str = "↑"
    download: str = "↓"
    crumb: str = "›"
    arrow: str = "→"
    rule: str = "─"
    opened: str = "▾"
    closed: str = "▸"
    ascii_only: bool = False

    def status(self, status: str) -> str:
        """The sign of an image's status."""
        return getattr(self, _SIGN_OF_STATUS.get(status, "unknown"))  # type: ignore[no-any-return]


UNICODE = Glyphs()
ASCII = Glyphs(
    good="*",
    waiting="o",
    saving="%",
    importing="%",
    uploading="%",
    off="-",
    bad="x",
    stale="o",
    mark="#",
    up="^",
    down="v",
    server="=",
    local="~",
    skeleton=".",
    ellipsis="~",
    upload="^",
    download="v",
    crumb=">",
    arrow=">",
    rule="-",
    opened="-",
    closed="+",
    ascii_only=True,
)

_SIGN_OF_STATUS = {
    "active": "good",
    "queued": "waiting",
    "saving": "saving",
    "importing": "importing",
    "uploading": "uploading",
    "deactivated": "off",
    "killed": "bad",
    "deleted": "bad",
    "pending_delete": "bad",
}


def fitting(ascii_only: bool | None) -> Glyphs:
    """The set to use. None: ASCII where the locale is not UTF-8 or the terminal is the Linux console."""
    if ascii_only is None:
        encoding = locale.getencoding().lower().replace("-", "")
        ascii_only = encoding != "utf8" or os.environ.get("TERM") == "linux"
    return ASCII if ascii_only else UNICODE
