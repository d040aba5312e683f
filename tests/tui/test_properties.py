"""From an image: properties are added, changed in place and removed, by the definitions that apply."""

from __future__ import annotations

import pytest
from textual.message import Message

from glancetui.errors import Forbidden, NotFound
from tests.tui.definitions import DictDefinitions
from tests.tui.fakes import ListService, Screen, document, screen
from tests.tui.test_images_view import HOSTILE, assert_harmless

IMAGE = document(5)["id"]


async def opened(at) -> None:
    await at.press("enter", "a")
    await at.until(lambda: getattr(at.app.screen, "book", None) is not None)


async def test_a_key_and_its_value_are_completed_sent_and_undone() -> None:
    async with screen(ListService(6)) as at:
        await opened(at)
        await at.press(*"watch", "tab")
        await at.sees("hw_watchdog_action", "one of disabled, reset", "once the guest stops feeding it")
        await at.press("enter", *"po", "tab")
        await at.sees("poweroff", "right by its definition")
        await at.press("enter")
        await at.until(lambda: at.service.images[IMAGE].properties.get("hw_watchdog_action") == "poweroff")
        await at.hears("z undoes")
        await at.press("z", "enter")
        await at.until(lambda: "hw_watchdog_action" not in at.service.images[IMAGE].properties)


async def test_a_value_that_breaks_its_definition_is_explained_and_not_sent() -> None:
    async with screen(ListService(6)) as at:
        await opened(at)
        await at.press(*"site_cores", "enter", *"99", "enter")
        await at.sees("'99' is more than 8")
        assert at.app.screen.key == "site_cores"
        assert "site_cores" not in at.service.images[IMAGE].properties
        await at.press("backspace", "backspace", "4", "enter")
        await at.until(lambda: at.service.images[IMAGE].properties.get("site_cores") == "4")


async def test_a_misspelt_key_is_told_and_an_unknown_one_can_be_sent() -> None:
    async with screen(ListService(6)) as at:
        await opened(at)
        await at.press(*"hw_watchdog_acton", "enter", "x")
        await at.sees("did you mean hw_watchdog_action?")
        await at.press("shift+tab", "ctrl+u", *"mine", "enter")
        await at.sees("no definition describes it")
        await at.press("enter")
        await at.until(lambda: at.service.images[IMAGE].properties.get("mine") == "x")


async def test_what_the_image_has_already_is_not_added_again() -> None:
    async with screen(ListService(6)) as at:
        await opened(at)
        await at.press(*"hw_disk_bus", "enter", "x", "enter")
        await at.sees("has hw_disk_bus already")
        await at.press("shift+tab", "ctrl+u", *"status", "enter", "enter")
        await at.sees("status is an attribute of the image itself")


async def test_without_definitions_a_property_is_added_all_the_same() -> None:
    service = ListService(6)
    service.definitions.fails = NotFound("None here.")
    async with screen(service) as at:
        await at.press("enter", "a")
        await at.sees("shows no definitions")
        await at.press(*"mine", "enter", "x", "enter")
        await at.until(lambda: at.service.images[IMAGE].properties.get("mine") == "x")


async def test_hostile_definitions_are_plain_text_in_the_box() -> None:
    service = ListService(1)
    odd = {
        name: {"title": name, "description": name, "type": "string", "enum": [name, "b"], "default": name}
        for name in HOSTILE.values()
    }
    types = [{"name": "OS::Glance::Image"}]
    service.definitions = DictDefinitions({"namespace": "x", "resource_type_associations": types, "properties": odd})
    async with screen(service) as at:
        await opened(at)
        for _ in odd:
            await at.press("down", "tab", "enter", "tab")
            await at.pilot.pause()
            assert_harmless(at.lines())
            await at.press("ctrl+u", "shift+tab", "ctrl+u")


def given(at: Screen) -> dict[str, str | None]:
    return dict(at.service.images[IMAGE].properties)


