"""For terminals that draw nothing but ASCII: whatever is painted, names included, becomes so, cell for cell."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from glancetui.client.text import width

_LOOKALIKES = {
    "╭╮╰╯┌┐└┘": "+",
    "─━▔▁": "-",
    "│┃▎▏▕▊▍▌": "|",
    "█▉▇▆▅▄▃▂▋▐■": "#",
    "…": "~",
    "—–": "-",
    "·•": ".",
    "×✕": "x",
    "→›": ">",
    "←": "<",
    "↑▲": "^",
    "↓▼": "v",
    "½": "/",
    "≥": ">",
    "“”": '"',
    "‘’": "'",
}
_TABLE = {character: plain for characters, plain in _LOOKALIKES.items() for character in characters}


class AsciiOnly(LineFilter):
    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002  # Textual's signature
        return [
            segment if segment.text.isascii() else Segment(_plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return "".join(c if c.isascii() else _TABLE.get(c, "?" * width(c)) for c in text)
