"""The comparison operators that values on flavors, aggregates and images are written with, as Nova's filters read them.

`s== x`, `<or> a <or> b`, `<in> part`, `<all-in> a b`, `<range-in> [ 1 5 ]`, `>= 4` …: the operator stands before what
is compared.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Kind = Literal["values", "parts", "numbers"]

_TEXT = ("s==", "s!=", "s<=", "s>=", "s<", "s>")
_NUMBER = ("==", "!=", "<=", ">=", "=")
_RANGE = re.compile(r"\s*[\[(]\s*(\S+)\s+(\S+?)\s*[\])]\s*")


class Comparison(msgspec.Struct, frozen=True):
    """`values` are whole values of the property, `parts` parts of one, `numbers` to be compared with one."""

    operator: str
    kind: Kind
    operands: tuple[str, ...]


def read(value: str) -> Comparison | None:
    """None: no operator, the value stands for itself."""
    word, _, rest = value.strip().partition(" ")
    if word == "<or>":
        return Comparison(word, "values", tuple(part.strip() for part in rest.split("<or>") if part.strip()))
    if word == "<all-in>":
        return Comparison(word, "values", tuple(rest.split()))
    if word == "<in>":
        return Comparison(word, "parts", (rest.strip(),))
    if word == "<range-in>":
        found = _RANGE.fullmatch(rest)
        return Comparison(word, "numbers", found.groups() if found else (rest.strip(),))
    if word in _TEXT:
        return Comparison(word, "values", (rest.strip(),))
    if word in _NUMBER:
        return Comparison(word, "numbers", (rest.strip(),))
    return None
