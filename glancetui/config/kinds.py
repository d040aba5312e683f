"""Kinds of option values: text from a file or the environment → a typed value, or a ValueError that says what is due.

The forms are oslo.config's (any-case booleans, comma-separated lists, `key:value` pairs), with brackets and braces
round lists and dictionaries allowed everywhere: Glance demands them for some options and refuses them for others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any

Parser = Callable[[object], Any]  # text, or a value that has its type already (defaults and command line), → value

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})
UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}
UNITS |= {f"{letter}IB": UNITS[f"{letter}B"] for letter in "KMGTP"}
SIZE = re.compile(r"(\d{1,20})\s*([A-Za-z]*)", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,30}", re.ASCII)


class Kind(Enum):
    """What a value is; the value of the member is how documentation and messages call it."""

    TEXT = "text"
    BOOLEAN = "true or false"
    INTEGER = "whole number"
    NUMBER = "number"
    SIZE = "size in bytes, or with a unit (KB, MB, GB, TB)"
    LIST = "list (a,b,c)"
    MAPPING = "pairs (key:value,key:value)"
    MULTI = "text, repeatable"


def parse_text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def parse_boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError("must be true or false")


def parse_integer(value: object) -> int | None:
    """Blank is None, as oslo.config has it."""
    if isinstance(value, int):
        return value
    text = str(value).strip()
    if not text:
        return None
    if not WHOLE.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def parse_number(value: object) -> float | None:
    text = str(value).strip()
    try:
        number = float(text) if text else None
    except ValueError:
        raise ValueError("must be a number") from None
    if number is not None and number - number != 0:  # inf and nan parse, but no limit or delay can be either
        raise ValueError("must be a finite number")
    return number


def parse_size(value: object) -> int:
    """Bytes. Units are powers of 1024, as Glance reads user_storage_quota."""
    match = SIZE.fullmatch(str(value).strip())
    if match is None or match[2].upper() not in UNITS:
        raise ValueError("must be a number of bytes, or a number with the unit KB, MB, GB or TB")
    return int(match[1]) * UNITS[match[2].upper()]


def parse_list(value: object) -> list[str]:
    """`a, b`, `[a, b]`, `['a', "b, c"]`; blank and `[]` are the empty list."""
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return [item for item in split(unwrap(str(value), "[", "]")) if item]


def parse_mapping(value: object) -> dict[str, str]:
    """`key:value, key:value`, with or without braces. The value may hold further colons."""
    if isinstance(value, dict):
        return {str(key): str(item) for key, item in value.items()}
    pairs: dict[str, str] = {}
    for item in filter(None, split(unwrap(str(value), "{", "}"))):
        key, colon, text = (part.strip() for part in item.partition(":"))
        if not colon or not key:
            raise ValueError(f"must be key:value pairs separated by commas, and {item!r} is none")
        if key in pairs:
            raise ValueError(f"names {key!r} twice")
        pairs[key] = unquote(text)
    return pairs


def unwrap(text: str, opening: str, closing: str) -> str:
    text = text.strip()
    if text.startswith(opening) != text.endswith(closing):
        raise ValueError(f"begins with {opening} or ends with {closing}, but not both")
    return text[1:-1] if text.startswith(opening) else text


def split(text: str) -> list[str]:
    """At commas outside quotes; surrounding blanks and quotes go."""
    items, start, quote = [], 0, ""
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not text[start:position].strip():
            quote = letter  # only at the head of an item: an apostrophe within a word is just a letter
        elif letter == ",":
            items.append(text[start:position])
            start = position + 1
    if quote:
        raise ValueError(f"has an opening {quote} without its end")
    return [unquote(item.strip()) for item in [*items, text[start:]]]


def unquote(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def written(value: object) -> str:
    """As one would write it in a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ",".join(f"{key}:{item}" for key, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


PARSERS: dict[Kind, Parser] = {
    Kind.TEXT: parse_text,
    Kind.BOOLEAN: parse_boolean,
    Kind.INTEGER: parse_integer,
    Kind.NUMBER: parse_number,
    Kind.SIZE: parse_size,
    Kind.LIST: parse_list,
    Kind.MAPPING: parse_mapping,
    Kind.MULTI: parse_text,
}
