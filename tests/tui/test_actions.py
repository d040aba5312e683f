"""Every action of the table, pressed once: an action that no entry here tries is a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glancetui.errors import ConfigError
from glancetui.tui import settings as tui_settings
from glancetui.tui.actions import ACTIONS, BY_ID, Keymap, of_view
from glancetui.tui.boxes.columns import Columns
from glancetui.tui.boxes.confirm import Confirm
from glancetui.tui.boxes.definitions import ImportForm
from glancetui.tui.boxes.find import Find
from glancetui.tui.boxes.help import Help
from glancetui.tui.boxes.line import LineBox
from glancetui.tui.boxes.pick import Pick
from glancetui.tui.boxes.property import PropertyBox
from glancetui.tui.boxes.publish import PublishForm
from glancetui.tui.boxes.save import SaveBox
from glancetui.tui.transfers import Order, State
from tests.tui.fakes import ListService, Screen, document, screen

NEWEST = document(59)["id"]
Effect = Callable[[Screen], object]


def titled(title: str) -> Effect:
    return lambda at: isinstance(at.app.screen, Pick) and at.app.screen.heading == title


def opened(kind: type) -> Effect:
    return lambda at: isinstance(at.app.screen, kind)


def at_view(name: str) -> Effect:
    return lambda at: at.desk.view.name_of_view == name


def cursor(test: Callable[[int, int], bool]) -> Effect:
    return lambda at: test(at.table.cursor, at.table.height)


# action → (keys before it, what must come of it); all begin in the list, on the newest of 60 images
EFFECTS: dict[str, tuple[tuple[str, ...], Effect]] = {
    "go.down": ((), cursor(lambda row, _: row == 1)),
    "go.up": (("j", "j"), cursor(lambda row, _: row == 1)),
    "go.first": (("j", "j"), cursor(lambda row, _: row == 0)),
    "go.last": ((), cursor(lambda row, _: row == 59)),
    "go.half_down": ((), cursor(lambda row, height: row == height // 2)),
    "go.half_up": (("ctrl+f",), cursor(lambda row, height: 0 < row < height)),
    "go.page_down": ((), cursor(lambda row, height: row == height)),
    "go.page_up": (("ctrl+f",), cursor(lambda row, _: row == 0)),
    "go.left": (("l",), lambda at: at.table.shift == 0),
    "go.right": ((), lambda at: at.table.shift == 1),
    "go.open": ((), at_view("image")),
    "go.back": (("enter",), at_view("images")),
    "go.last_view": (("3", "2"), at_view("transfers")),
    "go.next_pane": ((), lambda at: at.images.pane.has_focus),
    "go.previous_pane": (("tab",), lambda at: at.table.has_focus),
    "go.next_tab": (("enter",), lambda at: at.desk.image.tab == 1),
    "go.previous_tab": (("enter",), lambda at: at.desk.image.tab == 5),
    **{f"view.{name}": ((), at_view(name)) for name in ("dashboard", "transfers", "stores", "services", "findings")},
    **{f"view.{name}": ((), at_view(name)) for name in ("cache", "tasks", "events", "metadefs")},
    "view.images": (("3",), at_view("images")),
    "ask.command": ((), lambda at: at.desk.prompt.is_open and at.desk.prompt.kind == ":"),
    "ask.filter": ((), lambda at: at.desk.prompt.is_open and at.desk.prompt.kind == "/"),
    "ask.next_match": (("r", "slash", *"os_", "enter"), lambda at: at.desk.raw.at == 1),
    "list.mark": ((), lambda at: list(at.table.marks) == [NEWEST] and at.table.cursor == 1),
    "list.range": ((), lambda at: list(at.table.marks) == [NEWEST] and at.table.cursor == 0),
    "list.mark_all": ((), lambda at: len(at.table.marks) == 60),
    "list.unmark": (("space", "space"), lambda at: not at.table.marks),
    "list.sort": ((), titled("Sort by")),
    "list.columns": ((), opened(Columns)),
    "ask.find": ((), opened(Find)),
    "list.more": ((), lambda at: "nothing more to look through" in at.app.session.notices[-1].sentence),
    "list.grow": ((), lambda at: at.images._share == 4),
    "list.shrink": ((), lambda at: at.images._share == 2),
    "look.copy": ((), titled("Copy")),
    "look.raw": ((), at_view("raw")),
    "look.save": (("j", "j"), opened(SaveBox)),
    "look.refresh": ((), lambda at: at.app.session.connection.due <= at.app.session.clock() + 1),
    "look.redraw": ((), at_view("images")),
    "look.help": ((), opened(Help)),
    "look.menu": ((), titled("Actions")),
    "image.new": ((), opened(PublishForm)),
    "image.delete": ((), opened(Confirm)),
    "image.protect": ((), lambda at: at.service.images[NEWEST].protected),
    "image.hide": ((), lambda at: at.service.images[NEWEST].os_hidden),
    "image.visibility": ((), titled("Visible to")),
    "image.activate": ((), opened(Confirm)),
    "image.edit": ((), lambda at: "editor" in at.app.session.notices[-1].sentence),  # a test's screen cannot be lent
    "image.amend": ((), opened(LineBox)),
    "image.add": (("enter",), opened(PropertyBox)),
    "cache.warm": (("j", "j"), lambda at: len(at.service.cache.queued) == 1),
    "cache.tend": (("7",), titled("Cache")),
    "property.send": (
        ("enter", "]", "enter", "ctrl+u", "x", "enter"),
        lambda at: at.service.images[NEWEST].properties["hw_disk_bus"] == "x",
    ),
    "look.used": (("0", *"/watchdog_action", "enter"), at_view("images")),
    "definition.import": (("0",), opened(ImportForm)),
    "transfer.cancel": (("3",), opened(Confirm)),
    "undo.list": (("P",), titled("Undo")),
    "app.quit": (("enter",), at_view("images")),
    "app.exit": ((), lambda at: at.app.return_value == 0),
    "app.interrupt": ((), lambda at: "quits" in at.app.session.notices[-1].sentence),
}


def test_every_action_is_tried_here() -> None:
    assert set(EFFECTS) == set(BY_ID)


LAST = ("app.interrupt", "app.exit")  # after these the program is on its way out


@pytest.mark.parametrize("part", [0, 1])
async def test_each_action_does_what_its_key_promises(part: int) -> None:
    names = sorted(EFFECTS.keys() - set(LAST))[part::2] + list(LAST[part::2])
    async with screen(ListService(60), (120, 40)) as at:
        images = dict(at.service.images)
        for name in names:
            await begin_again(at, images)
            keys, effect = EFFECTS[name]
            await at.press(*keys)
            if name == "ask.next_match":
                await at.until(lambda: at.desk.raw.found)
            if name == "look.used":
                await at.until(
                    lambda: len(at.desk.metadefs.outline.rows) == 2
                )  # the property that was sought is in sight
                await at.press("G")
            if name == "undo.list":
                await at.until(lambda: at.app.session.history.changes)
            if name == "transfer.cancel":
                order = Order(upload=True, name="x", path="/x", arguments=(), operand="x", total=1)
                at.app.session.transfers.add(order).state = State.RUNNING
            await at.press(BY_ID[name].keys[0])
            await at.until(lambda shown=effect: shown(at), 8)


async def begin_again(at: Screen, images: dict) -> None:
    """The list, on the newest of 60 images, nothing marked, nothing open."""
    while at.app.screen is not at.desk:
        at.app.pop_screen()
    if at.desk.prompt.is_open:
        at.desk.prompt.leave()
    with at.service.lock:
        at.service.images = dict(images)
        at.service._etag = str(next(at.service._etags))
    at.app.session.transfers.transfers.clear()
    at.desk.image.tab = at.table.shift = 0
    at.images._share = 3
    at.desk.go("dashboard")
    at.desk.go("images")
    at.images.try_filter("")
    at.table.clear_marks()
    await at.until(lambda: (row := at.images.source.rows.row(0)) and row.document == images[NEWEST].document)
    at.table.move(0)
    await at.pilot.pause()


async def test_the_same_works_by_name_at_the_prompt() -> None:
    async with screen(ListService(5)) as at:
        await at.press(":", *"sort name asc", "enter")
        await at.until(lambda: (at.images.order.key, at.images.order.descending) == ("name", False))
        await at.press(":", *"protect", "enter")
        await at.until(lambda: any(image.protected for image in at.service.images.values()))
        await at.press(":", *"tr", "enter")
        await at.until(lambda: at.desk.view.name_of_view == "transfers")
        await at.press(":", *"images /status=active", "enter")
        await at.until(lambda: str(at.images.filter) == "status=active")
        await at.press(":", *"deleet", "enter")
        await at.hears("Near: delete")


async def test_views_of_later_versions_keep_their_number_and_say_what_is_missing() -> None:
    async with screen(ListService(5), (120, 40)) as at:
        await at.press("4")
        await at.sees("Health, capacity and latency of each store", "does not have the view yet", "Meanwhile")


def test_lowercase_keys_never_change_the_server() -> None:
    for action in ACTIONS:
        for key in action.keys:
            if action.acts and action.id != "undo.list":
                assert len(key) == 1
                assert key.isupper()


def test_one_key_has_one_meaning_in_every_view() -> None:
    meanings: dict[str, set[str]] = {}
    for action in ACTIONS:
        for key in action.keys:
            meanings.setdefault(key, set()).add(action.id)
    assert all(len(ids) == 1 for ids in meanings.values())


def test_every_view_has_footer_entries_and_help() -> None:
    for view in ("dashboard", "images", "image", "transfers", "raw", "cache"):
        assert any(action.weight for action in of_view(view))
        assert all(action.help.endswith(".") for action in of_view(view))


def test_a_remapped_key_works_and_a_clash_names_both() -> None:
    keymap = Keymap({"image.delete": "f8"})
    assert keymap.find("f8", "images") is BY_ID["image.delete"]
    assert keymap.find("D", "images") is None
    with pytest.raises(ConfigError, match=r"'P'.*image\.delete.*image\.protect|'P'.*image\.protect.*image\.delete"):
        Keymap({"image.delete": "P"})
    with pytest.raises(ConfigError, match="no action"):
        Keymap({"image.explode": "f8"})
    with pytest.raises(ConfigError, match="cannot tell"):
        Keymap({"image.delete": "ctrl+i"})


def test_settings_that_cannot_be_used_are_named_and_the_rest_works(tmp_path: Path) -> None:
    file = tmp_path / "tui.toml"
    assert tui_settings.load(file) == (tui_settings.Settings(), [])
    file.write_text('theme = "light"\npage_size = 5\ncolour = 3\nmouse = "yes"\n[keys]\n"image.delete" = "f8"\n')
    found, complaints = tui_settings.load(file)
    assert found.theme == "light"
    assert found.keys == {"image.delete": "f8"}
    assert found.page_size == 200
    assert len(complaints) == 3
    assert all(str(file) in complaint for complaint in complaints)
    file.write_text("theme = \nmouse = true\n")
    found, complaints = tui_settings.load(file)
    assert found == tui_settings.Settings()
    assert "line 1" in complaints[0]


async def test_a_text_is_moved_in_by_all_the_keys_of_a_list() -> None:
    service = ListService(0)
    service.add(0, **{f"key-{number:03}": "x" for number in range(120)})
    async with screen(service) as at:
        await at.press("r")
        pane = at.desk.raw.pane
        await at.until(lambda: pane.max_scroll_y > 60)
        page = pane.size.height
        ends = {"G": pane.max_scroll_y, "g": 0, "ctrl+d": page // 2, "ctrl+f": page // 2 + page, "ctrl+b": page // 2}
        for key, line in (ends | {"j": page // 2 + 1, "k": page // 2, "ctrl+u": 0}).items():
            await at.press(key)
            await at.until(lambda line=line: pane.scroll_y == line)
