"""A definition's constraint in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import glancetui.metadefs
from glancetui.definitions.property import from_document
from glancetui.definitions.words import constraint

CATALOGUE = Path(glancetui.metadefs.__file__).parent / "catalogue"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "boolean"}, "true or false"),
        ({"type": "integer", "minimum": 1, "maximum": 8}, "a whole number from 1 to 8"),
        ({"type": "integer", "minimum": 0}, "a whole number of at least 0"),
        ({"type": "number", "maximum": 1.5}, "a number of at most 1.5"),
        ({"type": "string", "minLength": 2, "maxLength": 2}, "a text of 2 characters"),
        ({"type": "string", "maxLength": 9, "pattern": "^a"}, "a text of at most 9 characters that matches ^a"),
        ({"type": "string", "enum": ["a", "b"]}, "one of a, b"),
        ({"type": "array"}, "a list"),
        (
            {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
            "a list of whole numbers, none of them twice",
        ),
        ({"type": "array", "items": {"enum": ["a"]}, "minItems": 1}, "a list of any of a, of at least 1 members"),
        ({"type": "object", "required": ["x"]}, "a JSON object with x"),
        ({}, "a text"),
    ],
)
def test_each_word_of_a_definition_is_said(document: dict, words: str) -> None:
    assert constraint(from_document({"title": "t", **document})) == words


def test_every_property_of_the_catalogue_has_words() -> None:
    count = 0
    for file in CATALOGUE.glob("*.json"):
        found = json.loads(file.read_text("utf-8"))
        for holder in (found, *found.get("objects", ())):
            for document in (holder.get("properties") or {}).values():
                assert constraint(from_document(document)).strip()
                count += 1
    assert count > 190
