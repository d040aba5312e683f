"""How each database goes about a page: from an index to the rows it names, never through a whole table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from glancetui.model import Viewer
from glancetui.registry.interface import Between, ImageQuery, OneOf, PropertyIs, Sort, TimeIs
from glancetui.registry.sql import SqlRegistry, counting, listing
from glancetui.registry.sql.statement import Prepared
from tests.registry import crowd
from tests.registry.making import ADMIN, viewer
from tests.registry.places import KINDS, Kept, Place

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
            yield from read_through((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def read_through(node: dict[str, Any]) -> Iterator[str]:
    if node.get("Relation Name") in TABLES and ("Index Cond" not in node or node.get("Index Name") in POOR):
        yield f"{node['Node Type']} {node['Relation Name']} {node.get('Index Name')}"
    for part in node.get("Plans", ()):
        yield from read_through(part)


@pytest.fixture(
    scope="module", params=[pytest.param(kind, marks=pytest.mark.xdist_group(f"plans-{kind}")) for kind in KINDS]
)
def place(request: pytest.FixtureRequest, kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A full database of each kind, which no test changes."""
    for bare in kept.bare(request.param, tmp_path_factory.mktemp("crowd")):
        bare.open().close()
        crowd.fill(bare)
        yield bare


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


NARROWED: tuple[dict[str, Any], ...] = (
    {},
    {"tags": ("batch 1",)},
    {"filters": (PropertyIs(name="batch", value="batch 1"),)},
    {"filters": (OneOf(field="name", values=("image 1",)), Between(field="size", least=1))},
    {"filters": (OneOf(field="name", values=("image 1", "image 2")), Between(field="size", most=9))},
    {"filters": (OneOf(field="checksum", values=("sum 1", "sum 2")),)},
    {"filters": (TimeIs(field="updated_at", op="gt", at=crowd.EARLY),)},
    {"filters": (TimeIs(field="updated_at", op="gt", at=crowd.LATE),)},
    {"visibility": "shared"},
    {"visibility": "community"},
    {"marker": crowd.PUBLIC_IMAGE},
)


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("few", [0, 2000], ids=["walking", "driving"])
@pytest.mark.parametrize(
    "who",
    [ADMIN, viewer(crowd.PROJECT), viewer("project-1"), viewer(None)],
    ids=["admin", "large", "small", "anybody"],
)
def test_no_page_reads_a_whole_table(
    registry: SqlRegistry,
    watched: list[tuple[str, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    who: Viewer,
) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    monkeypatch.setattr(counting, "MOST", few)
    for key in ("created_at", "name", "size", "id"):
        for narrowed in NARROWED:
            registry.page(ImageQuery(viewer=who, limit=5, sort=(Sort(key, "desc"),), **narrowed))
    for narrowed in NARROWED:
        registry.count(ImageQuery(viewer=who, limit=5, **narrowed))
    assert len(watched) > 5 * len(NARROWED)
    assert [(found, text) for text, found in watched if found] == []


def test_one_image_is_found_by_its_id(registry: SqlRegistry, watched: list[tuple[str, list[str]]]) -> None:
    for who in (ADMIN, viewer(crowd.PROJECT)):
        registry.image(crowd.PUBLIC_IMAGE, who)
    assert [found for _, found in watched] == [[], []]
