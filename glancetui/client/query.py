"""Which images, in which order."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from glancetui.client.filters import Plan
from glancetui.client.values import RemoteImage
from glancetui.errors import BadRequest

SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
NULLABLE = frozenset({"name", "container_format", "disk_format", "size"})


class SortKey(msgspec.Struct, frozen=True):
    key: str
    descending: bool = False

    def reversed(self) -> SortKey:
        return SortKey(self.key, not self.descending)


DEFAULT_SORT = (SortKey("created_at", descending=True),)


class ImageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask for. `params` are the endpoint's own parameters; `created_at` and `id` always end the order."""

    params: tuple[tuple[str, str], ...] = ()
    sort: tuple[SortKey, ...] = DEFAULT_SORT
    hidden_too: bool = False  # both kinds; only `Client.images` can do that

    @classmethod
    def of(cls, plan: Plan, sort: tuple[SortKey, ...] = DEFAULT_SORT) -> ImageQuery:
        """What the endpoint does of a filter's plan."""
        return cls(params=plan.params, sort=sort, hidden_too=plan.hidden_too)

    @property
    def order(self) -> tuple[SortKey, ...]:
        """The whole order, tie-breakers included; so that reversing every key reverses it exactly."""
        named = {key.key for key in self.sort}
        last = self.sort[-1].descending if self.sort else True
        return (*self.sort, *(SortKey(key, last) for key in ("created_at", "id") if key not in named))

    def reversed(self) -> ImageQuery:
        """The same images from the other end."""
        return msgspec.structs.replace(self, sort=tuple(key.reversed() for key in self.order))

    def only_hidden(self, hidden: bool) -> ImageQuery:
        kept = tuple(pair for pair in self.params if pair[0] != "os_hidden")
        flag = (("os_hidden", "true"),) if hidden else ()
        return msgspec.structs.replace(self, params=(*kept, *flag), hidden_too=False)

    def parameters(self, limit: int, after: str | None) -> list[tuple[str, str]]:
        """The query string's parameters for one page."""
        sort = ",".join(f"{key.key}:{'desc' if key.descending else 'asc'}" for key in self.order)
        marker = [("marker", after)] if after is not None else []
        return [*self.params, ("sort", sort), ("limit", str(limit)), *marker]


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """`exact` or at least so many."""

    number: int
    exact: bool

    def plus(self, other: Count) -> Count:
        return Count(number=self.number + other.number, exact=self.exact and other.exact)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `more`: there may be images beyond it."""

    images: tuple[RemoteImage, ...]
    more: bool
    etag: str | None = None


def parse_sort(source: str) -> tuple[SortKey, ...]:
    """Read `column:dir,…`; without a direction, ascending. Raises BadRequest."""
    keys = [sort_key_of(part.strip()) for part in source.split(",") if part.strip()]
    names = [key.key for key in keys]
    if not keys or len(set(names)) != len(names):
        raise BadRequest(f"Name each column to sort by once, as in name:asc,size:desc; {source!r} does not.")
    return tuple(keys)


def sort_key_of(part: str) -> SortKey:
    name, _, direction = part.partition(":")
    key = {"created": "created_at", "updated": "updated_at", "format": "disk_format"}.get(name.lower(), name.lower())
    if key not in SORT_KEYS:
        raise BadRequest(f"Images cannot be sorted by {name!r}; they can by {', '.join(SORT_KEYS)}.")
    if direction not in {"", "asc", "desc"}:
        raise BadRequest(f"The direction of {name} is asc or desc, not {direction!r}.")
    return SortKey(key, direction == "desc")


def compare(order: Sequence[SortKey], one: RemoteImage, other: RemoteImage) -> int:
    """Negative if `one` comes first. What is not set is the smallest value."""
    for key in order:
        a, b = sortable(getattr(one, key.key)), sortable(getattr(other, key.key))
        if a != b:
            return (-1 if a < b else 1) * (-1 if key.descending else 1)
    return 0


def sortable(value: object) -> tuple[bool, str | int | float]:
    if isinstance(value, datetime):
        return True, value.isoformat()
    return (True, value) if isinstance(value, str | int) else (False, 0)


def in_order(query: ImageQuery, images: Iterable[RemoteImage]) -> list[RemoteImage]:
    """Sort here, as the endpoint should."""
    return sorted(images, key=functools.cmp_to_key(functools.partial(compare, query.order)))


def merged(query: ImageQuery, streams: Sequence[Iterable[RemoteImage]]) -> Iterator[RemoteImage]:
    """One stream out of several that are each in order."""
    return heapq.merge(*streams, key=functools.cmp_to_key(functools.partial(compare, query.order)))
