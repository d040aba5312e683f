"""How values look on the wire, byte by byte where clients could tell."""

# ruff: noqa: DTZ001 - the times of values have no zone

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from glancetui.model import Image, ImageLocation, Member
from glancetui.server import wire

IMAGE = Image(
    id="5f3dbfd0-5ef5-4f3e-9f39-2f7fdc5ec4a0",
    status="active",
    visibility="public",
    created_at=datetime(2026, 1, 2, 3, 4, 5, 999999),
    updated_at=datetime(2026, 12, 31, 23, 59, 59),
    size=2**40,
    tags=("b", "a"),
    reason="never shown",
    locations=(
        ImageLocation(url="file:///a", metadata={"store": "fast"}, id=7),
        ImageLocation(url="file:///b", metadata={"store": "slow"}, id=8),
    ),
)


def view(**more: Any) -> wire.View:
    return wire.View(
        readable=lambda properties: properties, nullable=frozenset({"kernel_id"}),
        shown_locations=lambda image: image.locations, **more,
    )  # fmt: skip


def shown(image: Image, **more: Any) -> dict[str, Any]:
    return json.loads(wire.image_json(image, view(**more)))


def test_image_shows_what_it_is_and_nothing_of_the_service() -> None:
    image = shown(IMAGE)
    assert (image["created_at"], image["updated_at"]) == ("2026-01-02T03:04:05Z", "2026-12-31T23:59:59Z")
    assert (image["size"], image["tags"]) == (2**40, ["b", "a"])
    assert image["file"] == f"/v2/images/{IMAGE.id}/file"
    assert not {"reason", "revision", "locations", "direct_url", "stores", "properties"} & image.keys()


def test_where_a_deactivated_image_lies_is_for_administrators() -> None:
    image = replace(IMAGE, status="deactivated")
    assert shown(IMAGE, stores=True)["stores"] == shown(image, stores=True, admin=True)["stores"] == "fast,slow"
    assert "stores" not in shown(image, stores=True)


def test_properties_lie_flat_before_the_attributes() -> None:
    image = replace(IMAGE, properties={"z": "1", "a": 'quo"te', "kernel_id": None, "left_by_v1": None})
    assert list(shown(image))[:5] == ["z", "a", "kernel_id", "left_by_v1", "name"]
    assert (shown(image)["kernel_id"], shown(image)["left_by_v1"]) == (None, "")


def test_properties_of_the_service_are_hidden_and_those_of_imports_shown() -> None:
    properties = {
        "os_glance_stage_host": "h",
        "os_glance_hash_op_host": "h",
        "os_glance_failed_import": "",
        "mine": "x",
    }
    assert list(shown(replace(IMAGE, properties=properties)))[:3] == ["os_glance_failed_import", "mine", "name"]


def test_image_with_hidden_properties_only_is_still_json() -> None:
    assert "os_glance_stage_host" not in shown(replace(IMAGE, properties={"os_glance_stage_host": "h"}))


def test_options_add_where_the_data_is() -> None:
    image = shown(IMAGE, locations=True, direct_url=True, stores=True, weights={"slow": 5})
    assert image["locations"] == [
        {"url": "file:///a", "metadata": {"store": "fast"}},
        {"url": "file:///b", "metadata": {"store": "slow"}},
    ]
    assert (image["direct_url"], image["stores"]) == ("file:///b", "slow,fast")
    image = shown(IMAGE, direct_url=True, stores=True)
    assert (image["direct_url"], image["stores"]) == ("file:///a", "fast,slow")


def test_image_without_data_has_no_stores_and_no_direct_url() -> None:
    image = shown(replace(IMAGE, locations=()), locations=True, direct_url=True, stores=True)
    assert image["locations"] == []
    assert not {"direct_url", "stores"} & image.keys()


@pytest.mark.parametrize("following", [None, '/v2/images?name="x"&marker=m'])
def test_page_has_its_links(following: str | None) -> None:
    page = json.loads(wire.page_json([IMAGE, IMAGE], view(), "/v2/images", following))
    assert page["images"] == [shown(IMAGE)] * 2
    assert (page["first"], page.get("next"), page["schema"]) == ("/v2/images", following, "/v2/schemas/images")
    assert json.loads(wire.page_json([], view(), "/v2/images", None))["images"] == []


def test_member_has_its_fields() -> None:
    member = Member(
        image_id=IMAGE.id, member_id="p", status="pending", created_at=IMAGE.created_at, updated_at=IMAGE.updated_at
    )
    assert json.loads(wire.members_json([member])) == {
        "members": [json.loads(wire.member_json(member))],
        "schema": "/v2/schemas/members",
    }
    assert json.loads(wire.member_json(member))["created_at"] == "2026-01-02T03:04:05Z"


names = st.text(min_size=1, max_size=8).filter(lambda name: name not in wire._Image.__struct_encode_fields__)


@given(st.dictionaries(names, st.text(max_size=8), max_size=4), st.text(max_size=8))
def test_any_text_comes_back_as_it_was(properties: dict[str, str], name: str) -> None:
    image = shown(replace(IMAGE, properties=properties, name=name))
    assert {key: image[key] for key in properties} == properties
    assert image["name"] == name
