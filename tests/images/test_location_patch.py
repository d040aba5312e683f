"""Lists of locations under patches: what may become of them, whatever is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glancetui.errors import BadRequest, Conflict, Forbidden
from glancetui.images.location_patch import LocationList, place, read_said
from glancetui.model import Image, ImageLocation

NOW = datetime(2026, 1, 1)  # noqa: DTZ001 - as the registry holds times
NAMES = ("a", "b", "c", "d")
VALUES = st.sampled_from(NAMES).map(lambda name: {"url": f"http://web/{name}", "metadata": {"name": name}})
POSITIONS = st.sampled_from(["-", "0", "1", "2", "9", "x", "01", ""])
OPERATIONS = st.one_of(
    st.tuples(st.just("add"), POSITIONS, VALUES),
    st.tuples(st.just("replace"), st.none(), st.lists(VALUES, max_size=4)),
    st.tuples(st.just("remove"), POSITIONS, st.none()),
)


def image(status: str = "active", *names: str, **facts: Any) -> Image:
    rows = tuple(ImageLocation(url=f"http://web/{name}", id=number) for number, name in enumerate(names, 1))
    return Image(id="i", status=status, visibility="private", created_at=NOW, updated_at=NOW, locations=rows, **facts)


def names(locations: LocationList) -> str:
    return "".join(row.url[-1] for row in locations.rows)


@given(st.lists(OPERATIONS, max_size=12), st.sampled_from(["queued", "active"]))
@settings(max_examples=150, deadline=None)
def test_no_sequence_of_operations_empties_a_list_doubles_a_url_or_exchanges_a_row(
    operations: list[Any], status: str
) -> None:
    """What an operation refuses leaves the list as it was; the ids of rows stay with their URLs."""
    before = image(status, *(() if status == "queued" else ("a", "b")))
    locations = LocationList(before)
    for operation in operations:
        rows = list(locations.rows)
        try:
            locations.apply(*operation)
        except (BadRequest, Conflict, Forbidden):
            assert locations.rows == rows
            continue
        assert len({row.url for row in locations.rows}) == len(locations.rows) >= 1
        if operation[0] == "replace":
            assert not rows or {row.url for row in rows} == {row.url for row in locations.rows}
        known = {row.id: row.url for row in before.locations}
        assert all(known.get(row.id, row.url) == row.url for row in locations.rows)


def test_what_was_refused_makes_way_and_keeps_no_one_from_the_place_it_is_seen_at() -> None:
    locations = LocationList(image("queued", "x"))
    assert names(locations) == ""
    for position, name in (("1", "a"), ("2", "x"), ("1", "b"), ("0", "c"), ("-", "d")):
        locations.apply("add", position, {"url": f"http://web/{name}", "metadata": {}})
    assert names(locations) == "cbaxd"
    assert {row.id for row in locations.rows} == {0}
    with pytest.raises(BadRequest):
        locations.apply("add", "7", {"url": "http://web/e", "metadata": {}})
    again = LocationList(image("queued", "x"))
    again.apply("replace", None, [{"url": "http://web/x", "metadata": {}}])
    assert [row.id for row in again.rows] == [0]


def test_metadata_are_changed_where_python_sees_no_difference() -> None:
    locations = LocationList(image("active", "a"))
    locations.apply("replace", None, [{"url": "http://web/a", "metadata": {}}])
    assert not locations.changed
    locations.apply("replace", None, [{"url": "http://web/a", "metadata": {"n": [1, {"m": 0}]}}])
    assert locations.changed
    again = LocationList(msgspec.structs.replace(image("active"), locations=tuple(locations.rows)))
    again.apply("replace", None, [{"url": "http://web/a", "metadata": {"n": [True, {"m": 0}]}}])
    assert again.changed


def test_a_url_that_comes_back_in_one_patch_is_a_new_row() -> None:
    locations = LocationList(image("active", "a", "b"))
    locations.apply("remove", "0", None)
    locations.apply("add", "0", {"url": "http://web/a", "metadata": {}})
    assert [(row.url[-1], row.id) for row in locations.rows] == [("a", 0), ("b", 2)]


@pytest.mark.parametrize(("position", "most", "index"), [("-", 3, 3), ("0", 3, 0), ("3", 3, 3)])
def test_places(position: str, most: int, index: int) -> None:
    assert place(position, most) == index


@pytest.mark.parametrize("position", ["4", "-1", "+1", "01", "1.0", "", " 1", "\u0661", "9" * 40, None])
def test_what_is_no_place(position: str | None) -> None:
    with pytest.raises(BadRequest):
        place(position, 3)


def test_hashes_are_read_in_any_case_and_compared_in_one() -> None:
    said = read_said({"os_hash_algo": "sha256", "os_hash_value": "AB" * 32, "checksum": "CD" * 16})
    assert said.facts() == {"os_hash_algo": "sha256", "os_hash_value": "ab" * 32, "checksum": "cd" * 16}
    known = image("active", "a", os_hash_algo="sha256", os_hash_value="ab" * 32, checksum="cd" * 16)
    locations = LocationList(known)
    locations.apply("add", "-", {"url": "http://web/b", "metadata": {}, "validation_data": {
        "os_hash_algo": "sha256", "os_hash_value": "AB" * 32}})  # fmt: skip
    assert names(locations) == "ab"
    with pytest.raises(Conflict):
        locations.apply("add", "-", {"url": "http://web/c", "metadata": {}, "validation_data": {
            "os_hash_algo": "sha256", "os_hash_value": "00" * 32}})  # fmt: skip
    with pytest.raises(Conflict):  # another algorithm contradicts an active image, whatever its digest looks like
        locations.apply("add", "-", {"url": "http://web/d", "metadata": {}, "validation_data": {
            "os_hash_algo": "sha512", "os_hash_value": "ab" * 32}})  # fmt: skip


def test_the_service_itself_names_the_store() -> None:
    locations = LocationList(image("queued"))
    locations.apply("add", "-", {"url": "http://web/a", "metadata": {"store": "other", "backend": "x", "zone": "b"}})
    assert locations.rows == [ImageLocation(url="http://web/a", metadata={"zone": "b"})]
