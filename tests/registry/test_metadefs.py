"""Metadata definitions in the database: who sees them, in what order, and all or nothing."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from glancetui.definitions.files import MOST
from glancetui.errors import Duplicate, Forbidden, LimitExceeded, NotFound
from glancetui.metadefs import files
from glancetui.metadefs.documents import namespace_of
from glancetui.model import Viewer
from glancetui.registry.metadefs import (
    ItemQuery,
    MetadefProperty,
    NamespaceFields,
    NamespaceKey,
    NamespaceQuery,
    NewAssociation,
    NewNamespace,
    NewObject,
    SortDirection,
)
from glancetui.registry.sql import SqlRegistry
from glancetui.registry.values import Actor

ADMIN = Viewer(project="ops", is_admin=True)
P1, P2, NOBODY = (Viewer(project=project, is_admin=False) for project in ("p1", "p2", None))
SPELT_OTHERWISE = Viewer(project="P1", is_admin=False)  # the same to MySQL's collation
WHO = Actor(project="ops", user="u")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
TEXT = '{"title":"T","type":"string"}'


def new(name: str, owner: str = "p1", **parts: Any) -> NewNamespace:
    """`properties`, `objects`, `tags`, `types` are names; the others are the namespace's own attributes."""
    inside = {kind: parts.pop(kind, ()) for kind in ("properties", "objects", "tags", "types")}
    return NewNamespace(
        fields=NamespaceFields(name=name, owner=owner, **parts),
        associations=tuple(NewAssociation(name=each, prefix="x:") for each in inside["types"]),
        properties=tuple(MetadefProperty(name=each, definition=TEXT) for each in inside["properties"]),
        objects=tuple(NewObject(name=each) for each in inside["objects"]),
        tags=inside["tags"],
    )


def make(registry: SqlRegistry, name: str, owner: str = "p1", **more: object) -> None:
    registry.create_metadef_namespace(new(name, owner, **more), WHO)


def kinds(registry: SqlRegistry) -> list[str]:
    return [event.kind for event in registry.events_after(0, 1000)]


def test_namespace_is_made_with_all_that_lies_in_it_and_told_of(registry: SqlRegistry) -> None:
    made = registry.create_metadef_namespace(
        new("A", properties=("p", "q"), objects=("o",), tags=("t",), types=("OS::X",)), WHO
    )
    assert made == registry.metadef_contents("A", P1)
    assert [each.name for each in made.properties] == ["p", "q"]
    assert made.namespace.associations[0].prefix == "x:"
    assert kinds(registry) == [
        "metadef_namespace.create", "metadef_resource_type.create", "metadef_property.create",
        "metadef_property.create", "metadef_object.create", "metadef_tag.create",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "broken",
    [
        new("A"),
        new("B", properties=("p", "p")),
        new("B", objects=("o", "o")),
        new("B", tags=("t", "t"), properties=("p",)),
        new("B", types=("OS::X", "OS::X"), tags=("t",)),
    ],
)
def test_namespace_that_cannot_be_made_whole_is_not_made_at_all(registry: SqlRegistry, broken: NewNamespace) -> None:
    make(registry, "A", types=("OS::X",))
    told = kinds(registry)
    with pytest.raises(Duplicate):
        registry.create_metadef_namespace(broken, WHO)
    with pytest.raises(NotFound):
        registry.metadef_namespace("B", ADMIN)
    assert [each.name for each in registry.metadef_namespaces(NamespaceQuery(viewer=ADMIN, limit=10))] == ["A"]
    assert kinds(registry) == told


