from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
import pytest

from glancetui.errors import BadRequest, Duplicate, LimitExceeded, NotFound, Stale
from glancetui.model import ImageLocation
from glancetui.registry.interface import ImageChange, ImageQuery, NewImage, OneOf
from glancetui.registry.sql import SqlRegistry
from tests.registry.making import ACTOR, ADMIN, active, made, seen, viewer
from tests.registry.places import Place


def test_a_created_image_reads_back_as_it_was_answered(registry: SqlRegistry) -> None:
    name = 'x"\\é\x1b\n\u2028 '
    image = made(registry, name=name, properties={"a": "b", name: name, "kernel_id": None}, tags=("z", "a", "z", name))
    assert registry.image(image.id, viewer("p")) == image
    assert image.tags == ("a", name, "z")
    assert image.revision == 0


def test_as_many_properties_and_tags_as_one_wants_are_written(registry: SqlRegistry) -> None:
    first, second = ({f"p{number}": str(number) for number in range(begin, begin + 50)} for begin in (0, 20))
    image = made(registry, properties=first, tags=tuple(sorted(first)))
    assert registry.image(image.id, ADMIN) == image
    change = ImageChange(properties=second, tags=tuple(sorted(second)))
    after = registry.change_image(seen(image), change, ACTOR)
    assert after == registry.image(image.id, ADMIN)
    assert (after.properties, after.tags) == (second, tuple(sorted(second)))


#: Of a creation and of a deletion, BEGIN and COMMIT among them; SQLite's events go another way.
SENT = {"sqlite": (6, 10), "mariadb": (7, 11), "postgresql": (5, 6)}


