"""The schemas: built from the settings, checked at the start, and strict where the documents leave something unsaid."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glancetui.config.imageschema import BASE_ATTRIBUTES
from glancetui.config.settings import ImageSettings
from glancetui.errors import BadRequest, ConfigError, GlancetuiError
from glancetui.images.properties import READ_ONLY, WRITABLE, refuse_reserved
from glancetui.images.schemas import Schemas

SCHEMAS = Schemas(ImageSettings())


def test_every_base_attribute_is_writable_or_read_only_or_the_id_or_locations() -> None:
    described = {name for name, schema in SCHEMAS.documents["image"]["properties"].items() if "is_base" not in schema}
    assert described == WRITABLE | READ_ONLY | {"id", "locations"}


def test_what_the_documents_call_read_only_is_refused_and_nothing_else() -> None:
    properties: dict[str, Any] = SCHEMAS.documents["image"]["properties"]
    assert {name for name, schema in properties.items() if schema.get("readOnly")} == READ_ONLY


def test_configuration_knows_which_attributes_no_file_may_describe() -> None:
    shipped = {name for name, schema in SCHEMAS.documents["image"]["properties"].items() if "is_base" in schema}
    assert set(SCHEMAS.documents["image"]["properties"]) - shipped == BASE_ATTRIBUTES


@pytest.mark.parametrize("schema", [{"type": "text"}, {"type": "string", "pattern": "("}, {"maxLength": "long"}])
def test_schema_that_is_none_stops_the_start(schema: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Schemas(ImageSettings(schema_properties={"mine": schema}))


def test_required_properties_are_asked_of_new_images_only() -> None:
    schemas = Schemas(ImageSettings(schema_properties={"mine": {"type": "string"}}, schema_required=("mine",)))
    with pytest.raises(BadRequest, match="mine"):
        schemas.check_new({})
    schemas.check_new({"mine": "x"})
    schemas.check_part({"name": "x"})


def test_other_properties_can_be_shut_out() -> None:
    schemas = Schemas(ImageSettings(allow_additional_properties=False))
    assert schemas.documents["image"]["additionalProperties"] is False
    with pytest.raises(BadRequest, match="mine"):
        schemas.check_new({"mine": "x"})
    schemas.check_new({"os_distro": "debian"})


def test_operators_schema_takes_the_place_of_the_shipped_one() -> None:
    schemas = Schemas(ImageSettings(schema_properties={"mine": {"type": ["null", "string"]}}))
    assert "kernel_id" not in schemas.documents["image"]["properties"]
    assert schemas.nullable == {"mine"}
    assert SCHEMAS.nullable == {"kernel_id", "ramdisk_id"}


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"name": 5}, "name"),
        ({"tags": ["fine", 5]}, r"tags\.1"),
        ({"min_ram": 2**31}, "min_ram"),
        ({"min_ram": 10**400}, "min_ram|value"),
        ({"mine": "a\0"}, "mine"),
        ({"x" * 5000: 5}, "x"),
        ({"name": "x" * 5000}, "name"),
    ],
)
def test_refusal_names_the_attribute_in_a_sentence_that_can_be_read(attributes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequest, match=named) as refusal:
        SCHEMAS.check_new(attributes)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("size", [0, 1, 2**31 - 1])
def test_numbers_that_the_database_holds_are_taken(size: int) -> None:
    SCHEMAS.check_new({"min_ram": size, "min_disk": size})


@given(st.text(max_size=300))
def test_any_name_is_free_or_refused(name: str) -> None:
    try:
        refuse_reserved(name)
    except GlancetuiError:
        return
    assert 0 < len(name) <= 255
    assert not name.startswith("os_glance")
