"""The query strings of the lists of metadata definitions, read into queries; and the links to their next pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from glancetui.errors import BadRequest
from glancetui.model import Viewer
from glancetui.registry.metadefs import ItemKey, ItemQuery, NamespaceKey, NamespaceQuery, SortDirection
from glancetui.server.listing import Pair, limit_of, link_to, one_of, pairs_of

_DIRECTIONS = frozenset(get_args(SortDirection))
_NAMESPACE_KEYS = frozenset(get_args(NamespaceKey))
_ITEM_KEYS = frozenset(get_args(ItemKey))
_MAX_RESOURCE_TYPES = 100
_MAX_MARKER = 255  # characters


class Listing(msgspec.Struct, frozen=True):
    """`kept`: the parameters that a link to another page repeats."""

    path: str
    kept: tuple[Pair, ...]

    def first(self) -> str:
        return link_to(self.path, self.kept)

    def next(self, marker: str | None) -> str | None:
        return None if marker is None else link_to(self.path, (*self.kept, ("marker", marker)))


class NamespaceListing(msgspec.Struct, frozen=True):
    query: NamespaceQuery
    links: Listing


class ItemListing(msgspec.Struct, frozen=True):
    query: ItemQuery
    links: Listing

    def following(self, found: Sequence[Any]) -> str | None:
        """The link to the page after `found`, where that may not be the last. Any: each kind of item has a name."""
        full = self.query.limit is not None and len(found) == self.query.limit
        return self.links.next(found[-1].name) if full and found else None


def read_namespaces(path: str, raw: bytes, *, default_limit: int, max_limit: int, max_filters: int) -> NamespaceListing:
    """Raises BadRequest that names the parameter. The query's viewer is nobody yet."""
    pairs, values = _read(raw, max_filters)
    types = values.get("resource_types")
    names = None if types is None else tuple(dict.fromkeys(types.split(",")))
    if names is not None and len(names) > _MAX_RESOURCE_TYPES:
        raise BadRequest(f"resource_types takes at most {_MAX_RESOURCE_TYPES} names.")
    limit = _limit(values, least=0)
    query = NamespaceQuery(
        viewer=Viewer(project=None, is_admin=False),
        limit=min(default_limit if limit is None else limit, max_limit),
        visibility=_visibility(values, ("public", "private")),
        resource_types=names,
        **_order(values, _NAMESPACE_KEYS),
    )
    return NamespaceListing(query, Listing(path, _kept(pairs)))


def read_items(
    path: str,
    namespace: str,
    raw: bytes,
    *,
    max_filters: int,
    least: int = 0,
    key: ItemKey = "name",
    direction: SortDirection = "asc",
) -> ItemListing:
    """Without a limit the list is whole, since no client of Glance follows a link here. `least`: the smallest limit;
    `key`, `direction`: the order where none is asked for. Raises BadRequest."""
    pairs, values = _read(raw, max_filters)
    _visibility(values, ("public", "private", "shared"))  # means nothing here, but Glance refuses other words
    query = ItemQuery(
        namespace=namespace,
        limit=_limit(values, least=least),
        **{"key": key, "direction": direction, **_order(values, _ITEM_KEYS)},
    )
    return ItemListing(query, Listing(path, _kept(pairs)))


def _read(raw: bytes, most: int) -> tuple[list[Pair], dict[str, str]]:
    pairs = pairs_of(raw)
    if len(pairs) > most:
        raise BadRequest(f"A listing has at most {most} parameters, and this has {len(pairs)}.")
    return pairs, dict(pairs)


def _limit(values: Mapping[str, str], *, least: int) -> int | None:
    text = values.get("limit")
    return limit_of(text, least) if text else None


def _visibility(values: Mapping[str, str], allowed: Sequence[str]) -> Any:  # noqa: ANN401 - one of `allowed`
    text = values.get("visibility")
    return one_of("visibility", text, frozenset(allowed)) if text else None


def _order(values: Mapping[str, str], keys: frozenset[str]) -> dict[str, Any]:
    """What the caller says of the order, and where it goes on; what it leaves out has the query's default."""
    found: dict[str, Any] = {}
    if "sort_key" in values:
        found["key"] = one_of("sort_key", values["sort_key"], keys)
    if "sort_dir" in values:
        found["direction"] = one_of("sort_dir", values["sort_dir"], _DIRECTIONS)
    marker = values.get("marker")
    if marker:
        if len(marker) > _MAX_MARKER:
            raise BadRequest("marker is a name from the page before.")
        found["marker"] = marker
    return found


def _kept(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    return tuple(pair for pair in pairs if pair[0] != "marker")
