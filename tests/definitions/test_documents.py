"""Documents that come in are refused with the place that is wrong, or read into normal form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glancetui.definitions import documents, texts
from glancetui.definitions.difference import Step, changed_words, steps, whole
from glancetui.definitions.property import decoded, document_of, from_document, stored
from glancetui.errors import BadRequest, Duplicate, Forbidden, GlancetuiError, LimitExceeded

SIMPLE = {"title": "T", "type": "string"}


def check(document: dict[str, Any], most: int = 100) -> None:
    documents.check_schema("namespace", document)
    documents.check_namespace(document, most=most)


def properties(**words: Any) -> dict[str, Any]:
    return {"namespace": "N", "properties": {"p": {**SIMPLE, **words}}}


@pytest.mark.parametrize(
    ("document", "error", "place"),
    [
        ({}, BadRequest, "namespace"),
        ({"namespace": ""}, BadRequest, "namespace"),
        ({"namespace": "x" * 81}, BadRequest, "namespace"),
        ({"namespace": "a/b"}, BadRequest, "namespace"),
        ({"namespace": "a\0b"}, BadRequest, "namespace"),
        ({"namespace": ".."}, BadRequest, "namespace"),
        ({"namespace": "😀"}, BadRequest, "four bytes"),
        ({"namespace": "N", "bad": 1}, BadRequest, "bad"),
        ({"namespace": "N", "description": "x" * 501}, BadRequest, "description"),
        ({"namespace": "N", "visibility": "shared"}, BadRequest, "visibility"),
        (properties(type="int"), BadRequest, "properties.p.type"),
        (properties(**{"$ref": "#/definitions/p"}), BadRequest, "properties.p"),
        (properties(**{"$ref": "http://elsewhere/schema"}), BadRequest, "properties.p"),
        (properties(pattern="(("), BadRequest, "properties.p.pattern"),
        (properties(pattern="a{1000}{1000}"), BadRequest, "properties.p.pattern"),
        (properties(pattern="x" * 1001), BadRequest, "properties.p.pattern"),
        (properties(minimum=2, maximum=1), BadRequest, "properties.p: minimum"),
        (properties(minLength=-1), BadRequest, "properties.p.minLength"),
        (properties(items={"enum": ["a"]}), BadRequest, "properties.p.items"),
        (properties(items={"type": "string", "items": {}}), BadRequest, "properties.p.items"),
        (properties(enum=[{}]), BadRequest, "properties.p.enum"),
        (properties(minimum=10**400), BadRequest, "properties.p.minimum"),
        (properties(maximum=float("inf")), BadRequest, "properties.p"),
        ({"namespace": "N", "properties": {"x" * 81: SIMPLE}}, BadRequest, "properties.x"),
        ({"namespace": "N", "objects": [{"nme": "o"}]}, BadRequest, "objects.0"),
        ({"namespace": "N", "objects": [{"name": "o", "required": ["a,b"]}]}, BadRequest, "objects.0.required"),
        ({"namespace": "N", "objects": [{"name": "x" * 81}]}, BadRequest, "objects.0.name"),
        ({"namespace": "N", "objects": [{"name": "o"}, {"name": "o"}]}, Duplicate, "objects: o"),
        ({"namespace": "N", "tags": [{"name": "t"}, {"name": "t"}]}, Duplicate, "tags: t"),
        ({"namespace": "N", "tags": [{"name": f"{n}"} for n in range(101)]}, LimitExceeded, "tags"),
        ({"namespace": "N", "properties": {f"{n}": SIMPLE for n in range(101)}}, LimitExceeded, "properties"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_wrong_document_is_refused_with_its_place(
    document: dict[str, Any], error: type[GlancetuiError], place: str
) -> None:
    with pytest.raises(error) as refused:
        check(document)
    assert place in str(refused.value)


@pytest.mark.parametrize("name", ["self", "schema", "created_at", "updated_at"])
def test_what_only_the_service_sets_is_forbidden(name: str) -> None:
    with pytest.raises(Forbidden, match=name):
        documents.check_new("namespace", {"namespace": "N", name: "x"})


def test_defaults_and_allowed_values_become_texts() -> None:
    found = from_document({**SIMPLE, "default": 8, "enum": [1, True, "x"], "name": "p"})
    assert document_of(found) == {"type": "string", "title": "T", "default": "8", "enum": ["1", "True", "x"]}
    assert decoded(stored(found)) == found


@pytest.mark.parametrize(
    ("text", "yaml", "said"),
    [
        ('{"a": 1, "a": 2}', False, "twice"), ('{"a": NaN}', False, "NaN"), ("{", False, ":1: this is not JSON"),
        ("[" * 100_000, False, "nested"), ("[]", False, "no object"), ("a: 1\na: 2", True, "'a' stands there twice"),
        ("a: &x [1]\nb: *x", True, "aliases"), ("a: [", True, "not YAML"), ("- 1", True, "no object"),
        ("a: !!python/object:os.system x", True, "not YAML"),
    ],
)  # fmt: skip
def test_text_that_would_lose_something_is_refused(text: str, yaml: bool, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        texts.decoded(text, "FILE", yaml=yaml)
    assert said in str(refused.value)
    assert "FILE" in str(refused.value)


NAMES = st.text("abc", min_size=1, max_size=2)
DEFINITION = st.fixed_dictionaries(
    {"title": st.text("xyz", max_size=3), "type": st.sampled_from(["string", "integer"])},
    optional={"enum": st.lists(st.integers(0, 9), max_size=2), "default": st.integers(0, 9)},
)
NAMESPACE = st.fixed_dictionaries(
    {"namespace": st.just("N")},
    optional={
        "display_name": st.text("xyz", max_size=3),
        "visibility": st.sampled_from(["public", "private"]),
        "protected": st.booleans(),
        "properties": st.dictionaries(NAMES, DEFINITION, max_size=3),
        "objects": st.lists(
            st.fixed_dictionaries({"name": NAMES}, optional={"properties": st.dictionaries(NAMES, DEFINITION)}),
            max_size=2,
            unique_by=lambda each: each["name"],
        ),
        "tags": st.lists(st.fixed_dictionaries({"name": NAMES}), max_size=3, unique_by=lambda each: each["name"]),
        "resource_type_associations": st.lists(
            st.fixed_dictionaries({"name": NAMES}, optional={"prefix": NAMES}),
            max_size=2,
            unique_by=lambda each: each["name"],
        ),
    },
)


@settings(max_examples=40, deadline=None)
@given(NAMESPACE)
def test_document_differs_from_nothing_by_all_of_it_and_from_itself_by_nothing(document: dict[str, Any]) -> None:
    check(document)
    assert steps(None, document, "new")[0].action == "add"
    assert steps(document, document, "overwrite") == []
    assert steps(whole(document), document, "overwrite") == []


@settings(max_examples=40, deadline=None)
@given(NAMESPACE)
def test_document_goes_to_text_and_back(document: dict[str, Any]) -> None:
    kept = whole(document)
    assert texts.decoded(texts.to_json(kept), "x", yaml=False) == kept
    assert texts.decoded(texts.to_yaml(kept), "x", yaml=True) == kept


@settings(max_examples=40, deadline=None)
@given(NAMESPACE, NAMESPACE)
def test_merging_adds_only_and_prefering_the_new_removes_nothing(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert {step.action for step in steps(old, new, "merge")} <= {"add"}
    assert {step.action for step in steps(old, new, "prefer-new")} <= {"add", "change"}
    assert steps(old, new, "new") == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (["a", "b"], ["a", "c"], "enum: a,b → a,c"),
        (["a" * 30, "b" * 30], ["a" * 30, "b" * 30, "c"], "enum: +c"),
        (["a" * 30, "b" * 30, "c"], ["b" * 30, "d"], f"enum: +d -{'a' * 30} -c"),
        (3, None, "enum: 3 → —"),
    ],
)
def test_a_change_is_told_in_a_line_that_shows_it(old: object, new: object, told: str) -> None:
    step = Step(action="change", kind="property", name="p", old={"enum": old}, new={"enum": new})
    assert list(changed_words(step)) == [told]
