"""Holding values against definitions: every word of a definition, every operator, and patterns that would explode."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glancetui.definitions import operators
from glancetui.definitions.property import KINDS, Property, normal
from glancetui.definitions.values import Judge


def judge(**words: Any) -> Judge:
    return Judge(normal(msgspec.convert({"title": "T", "type": "string", **words}, Property)))


@pytest.mark.parametrize(
    ("words", "right", "wrong", "constraint"),
    [
        ({"enum": ["ide", "scsi"]}, "ide", "idee", "enum"),
        ({"pattern": "^[a-z]+$"}, "abc", "aBc", "pattern"),
        ({"minLength": 2}, "ab", "a", "minLength"),
        ({"maxLength": 2}, "ab", "abc", "maxLength"),
        ({"type": "integer"}, "-12", "1.5", "type"),
        ({"type": "integer", "minimum": 1}, "1", "0", "minimum"),
        ({"type": "integer", "maximum": 5}, "5", "6", "maximum"),
        ({"type": "integer", "enum": ["1", "2"]}, "2", "3", "enum"),
        ({"type": "number"}, "1.5", "one", "type"),
        ({"type": "number", "minimum": 0.5}, "0.5", "0.25", "minimum"),
        ({"type": "boolean"}, "True", "maybe", "type"),
        ({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, "a,b", "a,c", "enum"),
        ({"type": "array", "items": {"type": "integer"}}, "[1, 2]", "1,x", "type"),
        ({"type": "array", "minItems": 2}, "a,b", "a", "minItems"),
        ({"type": "array", "maxItems": 1}, '["a"]', "a,b", "maxItems"),
        ({"type": "array", "uniqueItems": True}, "a,b", "a,a", "uniqueItems"),
        ({"type": "object", "required": ["a"]}, '{"a": 1}', "{}", "required"),
        ({"type": "object"}, "{}", "[]", "type"),
    ],
)
def test_word_of_a_definition_tells_right_from_wrong(
    words: dict[str, Any], right: str, wrong: str, constraint: str
) -> None:
    held = judge(**words)
    assert held.faults(right) == []
    [fault, *_] = held.faults(wrong)
    assert fault.constraint == constraint
    assert fault.sentence.startswith("'")


def test_near_miss_is_told_what_was_meant() -> None:
    assert "did you mean 'virtio'?" in judge(enum=["virtio", "scsi"]).faults("virtoi")[0].sentence


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ("<or> Intel <or> AMD", 0), ("<or> Intel <or> Amd", 1), ("<in> nte", 0), ("<in> xyz", 1), ("s== AMD", 0),
        ("s!= Amd", 1), ("AMD", 0), ("<all-in> Intel AMD", 0), ("<all-in> Intel Via", 1),
    ],
)  # fmt: skip
def test_operators_are_read_where_a_definition_has_any(value: str, faults: int) -> None:
    assert len(judge(enum=["Intel", "AMD"], operators=["<or>"]).faults(value)) == faults


@pytest.mark.parametrize(
    ("value", "faults"),
    [(">= 4", 0), ("= 4", 0), (">= four", 1), ("<range-in> [ 1 5 ]", 0), ("<range-in> [ 1 x ]", 1), ("s>= 4", 0)],
)
def test_numbers_are_compared_with_numbers(value: str, faults: int) -> None:
    assert len(judge(type="integer", operators=["<or>"]).faults(value)) == faults


def test_operators_are_plain_text_where_a_definition_has_none() -> None:
    assert judge(pattern="^<or>").faults("<or> a") == []
    assert operators.read("plain") is None


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(?=a)(a+)+$", "(a+)+\\1x$", "(.*)*(.*)*(.*)*x"])
def test_pattern_that_would_explode_takes_bounded_time(pattern: str) -> None:
    held = judge(pattern=pattern)
    started = time.process_time()
    assert all(held.faults("a" * length + "!") for length in (30, 1_900, 20_000))
    assert time.process_time() - started < 1


def test_pattern_that_is_none_holds_nothing_against_anybody() -> None:
    assert judge(pattern="((").faults("anything") == []


@settings(deadline=None)
@given(
    st.sampled_from(KINDS),
    st.text(max_size=40),
    st.lists(st.text(max_size=5), max_size=3),
    st.integers(-5, 5),
    st.lists(st.sampled_from(["<or>", "<in>", "s=="]), max_size=2),
)
def test_any_value_is_judged_without_an_error(
    kind: str, value: str, enum: list[str], limit: int, known: list[str]
) -> None:
    held = judge(type=kind, enum=enum, minimum=limit, minLength=abs(limit), minItems=abs(limit), operators=known)
    assert all(fault.constraint and fault.sentence for fault in held.faults(value))