def test_a_change_is_few_ways_to_the_database(
    registry: SqlRegistry, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    kind = type(registry._database.dialect)

    def counted(send: Callable[..., object]) -> Callable[..., object]:
        def count(self: object, db: object, statement: str, *values: object) -> object:
            sent.append(statement)
            return send(self, db, statement, *values)

        return count

    for name in ("rows", "affect", "run"):
        monkeypatch.setattr(kind, name, counted(getattr(kind, name)))
    registry._changes = itertools.count(1)  # far from the change after which events are numbered
    image = made(registry, properties={"a": "1", "b": "2"}, tags=("x", "y"))
    created = len(sent)
    registry.delete_image(seen(image), ACTOR)
    assert (created, len(sent) - created) == SENT[place.kind], sent


@pytest.mark.parametrize("other", ["P", "p ", "p\u0301"])
def test_a_project_whose_name_a_collation_takes_for_another_sees_nothing_of_it(
    registry: SqlRegistry, other: str
) -> None:
    private, shared, lent = made(registry), made(registry, visibility="shared"), made(registry, visibility="shared")
    public = made(registry, visibility="public")
    registry.add_member(lent.id, "p", 1, ACTOR)
    for image in (private, shared, lent):
        with pytest.raises(NotFound):
            registry.image(image.id, viewer(other))
    for asked in (None, "all", "shared", "private"):
        page = registry.page(ImageQuery(viewer=viewer(other), limit=9, visibility=asked, member_status="all"))
        assert [image.id for image in page] == ([public.id] if asked in {None, "all"} else [])
    assert registry.image(lent.id, viewer("p")) == registry.image(lent.id, ADMIN)


def test_an_id_is_never_used_twice_even_after_deletion(registry: SqlRegistry) -> None:
    image = made(registry)
    with pytest.raises(Duplicate):
        made(registry, id=image.id)
    registry.delete_image(seen(image), ACTOR)
    with pytest.raises(Duplicate):
        made(registry, id=image.id)


def test_a_change_is_seen_whole_and_moves_the_revision_on(registry: SqlRegistry) -> None:
    image = made(registry, properties={"gone": "1", "kept": "2", "other": "3"}, tags=("old", "kept"))
    change = ImageChange(name="new", properties={"kept": "2", "other": "4", "more": "5"}, tags=("kept", "fresh"))
    after = registry.change_image(seen(image), change, ACTOR)
    assert after == registry.image(image.id, viewer("p"))
    assert (after.name, after.properties, after.tags) == (
        "new",
        {"kept": "2", "other": "4", "more": "5"},
        ("fresh", "kept"),
    )
    assert after.revision == 1
    assert after.updated_at >= image.updated_at  # whole seconds on MariaDB: the revision tells them apart
    assert after.disk_format == "raw"


def test_who_decided_on_an_older_state_writes_nothing(registry: SqlRegistry) -> None:
    image = made(registry)
    after = registry.change_image(seen(image), ImageChange(name="first"), ACTOR)
    with pytest.raises(Stale):
        registry.change_image(seen(image), ImageChange(name="second"), ACTOR)
    with pytest.raises(Stale):
        registry.delete_image(seen(image), ACTOR)
    assert registry.image(image.id, ADMIN) == after


def test_a_change_that_another_program_made_is_noticed(registry: SqlRegistry, place: Place) -> None:
    image = made(registry)
    place.rows("UPDATE images SET name = 'theirs', updated_at = '2030-01-01 00:00:00.000000'")
    with pytest.raises(Stale):
        registry.change_image(seen(image), ImageChange(name="ours"), ACTOR)


def test_a_tag_added_meanwhile_is_not_lost_to_a_change_of_all_tags(registry: SqlRegistry) -> None:
    image = made(registry, tags=("a",))
    registry.add_tag(image.id, "b", -1, ACTOR)
    with pytest.raises(Stale):
        registry.change_image(seen(image), ImageChange(tags=("c",)), ACTOR)


def test_a_removed_property_keeps_its_row_and_comes_back_in_it(registry: SqlRegistry, place: Place) -> None:
    image = made(registry, properties={"a": "1"})
    image = registry.change_image(seen(image), ImageChange(properties={}), ACTOR)
    assert image.properties == {}
    assert place.rows("SELECT deleted, deleted_at IS NULL FROM image_properties") == [(1, 0)]
    image = registry.change_image(seen(image), ImageChange(properties={"a": "2"}), ACTOR)
    assert image.properties == {"a": "2"}
    assert place.rows("SELECT value, deleted, deleted_at FROM image_properties") == [("2", 0, None)]


def test_times_lie_in_the_database_as_glance_writes_them(registry: SqlRegistry, place: Place) -> None:
    image = made(registry)
    at: object = image.created_at
    if place.kind == "sqlite":
        at = image.created_at.isoformat(" ", "microseconds")
    assert place.rows("SELECT created_at FROM images") == [(at,)]


def test_a_deleted_image_is_gone_for_everybody_and_its_rows_say_so(registry: SqlRegistry, place: Place) -> None:
    image = active(registry, properties={"a": "b"}, tags=("t",))
    registry.add_member(image.id, "q", -1, ACTOR)
    registry.delete_image(seen(image), ACTOR)
    for look in (lambda: registry.image(image.id, ADMIN), lambda: registry.delete_image(seen(image), ACTOR)):
        with pytest.raises(NotFound):
            look()
    assert registry.page(ImageQuery(viewer=ADMIN, limit=9)) == []
    assert place.rows("SELECT status, deleted FROM images") == [("deleted", 1)]
    for table in ("image_properties", "image_tags", "image_members", "image_locations"):
        assert place.rows(f"SELECT deleted, deleted_at IS NULL FROM {table}") == [(1, 0)]


def test_deletion_owes_the_removal_of_each_location(registry: SqlRegistry) -> None:
    image = active(registry)
    registry.delete_image(seen(image), ACTOR)
    [entry] = registry.claim_outbox("w", 60, image.updated_at.replace(year=2100), 10)
    assert (entry.kind, entry.image_id, entry.attempts) == ("delete-object", image.id, 0)
    assert (entry.location.store, entry.location.url) == ("file", f"file:///images/{image.id}")


def test_back_in_queued_nothing_is_left_of_the_bytes(registry: SqlRegistry) -> None:
    image = active(registry)
    back = registry.change_image(seen(image), ImageChange(status="queued"), ACTOR)
    assert [back.size, back.virtual_size, back.checksum, back.os_hash_algo, back.os_hash_value] == [None] * 5


def test_tags_are_a_set_with_a_quota(registry: SqlRegistry) -> None:
    image = made(registry, tags=("a",))
    registry.add_tag(image.id, "a", 1, ACTOR)
    with pytest.raises(LimitExceeded):
        registry.add_tag(image.id, "b", 1, ACTOR)
    registry.add_tag(image.id, "b", -1, ACTOR)
    registry.remove_tag(image.id, "a", ACTOR)
    assert registry.image(image.id, ADMIN).tags == ("b",)
    with pytest.raises(NotFound):
        registry.remove_tag(image.id, "a", ACTOR)
    with pytest.raises(NotFound):
        registry.add_tag("nothing", "a", 1, ACTOR)


@pytest.mark.parametrize(
    ("visibility", "owner_sees", "stranger_sees", "member_sees", "anybody_sees"),
    [
        ("private", True, False, False, False),
        ("shared", True, False, True, False),
        ("community", True, True, True, True),
        ("public", True, True, True, True),
    ],
)
def test_by_id_an_image_is_seen_by_whom_it_is_meant_for(
    registry: SqlRegistry, visibility: str, owner_sees: bool, stranger_sees: bool, member_sees: bool, anybody_sees: bool
) -> None:
    image = made(registry, visibility=visibility)
    registry.add_member(image.id, "m", -1, ACTOR)
    found = []
    for project in ("p", "s", "m", None):
        try:
            found.append(registry.image(image.id, viewer(project)).id == image.id)
        except NotFound:
            found.append(False)
    assert found == [owner_sees, stranger_sees, member_sees, anybody_sees]
    assert registry.image(image.id, ADMIN).id == image.id


def test_location_metadata_of_any_json_are_readable(registry: SqlRegistry, place: Place) -> None:
    image = active(registry)
    for text, metadata in (
        ('{"store": "b", "n": 3, "deep": {"x": [1]}}', {"store": "b", "n": 3, "deep": {"x": [1]}}),
        ("not json", {}),
        (None, {}),
        ("[1]", {}),
    ):
        place.rows("UPDATE image_locations SET meta_data = :text", text=text)
        assert registry.image(image.id, ADMIN).locations[0].metadata == metadata
        assert registry.page(ImageQuery(viewer=ADMIN, limit=5))[0].locations[0].metadata == metadata


def test_characters_of_four_bytes_are_kept_or_refused(registry: SqlRegistry, place: Place) -> None:
    if place.kind != "mariadb":
        image = made(registry, name="\U0001f600", tags=("\U0001f600",), properties={"\U0001f600": "\U0001f600"})
        assert registry.image(image.id, ADMIN) == image
        return
    for fields in ({"name": "\U0001f600"}, {"tags": ("\U0001f600",)}, {"properties": {"a": "\U0001f600"}}):
        with pytest.raises(BadRequest, match="Basic Multilingual Plane"):
            made(registry, **fields)
    assert registry.page(ImageQuery(viewer=ADMIN, limit=5)) == []
    made(registry)
    for fields in ({"filters": (OneOf(field="name", values=("\U0001f600",)),)}, {"tags": ("\U0001f600",)}):
        assert registry.page(ImageQuery(viewer=ADMIN, limit=5, **fields)) == []


def test_a_nul_is_kept_or_refused(registry: SqlRegistry, place: Place) -> None:
    if place.kind == "postgresql":
        with pytest.raises(BadRequest, match="NUL"):
            made(registry, name="a\0b")
        return
    assert registry.image(made(registry, name="a\0b").id, ADMIN).name == "a\0b"


def test_text_that_no_database_can_hold_is_the_callers_mistake(registry: SqlRegistry) -> None:
    with pytest.raises(BadRequest):
        made(registry, name="\ud800")
    assert registry.page(ImageQuery(viewer=ADMIN, limit=5)) == []


def test_bytes_stored_counts_each_copy_of_the_owners_images(registry: SqlRegistry) -> None:
    active(registry)
    gone = active(registry)
    active(registry, owner=None)
    registry.delete_image(seen(gone), ACTOR)
    made(registry)
    assert [registry.bytes_stored(owner) for owner in ("p", None, "q")] == [5, 5, 0]


def test_a_refused_creation_leaves_nothing(registry: SqlRegistry, place: Place) -> None:
    with pytest.raises(BadRequest):
        registry.create_image(NewImage(id="i", owner="p", properties={"a": "\udfff"}), ACTOR)
    assert place.rows("SELECT count(*) FROM images") == [(0,)]
    assert registry.last_event() == 0


def test_every_field_of_a_change_can_be_set(registry: SqlRegistry) -> None:
    image = made(registry)
    change = ImageChange(
        name=None, visibility="public", protected=True, os_hidden=True, owner="q", container_format=None,
        disk_format="qcow2", min_disk=3, min_ram=4, status="deactivated", properties={"x": None}, tags=("t",),
        locations=(ImageLocation(url="http://x/y"),), size=1, checksum="c", os_hash_algo="a", os_hash_value="b",
    )  # fmt: skip
    after = registry.change_image(seen(image), change, ACTOR)
    plain = set(change.__struct_fields__) - {"locations", "quota", "keep"}
    assert all(getattr(after, name) == getattr(change, name) for name in plain)
    assert [location.url for location in after.locations] == ["http://x/y"]
    assert registry.image(image.id, ADMIN) == after
    assert msgspec.structs.replace(after, revision=0) != image
