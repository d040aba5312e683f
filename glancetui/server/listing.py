"""The query string of GET /v2/images, read into a query; and the links to the first and the next page."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args
from urllib.parse import quote_plus, unquote_to_bytes

import msgspec

from glancetui.errors import BadRequest
from glancetui.model import Viewer
from glancetui.registry.interface import (
    Between,
    Direction,
    Filter,
    ImageQuery,
    OneOf,
    PropertyIs,
    Sort,
    SortKey,
    TimeIs,
)

Pair = tuple[str, str]

_PATH = "/v2/images"

_SORT_KEYS: frozenset[str] = frozenset(get_args(SortKey))
_DIRECTIONS: frozenset[str] = frozenset(get_args(Direction))
_VISIBILITIES = frozenset({"public", "private", "shared", "community", "all"})
_MEMBER_STATUSES = frozenset({"pending", "accepted", "rejected", "all"})
_TIME_OPERATORS = frozenset({"gt", "gte", "lt", "lte", "eq", "neq"})
_WITH_OPERATORS = frozenset({"name", "id", "status", "container_format", "disk_format"})
_PLAIN = frozenset({"owner", "checksum", "os_hash_value", "os_hash_algo"})
_NUMBERS = frozenset({"min_ram", "min_disk", "size", "virtual_size"})
_TIMES = frozenset({"created_at", "updated_at"})
_RANGES: Mapping[str, tuple[str, str]] = {
    f"{field}_{end}": (field, bound) for field in sorted(_NUMBERS) for end, bound in (("min", "least"), ("max", "most"))
}
_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII)  # no more digits than the database's integers hold
_BEYOND = re.compile(r"\s*\+?[0-9]{19,}\s*", re.ASCII)
_COARSE_TIME = re.compile(r"[0-9]{4}(-[0-9]{2})?", re.ASCII)
_MAX_VALUES = 1000  # of one `in:`
_MAX_MARKER = 255  # characters


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """`kept`: the parameters that a link to another page repeats."""

    query: ImageQuery
    kept: tuple[Pair, ...]

    def first(self) -> str:
        return link_to(_PATH, self.kept)

    def next(self, marker: str) -> str:
        return link_to(_PATH, (*self.kept, ("marker", marker)))


def read_listing(raw: bytes, viewer: Viewer, *, default_limit: int, max_limit: int, max_filters: int) -> Listing:
    """`raw` is the query string as it came. Raises BadRequest that names the parameter."""
    pairs = pairs_of(raw)
    if len(pairs) > max_filters:
        raise BadRequest(f"A listing has at most {max_filters} parameters, and this has {len(pairs)}.")
    reader = _Reader()
    for name, value in pairs:
        reader.take(name, value)
    fields = reader.fields
    limit = min(fields.pop("limit", default_limit), max_limit)
    query = ImageQuery(
        viewer=viewer,
        limit=limit,
        sort=_sorting(reader.sort, reader.sort_keys, reader.sort_dirs),
        filters=tuple(reader.filters),
        tags=tuple(dict.fromkeys(reader.tags)),
        **fields,
    )
    return Listing(query=query, kept=tuple(pair for pair in pairs if pair[0] != "marker"))


def pairs_of(raw: bytes) -> list[Pair]:
    """The parameters of a query string, in order. Raises BadRequest for what is no text."""
    return [_pair(part) for part in raw.split(b"&") if part]


def _pair(part: bytes) -> Pair:
    name, _, value = part.partition(b"=")
    return _decoded(name), _decoded(value)


def _decoded(quoted: bytes) -> str:
    try:
        text = unquote_to_bytes(quoted.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(
            "The query string is not UTF-8. Encode names and values as UTF-8, then percent-encode."
        ) from error
    if "\0" in text:
        raise BadRequest("The query string holds a NUL character. Remove it.")
    return text


def link_to(path: str, pairs: Sequence[Pair]) -> str:
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    return f"{path}?{query}" if query else path


class _Reader:
    """Collects what parameters mean, one after the other. Of a parameter that has one value, the last stands."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}  # fields of ImageQuery by name
        self.filters: list[Filter] = []
        self.tags: list[str] = []
        self.sort: list[str] = []
        self.sort_keys: list[str] = []
        self.sort_dirs: list[str] = []

    def take(self, name: str, value: str) -> None:
        named = _NAMED.get(name)
        if named is not None:
            named(self, value)
        else:
            self.filters.append(_filter(name, value))

    def _limit(self, value: str) -> None:
        self.fields["limit"] = limit_of(value)

    def _marker(self, value: str) -> None:
        if len(value) > _MAX_MARKER:
            raise BadRequest("marker is the id of an image.")
        self.fields["marker"] = value

    def _visibility(self, value: str) -> None:
        self.fields["visibility"] = one_of("visibility", value, _VISIBILITIES) if value else None

    def _member_status(self, value: str) -> None:
        self.fields["member_status"] = one_of("member_status", value, _MEMBER_STATUSES)

    def _os_hidden(self, value: str) -> None:
        self.fields["os_hidden"] = one_of("os_hidden", value.lower(), {"true", "false"}) == "true"

    def _protected(self, value: str) -> None:
        self.fields["protected"] = one_of("protected", value, {"true", "false"}) == "true"

    def _search(self, value: str) -> None:
        self.fields["search"] = value or None

    def _tag(self, value: str) -> None:
        self.tags.append(value.strip())

    def _sort(self, value: str) -> None:
        self.sort += value.split(",")

    def _sort_key(self, value: str) -> None:
        self.sort_keys.append(value)

    def _sort_dir(self, value: str) -> None:
        self.sort_dirs.append(value)

    def _changes_since(self, _value: str) -> None:
        raise BadRequest("changes-since is gone from version 2. Filter by updated_at=gte:TIME instead.")

    def _nothing(self, _value: str) -> None:
        """`deleted`: deleted images are never listed, whatever is asked."""


