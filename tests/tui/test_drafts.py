"""Definitions as fields of forms: what goes in comes out, and what a form does not show is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import glancetui.metadefs
from glancetui.definitions.difference import definition_of
from glancetui.errors import BadRequest
from glancetui.tui import drafts
from glancetui.tui.boxes.form import Field

CATALOGUE = Path(glancetui.metadefs.__file__).parent / "catalogue"


def typed(fields: list[Field], **changes: str) -> dict[str, str]:
    return {field.name: field.value for field in fields} | changes


def test_every_property_of_the_catalogue_goes_through_the_form_unchanged() -> None:
    count = 0
    for file in CATALOGUE.glob("*.json"):
        found = json.loads(file.read_text("utf-8"))
        for holder in (found, *found.get("objects", ())):
            for name, document in (holder.get("properties") or {}).items():
                shown = definition_of(document)
                key, back = drafts.property_from(typed(drafts.property_fields(name, shown)), shown)
                assert (key, definition_of(back)) == (name, shown)
                count += 1
    assert count > 190


def test_another_type_drops_the_constraints_of_the_type_before() -> None:
    before = {"type": "string", "title": "T", "pattern": "^a", "enum": ["a"], "maxLength": 3, "operators": ["<or>"]}
    fields = drafts.property_fields("key", before)
    assert drafts.property_from(typed(fields, type="boolean"), before) == (
        "key",
        {"title": "T", "operators": ["<or>"], "type": "boolean"},
    )


@pytest.mark.parametrize("changes", [{"least": "x"}, {"least": "1.5"}, {"allowed": "'open"}])
def test_what_cannot_be_read_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        drafts.property_from(typed(drafts.property_fields("key"), type="integer", **changes))


def test_a_namespace_and_an_object_keep_what_their_forms_do_not_show() -> None:
    before = {"namespace": "N", "description": "d", "properties": {"a": {"type": "string"}}, "owner": "o"}
    after = drafts.namespace_from(typed(drafts.namespace_fields(before), protected="yes", description=""), before)
    assert after == {**before, "description": "", "visibility": "private", "protected": True}
    thing = {"name": "O", "required": ["a b", "c"], "properties": {"a b": {"type": "string"}}}
    assert drafts.object_from(typed(drafts.object_fields(thing)), thing) == thing
