"""The list of images: scrolling, staying, filtering, sorting, marking, and what happens elsewhere."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from glancetui.client.problems import Unreachable
from glancetui.client.text import cells
from glancetui.client.values import Part
from glancetui.errors import Unauthenticated, Unavailable
from tests.tui.fakes import ListService, Opening, document, screen


async def test_shows_the_newest_first_with_status_size_and_format() -> None:
    async with screen(ListService(3)) as at:
        await at.sees("cirros-0.6-2")
        first = at.lines()[3]
        assert "cirros-0.6-2" in first
        assert "◌ queued" in first
        assert "qcow2" in first
        assert "1 of 3" in at.text()


async def test_ten_thousand_rows_are_walked_with_a_handful_of_pages_in_memory() -> None:
    async with screen(ListService(10_000)) as at:
        for _ in range(30):
            await at.press("pagedown")
            await at.calm()
        assert at.table.cursor == 30 * at.table.height
        assert sum(page.rows is not None for page in at.images.source.rows._pages) <= 40
        assert "·····" not in at.text()


async def test_the_end_is_reached_by_the_reversed_sort_without_reading_between() -> None:
    async with screen(ListService(5000)) as at:
        await at.press("G")
        await at.sees("ubuntu-24.04-server-0")
        assert at.table.current.id == document(0)["id"]
        assert len(at.service.pages) < 8
        await at.press("k", "k")
        assert at.table.current.id == document(2)["id"]
        await at.press("g")
        await at.until(lambda: at.table.current and at.table.current.id == document(4999)["id"])


async def test_scrolling_up_from_the_end_goes_on_to_the_first_row() -> None:
    async with screen(ListService(450)) as at:
        await at.press("G")
        await at.until(lambda: at.images.source.backwards and len(at.images.source) >= 200)
        for _ in range(40):
            await at.press("pageup")
            await at.calm()
            if at.images.source.complete and at.table.cursor == 0:
                break
        assert at.table.current.id == document(449)["id"]


async def test_the_cursor_stays_on_its_image_when_others_arrive_above() -> None:
    async with screen(ListService(300)) as at:
        for _ in range(40):
            await at.press("j")
        chosen, line = at.table.cursor_id, at.table.cursor - at.table.top
        for number in range(300, 305):
            at.service.add(number)
        await at.until(lambda: at.table.cursor == 45)
        assert at.table.cursor_id == chosen
        assert at.table.cursor - at.table.top == line
        await at.sees("▲ 5 new")
        await at.press("g")
        await at.sees("debian-13-301")


async def test_a_change_made_elsewhere_appears_within_two_seconds() -> None:
    async with screen(ListService(20)) as at:
        at.service.add(50, name="published elsewhere")
        await at.sees("published elsewhere", seconds=2)
        at.service.change(document(19)["id"], name="renamed elsewhere")
        await at.sees("renamed elsewhere", seconds=2)


async def test_a_row_deleted_elsewhere_is_struck_through_then_goes() -> None:
    async with screen(ListService(20)) as at:
        gone = document(18)["id"]
        at.service.remove(gone)
        await at.until(lambda: at.images.source.is_gone(gone))
        assert document(18)["name"] in at.text()
        await at.until(lambda: document(18)["name"] not in at.text())


async def test_an_unchanged_list_costs_an_answer_without_a_body() -> None:
    async with screen(ListService(20)) as at:
        await at.until(lambda: at.service.unchanged >= 2)


async def test_typing_filters_and_the_chip_says_where_it_ran() -> None:
    async with screen(ListService(300)) as at:
        await at.press("slash", *"status=queued name~2$")
        await at.press("enter")
        await at.sees("▪ status=queued", "▫ name~2$", "matches")
        await at.calm()
        assert all(image.status == "queued" and image.name.endswith("2") for image in at.images.source.rows.held())


async def test_a_filter_that_makes_no_sense_filters_nothing_and_says_why() -> None:
    async with screen(ListService(30)) as at:
        await at.press("slash", *"statu")
        await at.until(lambda: str(at.images.filter) == "statu")  # a word, as far as it is typed
        await at.press(*"s=bogus", "enter")
        await at.sees("cannot be 'bogus'", "queued saving active")
        await at.until(lambda: len(at.images.source) == 30)
        await at.press("escape")
        await at.until(lambda: at.images.wrong is None)


async def test_escape_brings_back_the_filter_that_was() -> None:
    async with screen(ListService(60)) as at:
        await at.press("slash", *"debian", "enter")
        await at.until(lambda: 0 < len(at.images.source) < 60)
        await at.press("slash", *" nothing", "escape")
        await at.until(lambda: str(at.images.filter) == "debian")
        await at.press("escape")
        await at.until(lambda: len(at.images.source) == 60)


async def test_a_filter_run_here_stops_after_ten_pages_and_goes_on_with_a_dot() -> None:
    async with screen(ListService(2600)) as at:
        await at.press("slash", *"name~nowhere", "enter")
        await at.sees("0 matches in 2,000", ". goes on")
        await at.press(".")
        await at.sees("0 matches in 2,600")


async def test_sorting_asks_the_server_and_the_header_reverses_it() -> None:
    async with screen(ListService(50)) as at:
        await at.press("s")
        await at.sees("Sort by")
        await at.press("k", "k", "k", "k", "k", "k", "k", "k", "g", "enter")
        await at.sees("sort name▲")
        await at.calm()
        names = [image.name for image in at.images.source.rows.held()]
        assert names == sorted(names)
        await at.pilot.click("#images-table", offset=(5, 0))
        await at.sees("sort name▼")


async def test_columns_are_chosen_ordered_and_any_property_is_one() -> None:
    async with screen(ListService(5), (120, 40)) as at:
        await at.press("c")
        await at.sees("[x] status", "[ ] prop.hw_disk_bus")
        await at.press("space", "j", "<", "enter")  # status away, size to the front
        await at.until(lambda: [c.key for c in at.table.columns][:3] == ["name", "size", "format"])
        await at.press(":", *"cols +prop.hw_disk_bus -size", "enter")
        await at.until(lambda: "HW_DISK_BUS" in [c.title for c in at.table.columns])
        assert "size" not in [c.key for c in at.table.columns]
        await at.press(":", *"cols +nothing", "enter")
        await at.hears("cols takes +KEY")


async def test_a_view_is_saved_and_brought_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with screen(ListService(60)) as at:
        await at.press("slash", *"debian", "enter")
        await at.until(lambda: str(at.images.filter) == "debian")
        await at.press(":", *"sort name asc", "enter", ":", *"cols status size", "enter", ":", *"save deb", "enter")
        await at.hears("saved as deb")
        await at.press("escape", ":", *"sort size desc", "enter", ":", *"cols owner", "enter")
        await at.until(lambda: [c.key for c in at.table.columns] == ["name", "owner"])
        await at.press(":", *"view deb", "enter")
        await at.until(lambda: str(at.images.filter) == "debian")
        assert (at.images.order.key, at.images.order.descending) == ("name", False)
        assert [c.key for c in at.table.columns] == ["name", "status", "size"]
        await at.press(":", *"views", "enter")
        await at.sees("Saved views", "deb  debian")
        await at.press("escape", ":", *"view other", "enter")
        await at.hears("there are: deb")
    file = tmp_path / "glancetui" / "views.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("{")
    async with screen(ListService(1)) as at:
        await at.press(":", *"save deb", "enter")
        await at.hears("Not saved")
    assert file.read_text() == "{"  # what cannot be read is not overwritten


@pytest.mark.parametrize("suffix", ["csv", "json", "yaml"])
async def test_a_list_is_exported_whole_and_in_its_order(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"images.{suffix}"
    async with screen(ListService(1203 if suffix == "json" else 203)) as at:
        at.service.add(2000, name="=cmd()")
        await at.press("slash", *"!debian", "enter", ":", *f"export {file}", "enter")
        await at.hears("images in")
        text = file.read_text()
        rows = list(csv.reader(text.splitlines())) if suffix == "csv" else yaml.safe_load(text)
        names = [row[0] for row in rows[1:]] if suffix == "csv" else [row["name"] for row in rows]
        wanted = [f"{image.name}" for image in reversed(at.service.images.values()) if "debian" not in image.name]
        assert names == [("'" if suffix == "csv" else "") + "=cmd()", *wanted[1:]]
        await at.press(":", *f"export {tmp_path}/images.doc", "enter")
        await at.hears("must end in")
        assert [each.name for each in tmp_path.iterdir()] == [file.name]


async def test_everything_is_found_by_a_few_letters() -> None:
    async with screen(ListService(6)) as at:
        await at.press("enter", "escape", "ctrl+p")
        await at.sees("Go to Transfers", "Publish a file")
        await at.press(*"trans", "enter")
        await at.until(lambda: at.desk.view is at.desk.transfers)
        await at.press("ctrl+p", *"fedora", "enter")
        await at.until(lambda: at.desk.view is at.desk.image)
        await at.press("ctrl+p", *"theme light", "enter")
        await at.until(lambda: at.app.theme == "light")
        await at.press("ctrl+p", *"zzzz")
        await at.sees("Nothing fits")


async def test_another_cloud_is_gone_to_however_dead_this_one_is() -> None:
    other = ListService(0)
    other.add(7, name="only over there")
    here = ListService(10)
    async with screen(here, opening=Opening(here, other=other)) as at:
        await at.press("space", "P")
        await at.until(lambda: at.app.session.history.changes)
        here.fails = Unreachable("connection refused")
        await at.sees("✕ unreachable")
        await at.press(":", *"cl other", "enter")
        await at.sees("only over there", "polling 1s", "1 of 1")
        assert here.cancelled
        assert not at.table.marks
        assert not at.app.session.history.changes  # they are of the cloud that was left
        await at.press(":", *"cl nowhere", "enter")
        await at.hears("there are: lab, other")
        await at.press(":", *"cl", "enter")
        await at.sees("Go to cloud", "lab")


async def test_a_column_that_the_server_cannot_sort_by_says_so() -> None:
    async with screen(ListService(5)) as at:
        await at.press("s")
        await at.sees("the server cannot sort by it")


async def test_marks_are_ids_and_survive_a_refresh() -> None:
    async with screen(ListService(30)) as at:
        await at.press("space", "space", "v", "j", "j", "space")
        await at.sees("5 marked")
        marked = set(at.table.marks)
        at.service.add(77)
        await at.until(lambda: at.images.source.index(document(77)["id"]) is not None)
        assert set(at.table.marks) == marked
        await at.press("backslash")
        await at.until(lambda: not at.table.marks)


async def test_a_star_marks_all_that_match_to_the_end() -> None:
    async with screen(ListService(700)) as at:
        await at.press("*")
        await at.sees("700 marked")


async def test_the_detail_shows_every_tab() -> None:
    async with screen(ListService(6), (120, 40)) as at:
        await at.press("enter")
        await at.sees("Overview", document(5)["id"], "Protected", "9af1")
        await at.press("]")
        await at.sees("hw_disk_bus", "virtio")
        await at.press("]")
        await at.sees("does not say where the copies lie")
        await at.press("]", "]")
        await at.sees("No tasks")
        await at.press("]")
        await at.sees('"checksum"')
        await at.press("escape")
        await at.sees("STATUS")


async def test_an_image_deleted_while_it_is_looked_at_says_so_and_stays() -> None:
    async with screen(ListService(6)) as at:
        await at.press("enter")
        await at.sees(document(5)["id"])
        at.service.remove(document(5)["id"])
        await at.sees("This image is deleted")
        assert document(5)["id"] in at.text()


async def test_members_are_listed_where_the_endpoint_tells() -> None:
    async with screen(ListService(0)) as at:
        at.service.add(2, visibility="shared")
        await at.sees("cirros")
        await at.press("enter", "]", "]", "]")
        await at.sees("c0ffee", "accepted")


HOSTILE = {
    "escape": "\x1b[31mred\x1b[0m\x07",
    "markup": "[bold]not[/bold] [/ [@click=app.quit]x[/]",
    "bidi": "abc\u202etxt.exe",
    "long": "x" * 255,
    "wide": "日本語のとても長いイメージの名前がここにありますよね",
    "empty": "",
    "newline": "one\ntwo\ttab",
}


async def test_hostile_names_are_plain_text_everywhere() -> None:
    async with screen(ListService(0)) as at:
        for number, name in enumerate(HOSTILE.values()):
            at.service.add(number, name=name, tags=[name[:80]], hw_disk_bus=name)
        await at.until(lambda: len(at.images.source) == len(HOSTILE))
        for _ in HOSTILE:
            for keys in ((), ("enter",), ("]",), ("r",), ("escape", "escape", "D"), ("escape",)):
                await at.press(*keys)
                await at.pilot.pause()
                assert_harmless(at.lines())
            await at.press("j")


def assert_harmless(lines: list[str]) -> None:
    text = "".join(lines)
    assert text.isprintable()
    assert "\u202e" not in text
    assert all(cells(line) <= 80 for line in lines)


async def test_failures_keep_the_rows_and_are_named() -> None:
    async with screen(ListService(10)) as at:
        at.service.fails = Unreachable("connection refused by 127.0.0.1:9292")
        await at.sees("✕ unreachable", "connection refused", "cirros-0.6-8")
        at.service.fails = None
        await at.press("ctrl+r")
        await at.sees("polling")
        assert "refused" not in at.text()


async def test_a_part_that_is_down_is_named_and_recovers_by_itself() -> None:
    async with screen(ListService(10)) as at:
        at.service.told = (Part(name="registry", ready=False, error="it does not answer at unix:/run/registry"),)
        at.service.fails = Unavailable("The registry cannot be reached.")
        await at.sees("✕ registry down", "registry: it does not answer at unix:/run/registry", "cirros-0.6-8")
        await at.press("enter")  # the detail keeps what it shows as well
        await at.sees("✕ registry down", document(9)["id"])
        at.service.told, at.service.fails = (), None
        await at.sees("polling 1s", seconds=8)
        assert "registry" not in at.text()


async def test_a_503_without_parts_shows_its_own_sentence() -> None:
    async with screen(ListService(10)) as at:
        at.service.fails = Unavailable("The database is locked; try again later.")
        await at.sees("✕ unavailable", "The database is locked; try again later.", "cirros-0.6-8")


async def test_credentials_refused_twice_say_sign_in() -> None:
    async with screen(ListService(10)) as at:
        at.service.fails = Unauthenticated("the token has expired")
        await at.sees("✕ sign in", "the token has expired")
        at.service.fails = None
        await at.sees("polling")


async def test_an_endpoint_without_images_offers_to_publish() -> None:
    async with screen(ListService(0)) as at:
        await at.sees("No images yet", "n publishes a file as an image")


async def test_a_terminal_too_small_says_so_and_gives_way() -> None:
    async with screen(ListService(3), (70, 20)) as at:
        assert "glancetui needs 80×24; this is 70×20." in at.text()
        await at.pilot.resize_terminal(80, 24)
        await at.sees("NAME", "STATUS")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 45), (200, 60)])
async def test_every_size_shows_header_rows_chips_and_footer(size: tuple[int, int]) -> None:
    async with screen(ListService(100), size) as at:
        await at.sees("polling 1s", "cirros-0.6-98", "sort created_at▼", "? more")
        has_preview = size[0] >= 160 or (size[0] >= 100 and size[1] >= 30)
        await at.until(lambda: ("Visibility" in at.text()) == has_preview)