_NAMED: Mapping[str, Callable[[_Reader, str], None]] = {
    "limit": _Reader._limit,
    "marker": _Reader._marker,
    "visibility": _Reader._visibility,
    "member_status": _Reader._member_status,
    "os_hidden": _Reader._os_hidden,
    "protected": _Reader._protected,
    "q": _Reader._search,
    "tag": _Reader._tag,
    "sort": _Reader._sort,
    "sort_key": _Reader._sort_key,
    "sort_dir": _Reader._sort_dir,
    "changes-since": _Reader._changes_since,
    "deleted": _Reader._nothing,
}


def _filter(name: str, value: str) -> Filter:
    if name in _WITH_OPERATORS:
        return OneOf(field=cast("Any", name), values=_values(name, value))
    if name in _TIMES:
        return _time(name, value)
    if name in _RANGES:
        field, bound = _RANGES[name]
        return Between(field=cast("Any", field), **{bound: number_of(name, value)})
    if name in _NUMBERS:
        # What is no number equals no image's; nor does any image have a negative one.
        return OneOf(field=cast("Any", name), values=(int(value) if _WHOLE_NUMBER.fullmatch(value) else -1,))
    if name in _PLAIN:
        return OneOf(field=cast("Any", name), values=(value,))
    if not name:
        raise BadRequest("A filter needs a name before its =.")
    return PropertyIs(name=name, value=value)


def _values(name: str, value: str) -> tuple[str, ...]:
    operator, colon, operand = value.partition(":")
    if not colon:
        return (value,)
    if operator == "eq":
        return (operand,)
    if operator != "in":
        raise BadRequest(
            f"{name} knows the operators eq: and in:, not {operator[:40]}:. Write eq: before a value with a colon."
        )
    values = tuple(dict.fromkeys(split_values(operand)))
    if len(values) > _MAX_VALUES:
        raise BadRequest(f"in: takes at most {_MAX_VALUES} values.")
    return values