async def tabbed(at: Screen, **properties: str) -> None:
    """The tab of properties of an image that has these, definitions read."""
    at.service.change(IMAGE, **properties)
    await at.press("enter", "]")
    await at.until(lambda: at.desk.image._book is not None)
    await at.until(lambda: properties.keys() <= {getattr(row, "key", "") for row in at.desk.image.sheet.rows})


async def on(at: Screen, key: str) -> None:
    def is_there() -> bool:
        at.desk.image.sheet.move_to(key)  # again: the rows may not have been there yet
        return getattr(at.desk.image.sheet.current, "was", None) == key

    await at.until(is_there)


async def changing(at: Screen, key: str) -> None:
    """The box that changes the property, definitions in its hands."""
    await on(at, key)
    await at.press("enter")
    await at.until(lambda: getattr(at.app.screen, "book", None) is not None)
    await at.pilot.pause()


async def test_properties_stand_under_their_namespaces_with_what_is_wrong() -> None:
    async with screen(ListService(6)) as at:
        await tabbed(at, site_cores="99", hw_watchdog_acton="reset", hw_watchdog_action="reset")
        await at.sees("Site::Sizes", "OS::Compute::Watchdog", "not described", "integer")
        rows = at.desk.image.sheet.rows
        names = [getattr(row, "key", None) or row.name for row in rows]
        assert names[-3:] == ["not described", "hw_disk_bus", "hw_watchdog_acton"]
        await on(at, "site_cores")
        await at.sees("'99' is more than 8", "a whole number from 1 to 8")
        await on(at, "hw_watchdog_acton")
        await at.sees("did you mean hw_watchdog_action?", "No definition describes it")


async def test_changes_are_marked_checked_and_sent_as_one_and_undone() -> None:
    async with screen(ListService(6)) as at:
        await tabbed(at, site_cores="2", hw_watchdog_action="reset", site_large="false")
        await changing(at, "hw_watchdog_action")
        await at.sees("disabled", "poweroff", "pause")  # all that is allowed, beside what is there
        await at.press("down", "enter")
        await at.sees("* not sent: now 'reset'", "1 not sent")
        await changing(at, "site_cores")
        await at.press("backspace", *"99", "enter")
        await at.sees("'99' is more than 8")
        await at.press("backspace", "backspace", "4", "enter")
        await changing(at, "site_large")
        await at.sees("true or false")
        await at.press("up", "enter")
        await at.sees("3 not sent")
        assert given(at)["site_cores"] == "2"
        sent = [call for call in at.service.calls if call.startswith("patch")]
        await at.press("ctrl+s")
        await at.until(lambda: given(at)["site_cores"] == "4")
        assert len([call for call in at.service.calls if call.startswith("patch")]) == len(sent) + 1
        assert (given(at)["hw_watchdog_action"], given(at)["site_large"]) == ("poweroff", "true")
        assert not at.desk.image.given
        await at.hears("z undoes")
        await at.press("z", "enter")
        await at.until(lambda: given(at)["site_cores"] == "2")


async def test_a_mark_is_dropped_and_kept_while_another_image_is_looked_at() -> None:
    async with screen(ListService(6)) as at:
        await tabbed(at, site_cores="2")
        await changing(at, "site_cores")
        await at.press("backspace", "3", "enter")
        await at.sees("1 not sent")
        at.desk.go("images")
        await at.press("j", "enter")
        await at.until(lambda: at.desk.image.image.id != IMAGE)
        assert not at.desk.image.given
        at.desk.go("images")
        await at.press("k", "enter")
        await at.sees("1 not sent")
        await on(at, "site_cores")
        await at.press("escape")
        await at.until(lambda: not at.desk.image.given)
        assert at.desk.view is at.desk.image
        await changing(at, "site_cores")
        await at.press("backspace", "2", "enter")  # as it is: nothing to mark
        await at.until(lambda: at.app.screen is at.desk)
        assert not at.desk.image.given
        assert given(at)["site_cores"] == "2"


