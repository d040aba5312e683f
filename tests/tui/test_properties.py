"""From an image: a property is added by the definitions that apply."""

from __future__ import annotations

from glancetui.errors import NotFound
from tests.tui.definitions import DictDefinitions
from tests.tui.fakes import ListService, document, screen
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