def test_private_namespace_is_seen_by_its_project_and_administrators(registry: SqlRegistry) -> None:
    make(registry, "private")
    make(registry, "public", visibility="public")
    seen = {
        viewer: {each.name for each in registry.metadef_namespaces(NamespaceQuery(viewer=viewer, limit=10))}
        for viewer in (ADMIN, P1, P2, SPELT_OTHERWISE, NOBODY)
    }
    assert seen[ADMIN] == seen[P1] == {"private", "public"}
    assert seen[P2] == seen[SPELT_OTHERWISE] == seen[NOBODY] == {"public"}
    for viewer in (P2, SPELT_OTHERWISE, NOBODY):
        with pytest.raises(NotFound):
            registry.metadef_namespace("private", viewer)
        with pytest.raises(NotFound):
            registry.metadef_contents("private", viewer)
        with pytest.raises(NotFound):
            registry.metadef_namespaces(NamespaceQuery(viewer=viewer, limit=1, marker="private"))


KEYS: tuple[NamespaceKey, ...] = get_args(NamespaceKey)
DIRECTIONS: tuple[SortDirection, ...] = get_args(SortDirection)


@pytest.fixture
def several(registry: SqlRegistry) -> SqlRegistry:
    """Equal and missing values in every column that can be sorted by."""
    clock = itertools.count()
    registry._clock = lambda: NEW_YEAR + timedelta(seconds=next(clock) // 3)
    for number, (display, visibility, protected) in enumerate(
        itertools.product((None, "a", "b"), ("public", "private"), (False, True))
    ):
        fields = {"display_name": display, "visibility": visibility, "protected": protected}
        document = new(f"n{number % 5}{number}", f"p{number % 2}", **fields)
        if number % 3:
            registry.create_metadef_namespace(document, WHO)
        else:
            registry.load_metadef_namespace(document, "new", False, WHO)  # leaves updated_at null
    return registry


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_order_is_paged_through_with_each_namespace_once(
    several: SqlRegistry, key: NamespaceKey, direction: SortDirection
) -> None:
    def page(limit: int, marker: str | None) -> list[str]:
        query = NamespaceQuery(viewer=ADMIN, limit=limit, key=key, direction=direction, marker=marker)
        return [each.name for each in several.metadef_namespaces(query)]

    whole = page(100, None)
    assert len(whole) == 12
    paged: list[str] = []
    while found := page(5, paged[-1] if paged else None):
        paged += found
    assert paged == whole
    found = several.metadef_namespaces(NamespaceQuery(viewer=ADMIN, limit=100, key=key, direction=direction))
    values = [getattr(each, "name" if key == "namespace" else key) for each in found]
    nulls_first = sorted(values, key=lambda value: (value is not None, value))
    assert values == (nulls_first if direction == "asc" else nulls_first[::-1])


def test_namespaces_are_found_by_any_of_several_resource_types(registry: SqlRegistry) -> None:
    make(registry, "A", types=("OS::X", "OS::Y"))
    make(registry, "B", types=("OS::Z",))
    make(registry, "C")
    query = NamespaceQuery(viewer=ADMIN, limit=9, key="namespace", direction="asc", resource_types=("OS::Y", "OS::Z"))
    assert [each.name for each in registry.metadef_namespaces(query)] == ["A", "B"]


Remove = Callable[[SqlRegistry], None]
REMOVALS: dict[str, Remove] = {
    "namespace": lambda registry: registry.delete_metadef_namespace("A", WHO),
    "property": lambda registry: registry.remove_metadef_item("A", "property", "p", WHO),
    "objects": lambda registry: registry.remove_metadef_items("A", "object", WHO),
    "tag": lambda registry: registry.remove_metadef_item("A", "tag", "t", WHO),
    "association": lambda registry: registry.remove_metadef_association("A", "OS::X", WHO),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_nothing_is_removed_from_a_protected_namespace(registry: SqlRegistry, removal: str) -> None:
    make(registry, "A", protected=True, properties=("p",), objects=("o",), tags=("t",), types=("OS::X",))
    before, told = registry.metadef_contents("A", ADMIN), kinds(registry)
    with pytest.raises(Forbidden):
        REMOVALS[removal](registry)
    assert registry.metadef_contents("A", ADMIN) == before
    assert kinds(registry) == told


def test_deleting_a_namespace_takes_along_what_lies_in_it_and_leaves_resource_types(registry: SqlRegistry) -> None:
    make(registry, "A", properties=("p",), objects=("o",), tags=("t",), types=("OS::X",))
    registry.delete_metadef_namespace("A", WHO)
    with pytest.raises(NotFound):
        registry.metadef_properties(ItemQuery(namespace="A"))
    assert [each.name for each in registry.metadef_resource_types(None, None)] == ["OS::X"]
    make(registry, "A")
    assert registry.metadef_contents("A", ADMIN).properties == ()


def test_names_that_are_taken_are_duplicates_and_change_nothing(registry: SqlRegistry) -> None:
    make(registry, "A", properties=("p", "q"), objects=("o", "r"), tags=("t", "u"), types=("OS::X",))
    make(registry, "B")
    before = registry.metadef_contents("A", ADMIN)
    taken: list[Callable[[], object]] = [
        lambda: registry.change_metadef_namespace("A", NamespaceFields(name="B", owner="p1"), WHO),
        lambda: registry.add_metadef_property("A", MetadefProperty(name="p", definition=TEXT), 9, WHO),
        lambda: registry.change_metadef_property("A", "p", MetadefProperty(name="q", definition=TEXT), WHO),
        lambda: registry.add_metadef_object("A", NewObject(name="o"), 9, WHO),
        lambda: registry.change_metadef_object("A", "o", NewObject(name="r"), WHO),
        lambda: registry.add_metadef_tags("A", ["new", "t"], False, 9, WHO),
        lambda: registry.add_metadef_tags("A", ["new", "new"], True, 9, WHO),
        lambda: registry.rename_metadef_tag("A", "t", "u", WHO),
        lambda: registry.add_metadef_association("A", NewAssociation(name="OS::X"), WHO),
    ]
    for call in taken:
        with pytest.raises(Duplicate):
            call()
    assert registry.metadef_contents("A", ADMIN) == before


def test_namespace_holds_no_more_than_it_may(registry: SqlRegistry) -> None:
    make(registry, "A", properties=("p",), objects=("o",), tags=("t",))
    full: list[Callable[[], object]] = [
        lambda: registry.add_metadef_property("A", MetadefProperty(name="q", definition=TEXT), 1, WHO),
        lambda: registry.add_metadef_object("A", NewObject(name="q"), 1, WHO),
        lambda: registry.add_metadef_tags("A", ["u"], False, 1, WHO),
        lambda: registry.add_metadef_tags("A", ["u", "v"], True, 1, WHO),
    ]
    for call in full:
        with pytest.raises(LimitExceeded):
            call()
    assert [tag.name for tag in registry.metadef_tags(ItemQuery(namespace="A"))] == ["t"]


def test_items_are_paged_by_name(registry: SqlRegistry) -> None:
    make(registry, "A", tags=tuple("dacbe"))
    first = registry.metadef_tags(ItemQuery(namespace="A", limit=2))
    rest = registry.metadef_tags(ItemQuery(namespace="A", marker="b"))
    assert [[tag.name for tag in page] for page in (first, rest)] == [["a", "b"], ["c", "d", "e"]]
    newest = registry.metadef_tags(ItemQuery(namespace="A", key="created_at", direction="desc", marker="c", limit=1))
    assert [tag.name for tag in newest] == ["a"]
    with pytest.raises(NotFound):
        registry.metadef_tags(ItemQuery(namespace="A", marker="nope"))


def test_loading_twice_changes_nothing_the_second_time(registry: SqlRegistry) -> None:
    document = new("A", properties=("p",), objects=("o",), tags=("t",), types=("OS::X",))
    for how in ("new", "merge", "prefer-new", "overwrite"):
        registry.load_metadef_namespace(document, how, False, WHO)
        told = kinds(registry)
        assert registry.load_metadef_namespace(document, how, False, WHO) == []
        assert kinds(registry) == told
    assert registry.metadef_namespace("A", ADMIN).updated_at is None


def test_loading_goes_as_far_as_it_is_told(registry: SqlRegistry) -> None:
    registry.load_metadef_namespace(new("A", properties=("p",), tags=("t",)), "new", False, WHO)
    other = new("A", display_name="new", properties=("q",), types=("OS::X",))

    def done(how: str, *, dry_run: bool) -> list[tuple[str, str, str]]:
        found = registry.load_metadef_namespace(other, how, dry_run, WHO)
        return [(each.action, each.kind, each.name) for each in found]

    added = [("add", "resource type", "OS::X"), ("add", "property", "q")]
    assert done("new", dry_run=False) == []
    assert done("merge", dry_run=True) == added
    assert registry.metadef_contents("A", ADMIN).namespace.associations == ()
    assert done("merge", dry_run=False) == added
    assert done("prefer-new", dry_run=False) == [("change", "namespace", "A")]
    assert done("overwrite", dry_run=False) == [("remove", "property", "p"), ("remove", "tag", "t")]
    found = registry.metadef_contents("A", ADMIN)
    assert ([each.name for each in found.properties], found.tags) == (["q"], ())


def test_unloading_removes_protected_namespaces_too_and_all_resource_types(registry: SqlRegistry) -> None:
    make(registry, "A", protected=True, types=("OS::X",), tags=("t",))
    make(registry, "B")
    assert registry.unload_metadefs(["B", "nope"], True, WHO) == ["B"]
    assert registry.unload_metadefs(["B", "nope"], False, WHO) == ["B"]
    assert registry.unload_metadefs(None, False, WHO) == ["A"]
    assert registry.metadef_resource_types(None, None) == []


def test_of_many_who_make_the_same_at_once_one_succeeds(registry: SqlRegistry) -> None:
    make(registry, "A")
    outcomes: list[str] = []

    def attempt(call: Callable[[], object]) -> None:
        try:
            call()
            outcomes.append("made")
        except Duplicate:
            outcomes.append("duplicate")

    calls: list[Callable[[], object]] = [
        lambda: make(registry, "same"),
        lambda: registry.add_metadef_tags("A", ["same"], False, 9, WHO),
        lambda: registry.add_metadef_property("A", MetadefProperty(name="same", definition=TEXT), 9, WHO),
    ]
    for call in calls:
        outcomes.clear()
        threads = [threading.Thread(target=attempt, args=(call,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(outcomes) == ["duplicate"] * 5 + ["made"]


def test_names_that_differ_in_case_are_two_or_a_duplicate_as_the_database_has_it(registry: SqlRegistry) -> None:
    """MariaDB's collations take `Name` and `name` for one; nothing else than Duplicate may come of it."""
    make(registry, "Name", tags=("tag",), properties=("key",))
    calls: list[Callable[[], object]] = [
        lambda: make(registry, "name"),
        lambda: registry.add_metadef_tags("Name", ["Tag"], False, 9, WHO),
        lambda: registry.add_metadef_property("Name", MetadefProperty(name="Key", definition=TEXT), 9, WHO),
        lambda: registry.load_metadef_namespace(new("Other", tags=("a", "A"), types=("T", "t")), "new", False, WHO),
    ]
    outcomes = []
    for call in calls:
        try:
            call()
            outcomes.append("two")
        except Duplicate:
            outcomes.append("one")
    assert len(set(outcomes)) == 1
    replaced = registry.add_metadef_tags("Name", ["TAG"], True, 9, WHO)
    assert [tag.name for tag in replaced] == ["TAG"]


def test_catalogue_goes_into_every_database_and_comes_back_as_it_was(registry: SqlRegistry) -> None:
    catalogue = list(files.read(files.CATALOGUE))
    for document in catalogue:
        assert registry.load_metadef_namespace(document, "new", False, WHO)
    for document in catalogue:
        assert registry.load_metadef_namespace(document, "overwrite", False, WHO) == []
        kept = files.document_of(registry.metadef_contents(document.fields.name, ADMIN))
        assert namespace_of(kept, "nobody", MOST).fields == document.fields
