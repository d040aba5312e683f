"""Definitions held against images as they are created and changed: off, warn, refuse; fresh within two seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glancetui.config.settings import MetadefSettings
from glancetui.errors import BadRequest
from glancetui.metadefs.enforcement import Enforcement
from glancetui.registry.metadefs import MetadefProperty, NamespaceFields, NewAssociation, NewNamespace
from glancetui.registry.sql import SqlRegistry, open_registry
from glancetui.registry.values import Actor
from tests.registry.making import settings

WHO = Actor()


def load(registry: SqlRegistry, name: str, definition: str, visibility: str = "public") -> None:
    document = NewNamespace(
        fields=NamespaceFields(name=name, owner="p", visibility=visibility),
        associations=(NewAssociation(name="OS::Glance::Image", prefix="hw_"),),
        properties=(MetadefProperty(name="bus", definition=definition),),
    )
    registry.load_metadef_namespace(document, "overwrite", False, WHO)


IDE = '{"title":"T","type":"string","enum":["ide"]}'
SCSI = '{"title":"T","type":"string","enum":["scsi"]}'


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(settings(tmp_path), "node-1")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def enforcement(registry: SqlRegistry, clock: list[float]) -> Callable[[MetadefSettings], Enforcement]:
    load(registry, "N", IDE)
    load(registry, "Hidden", '{"title":"T","type":"integer"}', "private")
    return lambda settings: Enforcement(registry, settings, clock=lambda: clock[0])


def test_nothing_is_enforced_unless_asked_for(enforcement: Callable[[MetadefSettings], Enforcement]) -> None:
    enforcement(MetadefSettings())({"hw_bus": "wrong"})


@pytest.mark.parametrize("names", [("N",), ("*",), ("missing", "N")])
def test_refusal_names_key_value_and_constraint(
    enforcement: Callable[[MetadefSettings], Enforcement], names: tuple[str, ...]
) -> None:
    held = enforcement(MetadefSettings(refuse=names))
    held({"hw_bus": "ide", "other": "x"})
    with pytest.raises(BadRequest) as refused:
        held({"hw_bus": "idee"})
    assert all(part in str(refused.value) for part in ("hw_bus", "'idee'", "enum", "N", "did you mean 'ide'?"))


def test_star_stands_for_public_namespaces_only(enforcement: Callable[[MetadefSettings], Enforcement]) -> None:
    enforcement(MetadefSettings(refuse=("*",)))({"hw_bus": "ide"})  # "Hidden" would want a number, but N accepts it


def test_warning_is_logged_and_nothing_refused(
    enforcement: Callable[[MetadefSettings], Enforcement], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        enforcement(MetadefSettings(warn=("N",)))({"hw_bus": "wrong"})
    assert "hw_bus" in caplog.text


def test_change_by_another_process_counts_after_a_second(
    enforcement: Callable[[MetadefSettings], Enforcement], registry: SqlRegistry, clock: list[float]
) -> None:
    held = enforcement(MetadefSettings(refuse=("N",)))
    held({"hw_bus": "ide"})
    load(registry, "N", SCSI)
    held({"hw_bus": "ide"})
    clock[0] += 1.01
    held({"hw_bus": "scsi"})
    with pytest.raises(BadRequest):
        held({"hw_bus": "ide"})


def test_judges_are_kept_while_definitions_stay_and_let_go_when_they_leave(
    enforcement: Callable[[MetadefSettings], Enforcement], registry: SqlRegistry, clock: list[float]
) -> None:
    held = enforcement(MetadefSettings(refuse=("N",)))
    held({"hw_bus": "ide"})
    kept = dict(held._judges)
    clock[0] += 2
    held({"hw_bus": "ide"})
    assert held._judges == kept
    registry.unload_metadefs(None, False, WHO)
    clock[0] += 2
    held({"hw_bus": "anything"})
    assert held._judges == {}


def test_definition_that_is_none_is_told_of_and_the_others_hold(
    enforcement: Callable[[MetadefSettings], Enforcement], registry: SqlRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    load(registry, "Broken", "no JSON")
    held = enforcement(MetadefSettings(refuse=("Broken", "N")))
    with pytest.raises(BadRequest):
        held({"hw_bus": "wrong"})
    assert "Broken" in caplog.text