async def test_a_look_that_finds_nothing_new_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a description that was scrolled would jump back each second."""
    async with screen(ListService(6)) as at:
        await tabbed(at, site_cores="2")
        sheet, posted = at.desk.image.sheet, []
        await on(at, "site_cores")
        post = sheet.post_message

        def noted(message: Message) -> bool:
            posted.append(message)
            return post(message)

        monkeypatch.setattr(sheet, "post_message", noted)
        at.desk.image.draw_properties()
        assert not [each for each in posted if isinstance(each, sheet.Moved)]
        sheet.move(1)
        assert [each for each in posted if isinstance(each, sheet.Moved)]


async def test_quitting_asks_while_a_change_is_not_sent() -> None:
    async with screen(ListService(6)) as at:
        await tabbed(at, site_cores="2")
        await changing(at, "site_cores")
        await at.press("backspace", "3", "enter")
        await at.until(lambda: at.desk.image.given)
        await at.press("ctrl+q")
        await at.sees("1 property is changed and not sent")
        await at.press("s")
        await at.until(lambda: at.app.screen is at.desk)
        assert at.desk.image.given
        await at.press("ctrl+q", "d")
        await at.until(lambda: at.app.return_value == 0)


async def test_a_mistyped_key_is_renamed_with_its_value_checked() -> None:
    async with screen(ListService(6)) as at:
        await tabbed(at, hw_watchdog_acton="reset")
        await changing(at, "hw_watchdog_acton")
        await at.until(lambda: at.app.screen.key_field.has_focus)
        await at.press("tab")
        await at.sees("hw_watchdog_action", "right by its definition")
        await at.press("enter", "enter")
        await at.sees("as hw_watchdog_acton")
        await at.press("ctrl+s")
        await at.until(lambda: given(at).get("hw_watchdog_action") == "reset")
        assert "hw_watchdog_acton" not in given(at)


async def test_a_property_is_removed_and_what_is_refused_stays_marked() -> None:
    async with screen(ListService(6)) as at:
        await tabbed(at, site_cores="2")
        await on(at, "site_cores")
        await at.press("D")
        await at.until(lambda: "site_cores" not in given(at))
        await at.press("z", "enter")
        await at.until(lambda: given(at).get("site_cores") == "2")
        await at.until(lambda: at.desk.image.image.properties.get("site_cores") == "2")
        await changing(at, "site_cores")
        await at.press("backspace", "3", "enter")
        await at.sees("1 not sent")
        at.service.fails = Forbidden("Not yours.")
        await at.press("ctrl+s")
        await at.hears("was not given site_cores: Not yours.")
        assert given(at)["site_cores"] == "2"
        assert at.desk.image.given


async def test_a_read_only_session_changes_no_property() -> None:
    async with screen(ListService(6), read_only=True) as at:
        await tabbed(at, site_cores="2")
        before = given(at)
        for key in ("enter", "a", "D", "ctrl+s"):
            await at.press(key)
            assert at.app.screen is at.desk
        assert given(at) == before


async def test_without_definitions_properties_are_shown_and_changed_all_the_same() -> None:
    service = ListService(6)
    service.definitions.fails = NotFound("None here.")
    async with screen(service) as at:
        await at.press("enter", "]")
        await at.sees("hw_disk_bus", "shows no definitions")
        await at.press("enter", "ctrl+u", *"ide", "enter", "ctrl+s")
        await at.until(lambda: given(at)["hw_disk_bus"] == "ide")


async def test_hostile_properties_are_plain_text_in_the_sheet() -> None:
    service = ListService(1)
    async with screen(service) as at:
        at.service.change(document(0)["id"], **{f"k{name}": name for name in HOSTILE.values()})
        await at.press("enter", "]")
        await at.until(lambda: len(at.desk.image.sheet.rows) > len(HOSTILE))
        for _ in at.desk.image.sheet.rows:
            for keys in (("j",), ("enter",), ("escape",)):
                await at.press(*keys)
                await at.pilot.pause()
                assert_harmless(at.lines())
