"""What the screens look like. A picture that changes is looked at before it is accepted (`--snapshot-update`)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from glancetui.client.text import cells
from glancetui.tui.application import GlanceApp
from glancetui.tui.settings import Settings
from tests.tui.fakes import NOW, ListService, Opening, screen
from tests.tui.test_images_view import HOSTILE

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}


def program(service: ListService, **settings: object) -> GlanceApp:
    app = GlanceApp(Opening(service), Settings(**{"motion": False, "ascii": False, **settings}))
    app.session.wall = lambda: NOW
    app.animation_level = "none"
    return app


async def settled(pilot: Pilot[int]) -> None:
    app = pilot.app
    assert isinstance(app, GlanceApp)
    for _ in range(500):
        await pilot.pause(0.02)
        if app.session.service is not None and not app.desk.images.source.loading and app.desk.images.source.read_at:
            break
    app.session.connection.due = app.session.clock() + 3600  # nothing moves while the picture is taken
    app.desk.images.source.read_at = app.session.clock() + 3600  # however slow the machine, it is read just now
    await pilot.pause(0.15)


def then(*keys: str) -> Callable[[Pilot[int]], object]:
    async def run(pilot: Pilot[int]) -> None:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            pilot.app.session.connection.due = pilot.app.session.clock() + 3600
            while pilot.app.desk.images._preview_timer is not None:
                await pilot.pause(0.02)  # the preview follows the cursor a moment later
        await pilot.pause(0.4)
        for box in pilot.app.screen.query("Input"):
            box.cursor_blink = False

    return run


def reading(*keys: str) -> Callable[[Pilot[int]], object]:
    """As `then`, once the definitions are read."""

    async def run(pilot: Pilot[int]) -> None:
        await settled(pilot)
        pilot.app.session.connection.due = 0.0
        first, *rest = keys
        await pilot.press(first)
        view = pilot.app.desk.metadefs
        while first == "0" and (view.read_at is None or view.unread):
            await pilot.pause(0.02)
        view.read_at = pilot.app.session.clock() + 3600  # however slow the machine, it is read just now
        if first == "enter":
            await pilot.press(rest.pop(0))
            while pilot.app.screen.book is None:
                await pilot.pause(0.02)
        await then(*rest)(pilot)

    return run


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize(
    "keys",
    [("j", "j", "space"), ("enter",), ("n",), ("j", "D"), ("?",)],
    ids=["images", "detail", "publish", "delete", "help"],
)
def test_picture(snap_compare, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    assert snap_compare(program(ListService(40)), run_before=then(*keys), terminal_size=size)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize(
    "keys",
    [("0", "j", "l", "j", "j"), ("0", "j", "l", "j", "j", "E"), ("enter", "a", *"site_c", "down")],
    ids=["tree", "form", "add"],
)
def test_picture_of_definitions(snap_compare, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    assert snap_compare(program(ListService(40)), run_before=reading(*keys), terminal_size=size)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_picture_of_the_cache(snap_compare, size: tuple[int, int]) -> None:
    service = ListService(40)
    *cached, queued = [image for image in service.images.values() if image.status == "active"][:4]
    for number, image in enumerate(cached):
        service.cache.hold(image.id, image.size or 0, hits=17 * number)
    service.cache.queued.append(queued.id)

    async def run(pilot: Pilot[int]) -> None:
        await settled(pilot)
        pilot.app.session.connection.due = 0.0
        await pilot.press("7")
        while not pilot.app.desk.cache.entries.rows:
            await pilot.pause(0.02)
        await then("j", "space")(pilot)

    assert snap_compare(program(service), run_before=run, terminal_size=size)


def test_picture_of_hostile_names(snap_compare) -> None:
    service = ListService(0)
    for number, name in enumerate(HOSTILE.values()):
        service.add(number, name=name)
    assert snap_compare(program(service), run_before=then(), terminal_size=(80, 24))


@pytest.mark.parametrize("theme", ["light", "contrast", "ansi-dark"])
def test_picture_of_a_theme(snap_compare, theme: str) -> None:
    assert snap_compare(program(ListService(40), theme=theme), run_before=then("j"), terminal_size=(80, 24))


def test_picture_in_ascii(snap_compare) -> None:
    assert snap_compare(program(ListService(40), ascii=True), run_before=then("j", "space"), terminal_size=(80, 24))


def test_picture_without_colour(snap_compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(program(ListService(40)), run_before=then("j", "space"), terminal_size=(80, 24))


async def test_ascii_draws_nothing_but_ascii() -> None:
    service = ListService(0)
    for number, name in enumerate(HOSTILE.values()):
        service.add(number, name=name)
    async with screen(service, settings=Settings(motion=False, ascii=True)) as at:
        await at.sees("NAME")
        for keys in (
            (),
            ("enter",),
            ("escape", "D"),
            ("escape", "n"),
            ("escape", "?"),
            ("escape", "x"),
            ("escape", "3"),
        ):
            await at.press(*keys)
            await at.pilot.pause()
            assert at.text().replace("\n", "").isascii(), at.text()
            assert {cells(line) for line in at.lines()} == {80}
