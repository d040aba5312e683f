"""Definitions made, changed and deleted from the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from glancetui.tui.boxes.form import FormBox
from tests.tui.fakes import ListService, screen
from tests.tui.test_acting import edits, heard  # noqa: F401 - a fixture
from tests.tui.test_metadefs_view import opened


def site(at) -> dict:
    return at.service.definitions.documents["Site::Sizes"]


async def test_a_namespace_and_a_property_in_it_are_made_by_forms() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("n", *"Site::Racks", "ctrl+s")
        await at.until(lambda: "Site::Racks" in at.service.definitions.documents)
        await at.until(lambda: at.desk.metadefs.current.name == "Site::Racks")
        await at.press("a", "p", *"row")
        await at.sees("Takes a text")
        at.app.screen.query_one("#pattern").value = "^[a-z"
        await at.sees("no regular expression")
        at.app.screen.query_one("#pattern").value = "^[a-z]+$"
        at.app.screen.query_one("#sample").value = "B7"
        await at.sees("'B7' does not match")
        at.app.screen.query_one("#sample").value = "b"
        await at.sees("The sample is right")
        await at.press("ctrl+s")
        await at.until(lambda: at.service.definitions.documents["Site::Racks"]["properties"].get("row"))
        made = at.service.definitions.documents["Site::Racks"]["properties"]["row"]
        assert made == {"type": "string", "title": "row", "pattern": "^[a-z]+$"}
        await at.until(lambda: at.desk.metadefs.current.name == "row")


async def test_a_form_shows_the_fields_of_the_type_and_keeps_what_it_does_not_show() -> None:
    async with screen(ListService(3)) as at:
        site(at)["properties"]["site_cores"]["operators"] = ["<or>"]
        await opened(at)
        await at.press("j", "l", "j", "j", "j", "E")
        await at.sees("At least", "Allowed")
        assert "Pattern" not in at.text()
        at.app.screen.query_one("#most").value = "x"
        await at.press("ctrl+s")
        await at.sees("'x' is no number")
        at.app.screen.query_one("#most").value = "16"
        await at.press("ctrl+s")
        await at.sees("Change site_cores?", "maximum: 8 → 16")
        await heard(at)
        await at.press("y")
        await at.until(lambda: site(at)["properties"]["site_cores"]["maximum"] == 16)
        assert site(at)["properties"]["site_cores"]["operators"] == ["<or>"]


async def test_a_no_opens_the_form_as_it_was_left() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("j", "E", *"!", "ctrl+s")
        await at.sees("Change Site::Sizes?")
        await heard(at)
        await at.press("n")
        await at.sees("you said No", "Sizes of this site!")


async def test_tags_objects_and_resource_types_are_added_and_deleted() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("j", "a", "t", *"bronze", "ctrl+s")
        await at.until(lambda: {"name": "bronze"} in site(at)["tags"])
        await at.until(lambda: at.desk.metadefs.current.name == "bronze")
        await at.press("a", "r")
        await at.sees("Goes on", "OS::Cinder::Volume", "another type")
        await at.press("enter", "tab", *"c_", "ctrl+s")
        added = {"name": "OS::Cinder::Volume", "prefix": "c_"}
        await at.until(lambda: added in site(at)["resource_type_associations"])
        await at.until(lambda: at.desk.metadefs.current.name == "OS::Cinder::Volume")
        await at.press("a", "o", *"Room", "ctrl+s")
        await at.until(lambda: at.desk.metadefs.current.name == "Room")
        await at.press("a", *"door", "ctrl+s")
        await at.until(lambda: at.desk.metadefs.current.name == "door")
        assert [each["properties"] for each in site(at)["objects"] if each["name"] == "Room"]
        await at.press("D")
        await at.sees("Delete property door?")
        await heard(at)
        await at.press("y")
        await at.until(lambda: at.desk.metadefs.current.name == "Room")
        await at.press("D")
        await heard(at)
        await at.press("y")
        await at.until(lambda: [each["name"] for each in site(at)["objects"]] == ["Rack"])


async def test_a_protected_namespace_is_unprotected_before_it_is_deleted_by_its_name() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("D")
        await at.hears("is protected; P unprotects it")
        await at.press("P")
        await at.sees("Unprotect OS::Compute::Watchdog?", "protected: true → false")
        await heard(at)
        await at.press("y")
        await at.until(lambda: not at.desk.metadefs.documents["OS::Compute::Watchdog"]["protected"])
        await at.press("D")
        await at.sees("This cannot be undone", "watchdog_action")
        await heard(at)
        await at.press(*"OS::Compute::Watchdog", "enter")
        await at.until(lambda: list(at.service.definitions.documents) == ["Site::Sizes"])
        await at.until(lambda: at.desk.metadefs.current.name == "Site::Sizes")


async def test_visibility_is_changed_after_consent_and_never_of_what_changed_meanwhile() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("j", "V")
        await at.sees("to everybody?", "private → public")
        await heard(at)
        site(at)["description"] = "Another's."
        await at.press("y")
        await at.hears("has changed since")
        assert site(at)["visibility"] == "private"


async def test_the_editor_gets_the_namespace_and_what_is_wrong_comes_back(edits, tmp_path: Path) -> None:  # noqa: F811
    steps, seen = edits
    async with screen(ListService(3)) as at:
        await opened(at)
        steps += [("maximum: 8", "maximum: -1"), ("maximum: -1", "maximum: 12")]
        await at.press("j", "e")
        await at.sees("Change Site::Sizes?", "maximum: 8 → 12", seconds=8)
        assert "NOT SENT" in seen[1]
        await heard(at)
        await at.press("y")
        await at.until(lambda: site(at)["properties"]["site_cores"]["maximum"] == 12)
        assert list((tmp_path / "glancetui" / "edits").iterdir()) == []


async def test_a_read_only_session_changes_nothing() -> None:
    async with screen(ListService(3), read_only=True) as at:
        await opened(at)
        for key in "naeEDPV":
            await at.press(key)
            assert at.app.screen is at.desk
        assert not at.service.definitions.applied


EXPLODING = "(a{999}){999}"


@pytest.mark.parametrize(
    ("keys", "field", "value", "said"),
    [
        (("n",), "namespace", "x" * 81, "80"),
        (("n",), "namespace", "😀", "four bytes"),
        (("n",), "namespace", "a/b", "cannot stand in a path"),
        (("n",), "namespace", "Site::Sizes", "There is a namespace Site::Sizes already"),
        pytest.param(("n",), "description", "x" * 501, "longer than 500", id="longest"),
        (("j", "a", "p"), "name", "x" * 81, "80"),
        (("j", "a", "p"), "name", "site_cores", "There is a property site_cores already"),
        (("j", "a", "p"), "pattern", EXPLODING, "grows too large"),
        (("j", "a", "p"), "pattern", "((a", "no regular expression"),
        (("j", "a", "p"), "allowed", "'open", "No closing quotation"),
        (("j", "a", "p"), "most", "-1", "maxLength"),
        (("j", "l", "j", "j", "j", "E"), "least", "9", "minimum 9 is above maximum 8"),
        (("j", "a", "t"), "name", "gold", "twice"),
        (("j", "a", "t"), "name", "😀", "four bytes"),
        (("j", "a", "o"), "name", "Rack", "twice"),
        (("j", "a", "o"), "required", "a,b", "comma"),
    ],
)
async def test_bad_input_is_told_at_its_field_while_it_is_typed_and_is_not_sent(
    keys: tuple[str, ...], field: str, value: str, said: str
) -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press(*keys)
        await at.until(lambda: isinstance(at.app.screen, FormBox))
        box = at.app.screen
        for found in box.query("#namespace, #name"):
            found.value = found.value or "A"
        box.query_one(f"#{field}").value = value
        await at.until(lambda: box.query_one(f"#row-{field}").has_class("wrong"))
        await at.press("ctrl+s")
        await at.until(lambda: box.query_one(f"#{field}").has_focus)
        assert said in box.problem
        assert at.app.screen is box
        assert not at.service.definitions.applied


async def test_a_namespace_is_changed_as_json_checked_while_it_is_typed() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("j", "l", "j", "j", "j", "r", "E")
        await at.sees("Site::Sizes as JSON", '"site_cores"')
        box = at.app.screen
        area = box.query_one("#document")
        right = area.text
        for text, said in (
            (right.replace("8", "-8"), "minimum 1 is above maximum -8"),
            (right[:-3], "this is not JSON"),
            ("[" * 100_000, "nested too deeply"),
            (right.replace("Site::Sizes", "Other", 1), "the name stays Site::Sizes"),
            (right.replace('"gold"', '"silver"'), "silver stands in the document twice"),
        ):
            area.text = text
            await at.until(lambda said=said: said in box.problem)
            await at.press("ctrl+s")
            assert at.app.screen is box
        area.text = right.replace("8", "16", 1)
        await at.until(lambda: not box.problem)
        await at.press("escape")
        await at.sees("esc once more drops what you typed")
        await at.press("ctrl+s")
        await at.sees("Change Site::Sizes?", "maximum: 8 → 16")
        await heard(at)
        await at.press("y")
        await at.until(lambda: site(at)["properties"]["site_cores"]["maximum"] == 16)
        await at.until(lambda: at.desk.view is at.desk.metadefs)
