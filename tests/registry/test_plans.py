"""How each database goes about a page: from an index to the rows it names, never through a whole table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from glancetui.model import Viewer
from glancetui.registry.interface import Between, ImageQuery, OneOf, PropertyIs, Sort, TimeIs
from glancetui.registry.sql import SqlRegistry, listing
from glancetui.registry.sql.statement import Prepared
from tests.registry.making import ADMIN, made, viewer
from tests.registry.places import Place

TABLES = frozenset({"images", "image_tags", "image_properties", "image_members", "image_locations", "gt_images"})
#: Indexes that hold nearly all images under one value: to go by them is to read the whole table.
POOR = frozenset({"visibility_image_idx", "os_hidden_image_idx", *(f"ix_{table}_deleted" for table in TABLES)})


def scans(kind: str, db: sa.Connection, text: str, values: tuple[object, ...]) -> Iterator[str]:
    """The tables that a statement reads from end to end, with what the database says of it."""
    match kind:
        case "sqlite":
            for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values):
                words = [*row[3].split(), ""]
                if words[1] in TABLES and (words[0] == "SCAN" or POOR.intersection(words)):
                    yield row[3]
        case "mariadb":
            for row in db.exec_driver_sql(f"EXPLAIN {text}", values).mappings():
                if row["table"] in TABLES and (row["type"] in {"ALL", "index"} or row["key"] in POOR):
                    yield f"{row['type']} {row['table']} {row['key']}"
        case _:
            [(plan,)] = db.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", values).fetchall()
            # A count ends early. Its index PostgreSQL chooses by statistics, of which a new table has none.
            poor = frozenset() if text.startswith("SELECT (SELECT count") else POOR
            yield from read_through((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"], poor)


def read_through(node: dict[str, Any], poor: frozenset[str]) -> Iterator[str]:
    if node.get("Relation Name") in TABLES and ("Index Cond" not in node or node.get("Index Name") in poor):
        yield f"{node['Node Type']} {node['Relation Name']} {node.get('Index Name')}"
    for part in node.get("Plans", ()):
        yield from read_through(part, poor)


@pytest.fixture
def watched(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Each statement that a page runs, and its scans."""
    seen: list[tuple[str, list[str]]] = []
    run = Prepared.rows

    def explained(self: Prepared, db: sa.Connection, values: dict[str, object]) -> object:
        seen.append((self.text, list(scans(place.kind, db, self.text, self.bound(values)))))
        return run(self, db, values)

    monkeypatch.setattr(Prepared, "rows", explained)
    return seen


@pytest.mark.parametrize("few", [0, 2000], ids=["walking", "driving"])
@pytest.mark.parametrize("who", [ADMIN, viewer("p"), viewer(None)], ids=["admin", "project", "anybody"])
def test_no_page_reads_a_whole_table(
    registry: SqlRegistry,
    watched: list[tuple[str, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    who: Viewer,
) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    image = made(registry, visibility="public", name="a", tags=("t",), properties={"a": "b"})
    for key in ("created_at", "name", "size", "status", "id", "updated_at"):
        for narrowed in (
            {},
            {"tags": ("t",)},
            {"filters": (PropertyIs(name="a", value="b"),)},
            {"filters": (OneOf(field="name", values=("a",)), Between(field="size", least=1))},
            {"filters": (TimeIs(field="updated_at", op="gt", at=image.created_at),)},
            {"marker": image.id},
        ):
            registry.page(ImageQuery(viewer=who, limit=5, sort=(Sort(key, "desc"),), **narrowed))
    assert watched
    assert [(found, text) for text, found in watched if found] == []


def test_one_image_is_found_by_its_id(registry: SqlRegistry, watched: list[tuple[str, list[str]]]) -> None:
    image = made(registry)
    for who in (ADMIN, viewer("p")):
        registry.image(image.id, who)
    assert [found for _, found in watched] == [[], []]
