"""Definitions between files and the endpoint, and from a definition to the images that use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from glancetui.tui.boxes.definitions import ImportForm
from tests.tui.definitions import WATCHDOG
from tests.tui.fakes import ListService, Screen, screen
from tests.tui.test_acting import heard
from tests.tui.test_metadefs_view import opened

EXPLODING = {"title": "t", "type": "string", "pattern": "(a{999}){999}"}


def site(at: Screen) -> dict:
    return at.service.definitions.documents["Site::Sizes"]


async def brought(at: Screen, path: Path, how: str = "") -> None:
    """`:import PATH HOW`, typed."""
    await at.press(":")
    at.desk.prompt.query_one("Input").value = f"import {path} {how}".strip()
    await at.press("enter")


async def typed(at: Screen, path: Path) -> None:
    """The form, filled in and sent."""
    await at.press("i")
    at.app.screen.query_one("#path").value = str(path)
    await at.press("ctrl+s")


async def test_an_export_is_imported_again_without_a_change(tmp_path: Path) -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("f")
        await at.sees("Export to", "OS::Compute::Watchdog alone")
        at.app.screen.query_one("#path").value = f"{tmp_path}/all/"
        await at.sees("All 2 namespaces")
        await at.press("enter")
        await at.hears("2 namespaces written to")
        assert sorted(each.name for each in (tmp_path / "all").iterdir()) == [
            "OS-Compute-Watchdog.json",
            "Site-Sizes.json",
        ]
        await brought(at, tmp_path / "all", "overwrite")
        await at.hears("holds all of that already")
        assert not at.service.definitions.applied


async def test_one_namespace_goes_to_a_file_of_the_format_that_its_suffix_says(tmp_path: Path) -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("j", "f")
        at.app.screen.query_one("#path").value = f"{tmp_path}/a.txt"
        await at.press("enter")
        await at.sees("must end in .json")
        (tmp_path / "a.yaml").write_text("precious")
        at.app.screen.query_one("#path").value = f"{tmp_path}/a.yaml"
        await at.press("enter")
        await at.sees("enter once more replaces it")
        assert (tmp_path / "a.yaml").read_text() == "precious"
        await at.press("enter")
        await at.hears("Site::Sizes written to")
        assert (tmp_path / "a.yaml").read_text().startswith("namespace: Site::Sizes")


async def test_an_import_shows_what_would_change_before_it_is_sent(tmp_path: Path) -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        document = {**site(at), "tags": [{"name": "gold"}], "visibility": "public"}
        (tmp_path / "a.json").write_text(json.dumps({k: v for k, v in document.items() if k != "updated_at"}))
        (tmp_path / "b.json").write_text(json.dumps({"namespace": "Site::New", "tags": [{"name": "t"}]}))
        await typed(at, tmp_path)
        await at.sees("Import Site::New?", "1 tag")  # those that are there stay, unless told otherwise
        await heard(at)
        await at.press("n")
        await at.sees("you said No")
        await at.press("down", "left", "ctrl+s")
        await at.sees("Import 2 namespaces?", "visibility: private → public", "remove", "tag silver")
        await heard(at)
        await at.press("y")
        await at.until(lambda: "Site::New" in at.service.definitions.documents)
        await at.until(lambda: [each["name"] for each in site(at)["tags"]] == ["gold"])
        await at.sees("Site::New")


async def test_what_changed_meanwhile_is_left_alone_by_an_import(tmp_path: Path) -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        (tmp_path / "a.json").write_text(json.dumps({"namespace": "Site::Sizes", "tags": [{"name": "tin"}]}))
        await brought(at, tmp_path / "a.json", "merge")
        await at.sees("Import Site::Sizes?", "tag tin")
        await heard(at)
        site(at)["description"] = "Another's."
        await at.press("y")
        await at.sees("0 of 1 are done", "has changed since")
        assert {"name": "tin"} not in site(at)["tags"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps({"namespace": "x" * 81}), "80 characters"),
        (json.dumps({"namespace": "😀"}), "four bytes"),
        (json.dumps({"namespace": "x", "tags": [{"name": "t"}, {"name": "t"}]}), "twice"),
        (json.dumps({"namespace": "x", "properties": {"p": EXPLODING}}), "properties.p.pattern"),
        (json.dumps({"namespace": "Site::Sizes", "objects": [{"nme": "o"}]}), "objects.0"),
    ],
)  # fmt: skip
async def test_a_bad_file_is_told_of_in_the_form_and_nothing_is_sent(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    async with screen(ListService(3)) as at:
        await opened(at)
        await typed(at, tmp_path / "bad.json")
        await at.until(lambda: said in " ".join(getattr(at.app.screen, "problem", "").split()), 20)
        assert not at.service.definitions.applied


async def test_the_same_namespace_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"namespace": "N"}))
    async with screen(ListService(3)) as at:
        await opened(at)
        await typed(at, tmp_path)
        await at.until(lambda: "holds the namespace N, too" in getattr(at.app.screen, "problem", ""))


async def test_a_read_only_session_exports_and_does_not_import(tmp_path: Path) -> None:
    async with screen(ListService(3), read_only=True) as at:
        await opened(at)
        await brought(at, tmp_path)
        await at.hears("this session is read-only")
        assert at.app.screen is at.desk
        await at.press("f")
        await at.sees("Export to")


async def test_the_images_that_use_a_property_are_listed() -> None:
    service = ListService(6)
    service.definitions.documents["OS::Compute::Watchdog"] = {
        **WATCHDOG,
        "properties": {"disk_bus": {"title": "Bus", "type": "string"}},
    }
    async with screen(service) as at:
        service.add(7, hw_disk_bus=None, name="without")
        await opened(at)
        await at.press("u")
        await at.hears("only properties are used by images")
        await at.press("l", "j", "j", "j", "u")
        await at.until(lambda: at.desk.view is at.images)
        assert str(at.images.filter) == 'prop.hw_disk_bus!=""'
        await at.sees("prop.hw_disk_bus")
        await at.sees("6 matches")


async def test_a_long_list_of_changes_is_scrolled_before_it_is_agreed_to(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.json").write_text(json.dumps({"namespace": f"N{number:02}"}))
    async with screen(ListService(3)) as at:
        await opened(at)
        await brought(at, tmp_path)
        await at.sees("Import 30 namespaces?", "↑↓ scroll the list", "N00")
        await heard(at)
        await at.press("pagedown", "pagedown", "pagedown", "down")
        await at.sees("N29")
        await at.press("n")
        await at.until(lambda: isinstance(at.app.screen, ImportForm))
        assert not at.service.definitions.applied
