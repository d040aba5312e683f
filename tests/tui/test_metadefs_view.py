"""The tree of metadata definitions, its search, its detail."""

from __future__ import annotations

import pytest

from glancetui.errors import Forbidden, NotFound
from glancetui.tui.actions import of_view
from tests.tui.definitions import SIZES, WATCHDOG, DictDefinitions
from tests.tui.fakes import ListService, screen
from tests.tui.test_images_view import HOSTILE, assert_harmless


def names(at) -> list[str]:
    return [node.name for node in at.desk.metadefs.outline.rows]


async def opened(at) -> None:
    await at.press("0")
    await at.until(lambda: at.desk.metadefs.documents and not at.desk.metadefs.unread)
    await at.pilot.pause()


async def test_opens_namespaces_and_says_what_a_value_must_be() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.sees("OS::Compute::Watchdog", "Site::Sizes", "protected")
        await at.press("l", "j", "j", "j")
        assert names(at)[1:4] == ["OS::Glance::Image", "OS::Nova::Flavor", "watchdog_action"]
        await at.press("enter")
        await at.sees(
            "hw_watchdog_action on OS::Glance::Image",
            "hw:watchdog_action on OS::Nova::Flavor",
            "one of disabled, reset, poweroff, pause, none",
        )
        await at.press("escape", "h")
        await at.until(lambda: at.desk.metadefs.current.kind == "namespace")
        await at.press("h")
        assert names(at) == ["OS::Compute::Watchdog", "Site::Sizes"]


async def test_beside_the_tree_the_detail_follows_the_cursor() -> None:
    async with screen(ListService(3), (120, 40)) as at:
        await opened(at)
        await at.sees("What happens to a guest that hangs", "2 resource types")
        await at.press("j", "enter", "j", "j")
        await at.sees("a text that matches ^[a-z]{3}-[0-9]+$")
        await at.press("j")
        await at.sees("a whole number from 1 to 8", "Default      2")
        await at.press("j", "j", "l", "j")
        await at.sees("Rack, an object of Site::Sizes", "Counted from the door")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("hw_watch", ["OS::Compute::Watchdog", "watchdog_action"]),  # as the key stands on an image
        ("feeding", ["OS::Compute::Watchdog", "watchdog_action"]),
        ("door", ["Site::Sizes", "Rack", "site_row"]),
        ("SILVER", ["Site::Sizes", "silver"]),
        ("house rules", ["Site::Sizes"]),
    ],
)
async def test_search_finds_keys_and_descriptions_and_shows_where_they_are(typed: str, found: list[str]) -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("slash", *typed, "enter")
        await at.until(lambda: names(at) == found)
        await at.press("G", "escape")  # what was found stays under the cursor, and what it lies in open
        await at.until(lambda: not at.desk.metadefs.sought)
        assert at.desk.metadefs.current.name == found[-1]


async def test_a_search_that_finds_nothing_says_so() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("slash", *"quux", "enter")
        await at.sees("No key and no description holds 'quux'")
        await at.press("escape")
        await at.sees("Site::Sizes")


async def test_what_others_change_shows_by_itself_and_the_cursor_stays() -> None:
    async with screen(ListService(3), (120, 40)) as at:
        await opened(at)
        await at.press("j", "l", "j", "j")
        at.service.definitions.documents["A::First"] = {**WATCHDOG, "namespace": "A::First"}
        at.service.definitions.documents["Site::Sizes"]["properties"]["aaa"] = {"title": "A", "type": "string"}
        await at.sees("A::First", "aaa", seconds=8)
        assert at.desk.metadefs.current.name == "site_code"


async def test_an_endpoint_without_definitions_is_explained() -> None:
    service = ListService(3)
    async with screen(service) as at:
        service.definitions.fails = NotFound("Not here.")
        await at.press("0")
        await at.sees("has no metadata definitions")
        service.definitions.fails = Forbidden("No.")
        await at.sees("does not let you read metadata definitions", seconds=8)
        service.definitions.fails = None
        service.definitions.documents.clear()
        await at.sees("No definitions yet", seconds=8)


async def test_the_document_is_shown_and_copied_with_the_command_that_shows_the_same() -> None:
    async with screen(ListService(3)) as at:
        await opened(at)
        await at.press("j", "l", "j", "j", "r")
        await at.sees("Metadefs › site_code › Raw", '"pattern"')
        await at.press("escape", "y", "c")
        await at.until(lambda: at.app.clipboard == "glancetui metadef property show Site::Sizes site_code")


async def test_hostile_definitions_are_plain_text() -> None:
    service = ListService(0)
    service.definitions = DictDefinitions()
    for number, name in enumerate(HOSTILE.values()):
        odd = {"title": name, "description": name, "type": "string", "pattern": name, "enum": [name], "default": name}
        document = {
            **SIZES,
            "namespace": f"{number}{name}",
            "display_name": name,
            "description": name,
            "resource_type_associations": [{"name": name, "prefix": name}],
            "properties": {name: odd, "not": {"type": 7}},
            "objects": [{"name": name, "description": name, "properties": {name: odd}}],
            "tags": [{"name": name}],
        }
        service.definitions.documents[document["namespace"]] = document
    async with screen(service) as at:
        await opened(at)
        for row in range(len(HOSTILE) * 6):
            await at.press("l", "enter")
            await at.pilot.pause()
            assert_harmless(at.lines())
            await at.press("escape")
            assert_harmless(at.lines())
            at.desk.metadefs.outline.go(row)


def test_every_action_of_the_view_has_a_method() -> None:
    from glancetui.tui.desk import Desk
    from glancetui.tui.views.metadefs import MetadefsView

    for action in of_view("metadefs"):
        if not action.id.startswith(("view.", "app.interrupt")):
            assert hasattr(MetadefsView, f"act_{action.name}") or hasattr(Desk, f"act_{action.name}"), action.id
