"""The shipped catalogue: whole, right, in our own words, and with the same facts as Glance's own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glancetui.definitions import documents, texts
from glancetui.definitions.check import Book
from glancetui.definitions.files import file_name
from glancetui.definitions.property import decoded, decoded_all
from glancetui.definitions.values import Judge
from glancetui.metadefs import files
from glancetui.registry.metadefs import NewNamespace
from tests.backends.peer import PeerUnavailable, peer_venv

WORDS = frozenset({"title", "description"})  # of a definition: ours; all else are facts
CPU_MODE = frozenset(  # shipped by Glance up to release 32
    {("OS::Compute::CPUMode", "", "cpu_mode"), ("OS::Glance::CommonImageProperties", "", "hw_cpu_mode")}
)


@pytest.fixture(scope="module")
def ours() -> dict[str, dict[str, Any]]:
    return {document["namespace"]: document for _, document in texts.read_files(files.CATALOGUE)}


@pytest.fixture(scope="module")
def glances() -> dict[str, dict[str, Any]]:
    try:
        folder = peer_venv() / "etc/glance/metadefs"
    except PeerUnavailable as error:
        pytest.skip(f"Glance's own files are not here: {error}")
    found = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    return {document["namespace"]: document for document in found}


def definitions(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """By object, empty for the namespace's own, and name."""
    sets = [("", document.get("properties") or {})]
    sets += [(each["name"], each.get("properties") or {}) for each in document.get("objects") or ()]
    return {(where, name): each for where, properties in sets for name, each in properties.items()}


def test_catalogue_has_what_the_field_knows(ours: dict[str, dict[str, Any]]) -> None:
    assert len(ours) == 33
    assert sum(len(document.get("objects") or ()) for document in ours.values()) == 23
    assert sum(len(definitions(document)) for document in ours.values()) == 199


def test_every_fact_of_glances_files_is_in_ours(
    ours: dict[str, dict[str, Any]], glances: dict[str, dict[str, Any]]
) -> None:
    compared = 0
    for name, theirs in glances.items():
        mine = ours[name]
        assert mine["resource_type_associations"] == theirs["resource_type_associations"], name
        assert mine["protected"] == theirs["protected"], name
        assert mine["visibility"] == theirs.get("visibility", "public"), name
        assert required(mine) == required(theirs), name
        for key, definition in definitions(theirs).items():
            assert facts(definitions(mine)[key]) == facts(definition), (name, key)
            compared += len(facts(definition))
    assert compared > 300


def facts(definition: dict[str, Any]) -> dict[str, Any]:
    return {word: value for word, value in definition.items() if word not in WORDS}


def required(document: dict[str, Any]) -> dict[str, list[str]]:
    """Of each object: which properties it asks for."""
    return {each["name"]: each.get("required") or [] for each in document.get("objects") or ()}


def test_no_key_is_ours_alone(ours: dict[str, dict[str, Any]], glances: dict[str, dict[str, Any]]) -> None:
    mine, theirs = (
        {(name, *key) for name, document in found.items() for key in definitions(document)} for found in (ours, glances)
    )
    assert mine - theirs <= CPU_MODE
    assert theirs <= mine


def test_words_are_our_own_and_short(ours: dict[str, dict[str, Any]], glances: dict[str, dict[str, Any]]) -> None:
    for name, theirs in glances.items():
        assert ours[name]["description"] != theirs["description"]
        for key, definition in definitions(theirs).items():
            mine = definitions(ours[name])[key]
            assert mine["description"].strip() != definition["description"].strip(), key
            assert 0 < len(mine["title"]) <= 40, key
            assert 0 < len(mine["description"]) <= 200, key


def test_every_file_is_what_its_schema_asks(ours: dict[str, dict[str, Any]]) -> None:
    for document in ours.values():
        documents.check_new("namespace", document)
        documents.check_namespace(document, most=1000)


def test_every_default_is_a_right_value_of_its_property() -> None:
    wrong = []
    for namespace in files.read(files.CATALOGUE):
        for name, definition in all_definitions(namespace).items():
            if isinstance(definition.default, str):
                wrong += [f"{name}: {fault.sentence}" for fault in Judge(definition).faults(definition.default)]
    assert [each.partition(":")[0] for each in wrong] == ["sw_database_oracle_edition"]  # Glance's own slip


def all_definitions(namespace: NewNamespace) -> dict[str, Any]:
    found = {each.name: decoded(each.definition) for each in namespace.properties}
    for each in namespace.objects:
        found |= decoded_all(each.properties)
    return found


def test_catalogue_knows_a_mistyped_key_of_an_image(ours: dict[str, dict[str, Any]]) -> None:
    [found] = Book(ours.values()).check({"hw_disk_buss": "virtio"})
    assert found.sentence == "hw_disk_buss: did you mean hw_disk_bus?"


def test_files_are_named_apart_where_names_differ() -> None:
    names = ["OS::Compute::TPM", "OS-Compute-TPM", "a/b", "a-b", "ä", "ö", "..", ""]
    assert len({file_name(name) for name in names}) >= len(names) - 1
    assert all("/" not in file_name(name) and Path(file_name(name)).suffix == ".json" for name in names)
