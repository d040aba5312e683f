"""Which bytes of an image are asked for. Contract: end beyond the size is clipped, several ranges are refused, anything
malformed or outside is not satisfiable."""

from __future__ import annotations

import re

import msgspec

from glancetui.errors import BadRequest, RangeNotSatisfiable

LONGEST = 256  # characters; a longer header cannot be a single range that means anything
_SINGLE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)[ \t]*-[ \t]*([0-9]*)[ \t]*", re.ASCII | re.IGNORECASE)
_LEGACY = re.compile(r"[ \t]*bytes[ \t]+([0-9]+)-([0-9]+)/(\*|[0-9]+)[ \t]*", re.ASCII | re.IGNORECASE)


class Span(msgspec.Struct, frozen=True):
    """`count` bytes from `offset`; at least one."""

    offset: int
    count: int

    @property
    def last(self) -> int:
        return self.offset + self.count - 1


def parse_range(header: str, size: int) -> Span:
    """A Range header: bytes=a-b, bytes=a-, bytes=-n. Raises BadRequest for several ranges, else RangeNotSatisfiable."""
    if "," in header and header.lstrip()[:5].lower() == "bytes":
        raise BadRequest("Several ranges in one request are not served. Ask for one range at a time.")
    match = _SINGLE.fullmatch(header.strip(" \t")) if len(header) <= LONGEST else None
    if match is None or match.group(1) == match.group(2) == "":
        raise _unsatisfiable(header, size)
    first, last = match.groups()
    if first == "":
        count = min(int(last), size)
        return _span(header, size - count, size - 1, size)
    return _span(header, int(first), size - 1 if last == "" else int(last), size)


def parse_content_range(header: str, size: int) -> Span:
    """The range as old clients send it, in Content-Range: bytes a-b/*. Here an end beyond the size is refused."""
    match = _LEGACY.fullmatch(header) if len(header) <= LONGEST else None
    if match is None or match.group(3) not in {"*", str(size)} or int(match.group(2)) >= size:
        raise _unsatisfiable(header, size)
    return _span(header, int(match.group(1)), int(match.group(2)), size)


def _span(header: str, first: int, last: int, size: int) -> Span:
    if first >= size or first > last:
        raise _unsatisfiable(header, size)
    return Span(first, min(last, size - 1) - first + 1)


def _unsatisfiable(header: str, size: int) -> RangeNotSatisfiable:
    shown = header if len(header) <= 60 else header[:60] + "…"
    return RangeNotSatisfiable(f"The range {shown!r} does not fit an image of {size} bytes.", size)