def split_values(text: str) -> list[str]:
    r"""Values separated by commas. One in double quotes may hold commas, and \" for a quote. Nothing is a value behind
    the last comma, as in Glance. Raises BadRequest."""
    values: list[str] = []
    at = 0
    while at < len(text):
        value, at = _quoted(text, at + 1) if text.startswith('"', at) else _bare(text, at)
        values.append(value)
        if not text.startswith(",", at) and at < len(text):
            raise BadRequest("In a list of values a closing quote must be followed by a comma or the end.")
        at += 1
    return values


def _bare(text: str, start: int) -> tuple[str, int]:
    end = text.find(",", start)
    end = len(text) if end < 0 else end
    value = text[start:end].replace('\\"', "\0")  # no NUL came through the decoding, so it can stand for \"
    if '"' in value:
        raise BadRequest('In a list of values a quote must open the value, or be written as \\".')
    return value.replace("\0", '"'), end


def _quoted(text: str, start: int) -> tuple[str, int]:
    value = []
    at = start
    while at < len(text):
        if text.startswith('\\"', at):
            value.append('"')
            at += 2
        elif text[at] == '"':
            return "".join(value), at + 1
        else:
            value.append(text[at])
            at += 1
    raise BadRequest("In a list of values a quote is opened and never closed.")


def _time(name: str, value: str) -> TimeIs:
    """A time holds colons itself, so a value that is a time as it stands has no operator."""
    field = cast("Literal['created_at', 'updated_at']", name)
    whole = _parsed_time(value)
    if whole is not None:
        return TimeIs(field=field, op="eq", at=whole)
    operator, _, operand = value.partition(":")
    at = _parsed_time(operand)
    if operator not in _TIME_OPERATORS or at is None:
        raise BadRequest(f"{name} needs a time in ISO 8601, after one of gt: gte: lt: lte: eq: neq: or none.")
    return TimeIs(field=field, op=cast("Any", operator), at=at)


def _parsed_time(text: str) -> datetime | None:
    """UTC without zone; of a year or a month its beginning. A + that was not percent-encoded has become a space, and is
    taken back."""
    text = text.strip()
    if _COARSE_TIME.fullmatch(text):
        text = (text + "-01-01")[:10]
    try:
        at = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    except ValueError:
        return None
    try:
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except OverflowError:
        return None


def limit_of(value: str, least: int = 0) -> int:
    """How many a page may hold: any number, since the service cuts it to what it allows. Raises BadRequest."""
    limit = sys.maxsize if _BEYOND.fullmatch(value) else number_of("limit", value)
    if limit < least:
        raise BadRequest(f"limit must be at least {least}.")
    return limit


def number_of(name: str, value: str) -> int:
    """Raises BadRequest that names the parameter."""
    if not _WHOLE_NUMBER.fullmatch(value):
        raise BadRequest(f"{name} must be a whole number.")
    return int(value)


def one_of(name: str, value: str, allowed: frozenset[str] | set[str]) -> str:
    if value not in allowed:
        raise BadRequest(f"{name} must be one of {', '.join(sorted(allowed))}.")
    return value


def _sorting(sort: list[str], keys: list[str], dirs: list[str]) -> tuple[Sort, ...]:
    if sort and (keys or dirs):
        raise BadRequest("sort stands alone: leave out sort_key and sort_dir.")
    if sort:
        halves = [part.partition(":") for part in sort]
        return _sorts([key for key, _, _ in halves], [direction or "desc" for _, _, direction in halves])
    if len(dirs) > 1 and len(dirs) != len(keys):
        raise BadRequest("Give one sort_dir for all sort_keys, or one for each.")
    keys = keys or ["created_at"]
    return _sorts(keys, dirs if len(dirs) > 1 else (dirs or ["desc"]) * len(keys))


def _sorts(keys: list[str], dirs: list[str]) -> tuple[Sort, ...]:
    """A key named again adds nothing to the order, so the first stands."""
    found: dict[str, Sort] = {}
    for key, direction in zip((key.strip() for key in keys), (d.strip() for d in dirs), strict=True):
        one_of("The sort key", key, _SORT_KEYS)
        one_of("The sort direction", direction, _DIRECTIONS)
        found.setdefault(key, Sort(cast("SortKey", key), cast("Direction", direction)))
    return tuple(found.values())
