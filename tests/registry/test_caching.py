"""What nodes have cached, in Glance's own tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import msgspec

from glancetui.registry.caching import CacheEntry
from glancetui.registry.sql import SqlRegistry
from tests.registry.places import Place

HERE, THERE = "http://w1:9292", "http://w2:9292"
THEN = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the database holds times


def entry(image_id: str, minutes: int = 0, **more: object) -> CacheEntry:
    at = THEN + timedelta(minutes=minutes)
    return CacheEntry(image_id=image_id, size=1 << 40, last_accessed=at, last_modified=at, checksum="c" * 32, **more)


def plain(entries: object) -> list[CacheEntry]:
    return [msgspec.structs.replace(each, id=None) for each in entries]  # type: ignore[attr-defined]


def test_a_nodes_entries_come_in_the_order_of_their_last_use(registry: SqlRegistry) -> None:
    for image_id, minutes in (("b", 2), ("a", 3), ("c", 1)):
        registry.put_cache_entry(HERE, entry(image_id, minutes))
    registry.put_cache_entry(THERE, entry("a"))
    assert plain(registry.cache_entries(HERE)) == [entry("c", 1), entry("b", 2), entry("a", 3)]
    assert len({each.id for each in registry.cache_entries(HERE)}) == 3
    assert registry.cache_entries("http://nobody") == []


def test_hits_are_counted_for_the_node_that_had_them(registry: SqlRegistry) -> None:
    registry.put_cache_entry(HERE, entry("a"))
    registry.put_cache_entry(THERE, entry("a"))
    later = THEN + timedelta(hours=1)
    registry.count_cache_hits(HERE, "a", 2, later)
    registry.count_cache_hits(HERE, "a", 1, later)
    registry.count_cache_hits(HERE, "nothing", 1, later)
    (here,), (there,) = registry.cache_entries(HERE), registry.cache_entries(THERE)
    assert (here.hits, here.last_accessed, there.hits, there.last_accessed) == (3, later, 0, THEN)


def test_an_entry_is_replaced_and_dropped_by_its_node_alone(registry: SqlRegistry) -> None:
    for node in (THERE, HERE):
        registry.put_cache_entry(node, entry("a", hits=7))
    registry.put_cache_entry(HERE, entry("a", 5))
    assert registry.nodes_caching("a") == [HERE, THERE]
    assert plain(registry.cache_entries(HERE)) == [entry("a", 5)]
    registry.drop_cache_entries(HERE, ["a", "nothing"])
    registry.drop_cache_entries(HERE, ["a"])
    assert (registry.nodes_caching("a"), registry.nodes_caching("b")) == ([THERE], [])


def test_workers_that_enter_at_once_make_one_node_and_one_entry(place: Place) -> None:
    registry = place.open()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: registry.put_cache_entry(HERE, entry(f"i{number % 2}")), range(16)))
    assert len(registry.cache_entries(HERE)) == 2
    registry.close()
    assert place.rows("SELECT count(*) FROM node_reference") == [(1,)]
