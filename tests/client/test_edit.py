"""An image as a text, and back as a patch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glancetui.client import edit
from glancetui.client.edit import Draft, EditError
from glancetui.client.values import RemoteImage

IMAGE = {
    "id": "3f2a6c1e-9d0b-4c52-8f1e-0c7a2b9d4e11", "name": "debian", "visibility": "private", "protected": False,
    "os_hidden": False, "disk_format": "raw", "container_format": "bare", "min_disk": 2, "min_ram": 0,
    "tags": ["lts", "a"], "version": "1.10", "on": "yes", "none": None,
}  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8"), max_size=30)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
DRAFTS = st.builds(
    Draft,
    name=st.none() | NAMES,
    visibility=st.sampled_from(edit.VISIBILITIES),
    protected=st.booleans(),
    os_hidden=st.booleans(),
    disk_format=st.none() | NAMES,
    container_format=st.none() | NAMES,
    min_disk=st.integers(0, 2**31 - 1),
    min_ram=st.integers(0, 2**31 - 1),
    tags=st.frozensets(WORDS, max_size=4).map(lambda tags: tuple(sorted(tags))),
    properties=st.dictionaries(NAMES, WORDS, max_size=4).map(lambda found: dict(sorted(found.items()))),
)


@given(DRAFTS)
def test_every_draft_is_read_as_it_was_written(draft: Draft) -> None:
    assert edit.read(edit.spelled(draft, ("a head",))) == draft


@given(DRAFTS, DRAFTS)
def test_operations_lead_from_one_to_the_other(before: Draft, after: Draft) -> None:
    document: dict[str, object] = {**msgspec_fields(before), **before.properties}
    for operation in edit.operations(before, after):
        name = str(operation["path"])[1:].replace("~1", "/").replace("~0", "~")
        if operation["op"] == "remove":
            del document[name]
        else:
            assert (operation["op"] == "add") == (name not in document)
            document[name] = operation["value"]
    reached = {**msgspec_fields(after), **after.properties}
    assert {k: list(v) if isinstance(v, tuple) else v for k, v in document.items()} == {
        k: list(v) if isinstance(v, tuple) else v for k, v in reached.items()
    }


def msgspec_fields(draft: Draft) -> dict[str, object]:
    """Under names that no property of the test has."""
    return {name: getattr(draft, name) for name in Draft.__struct_fields__ if name != "properties"}


def test_what_only_the_service_sets_is_not_edited() -> None:
    """Taking it away, or writing it, would be refused: an image whose import failed could not be changed at all."""
    image = RemoteImage.from_document({**IMAGE, "os_glance_failed_import": "fast"})
    assert edit.draft_of(image) == edit.draft_of(RemoteImage.from_document(IMAGE))


def test_words_stay_as_they_are_typed() -> None:
    draft = edit.draft_of(RemoteImage.from_document(IMAGE))
    assert draft.properties == {"version": "1.10", "on": "yes", "none": ""}
    text = edit.spelled(draft).replace("name: debian", "name: 007").replace("'1.10'", "1.20")
    assert edit.operations(draft, edit.read(text)) == [
        {"op": "replace", "path": "/name", "value": "007"},
        {"op": "replace", "path": "/version", "value": "1.20"},
    ]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("protected: maybe", "true or false"),
        ("min_disk: 2 GiB", "whole number"),
        ("visibility: secret", "one of private"),
        ("status: active", "no field 'status'"),
        ("tags: lts", "must be a list"),
        ("properties: [a]", "name: value"),
        ("name: [a", "Line"),
        ("just words", "as it was"),
        ("properties:\n  a: {b: c}", "one value"),
    ],
)
def test_what_makes_no_sense_is_named(typed: str, says: str) -> None:
    with pytest.raises(EditError, match=says):
        edit.read(typed)


def test_an_amendment_adds_and_takes_away() -> None:
    draft = edit.draft_of(RemoteImage.from_document(IMAGE))
    found = edit.amendment('+new -a title="Debian 13" -version= on=')
    assert edit.differences(draft, found.applied(draft)) == [
        ("tags", "a lts → lts new"),
        ("on", "yes → —"),
        ("title", "— → Debian 13"),
        ("version", "1.10 → —"),
    ]
    for wrong in ("word", "=x", "+", '"open'):
        with pytest.raises(EditError):
            edit.amendment(wrong)
