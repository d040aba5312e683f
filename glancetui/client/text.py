"""Strings of a server, made safe and measurable for a terminal.

Whatever a name holds (escape sequences, bidirectional overrides, half a surrogate pair), what `clean` returns can be
written to a terminal: no byte below 0x20, no C1 control, nothing invisible, and `cells` knows its width.
"""

from __future__ import annotations

import itertools
import unicodedata
from functools import lru_cache

ELLIPSIS = "…"
SUBSTITUTE = "\N{SYMBOL FOR SUBSTITUTE FORM TWO}"  # for what has no picture of its own
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ZERO_WIDTH_JAMO = range(0x1160, 0x1200)  # vowels and finals join the syllable before them
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
INVISIBLE_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800\u034f")  # letters by name, blank by look
VARIATION_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0x180B, 0x1810), *range(0xE0100, 0xE01F0))))


def clean(text: str) -> str:
    """`text` with each control, bidirectional or invisible character as a visible picture of one cell."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(picture, text))


@lru_cache(maxsize=4096)
def picture(character: str) -> str:
    """What stands for one character; itself if it is harmless."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if character in VARIATION_SELECTORS:
        return ""  # terminals disagree on the width that it asks for
    if character in INVISIBLE_LETTERS or unicodedata.category(character) in HIDDEN_CATEGORIES:
        return SUBSTITUTE
    return REPLACEMENT if unicodedata.category(character) == "Cs" else character


def cells(text: str) -> int:
    """Columns that cleaned `text` takes."""
    return len(text) if text.isascii() else sum(map(width, text))


@lru_cache(maxsize=4096)
def width(character: str) -> int:
    """Columns of one character: 0 for marks that sit on another, 2 for wide ones."""
    if unicodedata.category(character) in {"Mn", "Me"} or ord(character) in ZERO_WIDTH_JAMO:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Cleaned `text` in at most `columns`; an ellipsis ends it if something is missing."""
    if cells(text) <= columns:
        return text
    return head(text, columns - 1) + ELLIPSIS if columns > 0 else ""


def cut_middle(text: str, columns: int) -> str:
    """Like `cut`, but what is missing is missing in the middle: for ids and hashes, whose ends both tell."""
    if cells(text) <= columns:
        return text
    if columns < 3:
        return cut(text, columns)
    left = head(text, columns // 2)
    return left + ELLIPSIS + tail(text, columns - 1 - cells(left))


def fit(text: str, columns: int, *, right: bool = False) -> str:
    """Cleaned `text` in exactly `columns`: cut or padded, to the left unless `right`."""
    shown = cut(text, columns)
    padding = " " * (columns - cells(shown))
    return padding + shown if right else shown + padding


def head(text: str, columns: int) -> str:
    """The longest beginning of `text` that takes at most `columns`."""
    room = columns
    for index, character in enumerate(text):
        room -= width(character)
        if room < 0:
            return text[:index]
    return text


def tail(text: str, columns: int) -> str:
    """The longest end of `text` that takes at most `columns`; it starts with no mark whose letter was cut off."""
    room = columns
    for index in range(len(text) - 1, -1, -1):
        room -= width(text[index])
        if room < 0:
            return "".join(itertools.dropwhile(lambda character: not width(character), text[index + 1 :]))
    return text
