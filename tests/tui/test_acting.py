"""Acting on images: what asks first, what is undone, and that no slip deletes anything."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from textual.events import Key

from glancetui.errors import Forbidden
from glancetui.tui.views import images as images_view
from tests.tui.fakes import ListService, document, screen

FIRST = document(5)["id"]  # the newest of six, and under the cursor


async def heard(at) -> None:
    """Boxes are deaf at first: wait until this one listens."""
    await at.until(lambda: not at.app.screen.deaf)


async def test_delete_asks_with_the_focus_on_no_and_deletes_on_y() -> None:
    async with screen(ListService(6)) as at:
        at.service.change(FIRST, visibility="private")
        await at.until(lambda: at.table.current.visibility == "private")
        await at.press("D")
        await at.sees("Delete this image?", FIRST, "This cannot be undone")
        await heard(at)
        await at.press("enter")  # the focus is on No
        await at.until(lambda: at.app.screen is at.desk)
        assert FIRST in at.service.images
        await at.press("D")
        await at.sees("Delete this image?")
        await heard(at)
        await at.press("y")
        await at.until(lambda: FIRST not in at.service.images)
        await at.hears("deleted")


async def test_a_box_takes_no_key_that_was_still_on_its_way() -> None:
    async with screen(ListService(6)) as at:
        at.service.change(FIRST, visibility="private")
        await at.until(lambda: at.table.current.visibility == "private")
        await at.press("D")
        await at.until(lambda: at.app.screen is not at.desk)
        at.app.screen._opened_at += 3600  # it has just opened, for an hour
        await at.press("y", "y", "enter")
        assert FIRST in at.service.images
        assert at.app.screen is not at.desk


async def test_several_are_deleted_only_after_their_number_is_typed() -> None:
    async with screen(ListService(6)) as at:
        await at.press("space", "space", "D")
        await at.sees("Delete 2 images?", FIRST, document(4)["id"])
        await heard(at)
        await at.press("y", "enter")
        assert len(at.service.images) == 6
        await at.press("backspace", "2", "enter")
        await at.until(lambda: len(at.service.images) == 4)
        assert FIRST not in at.service.images
        assert not at.table.marks


async def test_a_public_image_is_deleted_only_after_its_name_is_typed() -> None:
    async with screen(ListService(6)) as at:
        await at.press("D")  # document 5 is public
        await at.sees("projects can use it now", "type its name")
        await heard(at)
        await at.press("y")
        assert FIRST in at.service.images
        await at.press("backspace", *"fedora")
        await at.press("enter")
        await at.press("escape")
        assert FIRST in at.service.images


async def test_a_protected_image_is_offered_to_be_unprotected_not_deleted() -> None:
    async with screen(ListService(6)) as at:
        at.service.change(FIRST, protected=True)
        await at.until(lambda: at.table.current.protected)
        await at.press("D")
        await at.sees("protected", "Unprotect it now?")
        await heard(at)
        await at.press("y")
        await at.until(lambda: not at.service.images[FIRST].protected)
        assert FIRST in at.service.images


async def test_protecting_is_done_at_once_and_undone_by_z() -> None:
    async with screen(ListService(6)) as at:
        await at.press("P")
        await at.until(lambda: at.service.images[FIRST].protected)
        await at.hears("z undoes")
        await at.press("z")
        await at.sees("Undo", "protected: fedora")
        await at.press("enter")
        await at.until(lambda: not at.service.images[FIRST].protected)


async def test_undo_leaves_alone_what_somebody_changed_since() -> None:
    async with screen(ListService(6)) as at:
        await at.press("P")
        await at.until(lambda: at.service.images[FIRST].protected)
        at.service.change(FIRST, protected=False)
        await at.press("z", "enter")
        await at.hears("Not undone")
        assert not at.service.images[FIRST].protected


async def test_hidden_images_leave_the_list_and_come_back_by_undo() -> None:
    async with screen(ListService(6)) as at:
        await at.press("H")
        await at.until(lambda: at.service.images[FIRST].os_hidden)
        await at.press("z", "enter")
        await at.until(lambda: not at.service.images[FIRST].os_hidden)


async def test_visibility_is_picked_and_asked() -> None:
    async with screen(ListService(6)) as at:
        await at.press("V")
        await at.sees("Visible to", "it is so now")
        await at.press("p")
        await at.sees("Made private")
        await heard(at)
        await at.press("y")
        await at.until(lambda: at.service.images[FIRST].visibility == "private")


async def test_deactivating_asks_and_turns_round() -> None:
    async with screen(ListService(2)) as at:
        newest = document(1)["id"]
        await at.press("A")
        await at.sees("Deactivate debian-13-1?")
        await heard(at)
        await at.press("y")
        await at.until(lambda: at.service.images[newest].status == "deactivated")
        await at.sees("deactiv.")
        await at.press("A")
        await at.sees("Reactivate")
        await heard(at)
        await at.press("y")
        await at.until(lambda: at.service.images[newest].status == "active")


async def test_an_action_that_cannot_be_used_says_why() -> None:
    async with screen(ListService(3)) as at:
        await at.press("A")  # document 2 is queued
        await at.hears("only active and deactivated images can change so")
        await at.press("x")
        await at.sees("the image has no data that could be fetched")


async def test_what_changed_since_the_box_opened_is_left_alone() -> None:
    async with screen(ListService(6)) as at:
        at.service.change(FIRST, visibility="private")
        await at.until(lambda: at.table.current.visibility == "private")
        await at.press("D")
        await heard(at)
        at.service.change(FIRST, name="renamed while the box was open")
        await at.press("y")
        await at.hears("has changed since")
        assert FIRST in at.service.images
        await at.sees("renamed while the box wa")


async def test_several_failures_end_in_a_list_that_opens_the_image() -> None:
    async with screen(ListService(6)) as at:
        await at.press("space", "space", "space", "D")
        await heard(at)
        at.service.change(FIRST, min_disk=7)
        at.service.change(document(4)["id"], min_disk=7)
        await at.press("3", "enter")
        await at.sees("2 of 3 were not deleted", document(4)["name"], "has changed since")
        assert document(3)["id"] not in at.service.images
        await at.press("j", "enter")
        await at.until(lambda: at.desk.view is at.desk.image)
        assert at.desk.image.image.id == document(4)["id"]
        assert list(at.table.marks) == [FIRST, document(4)["id"]]  # what failed stays marked


async def test_a_long_act_is_stopped_by_escape() -> None:
    async with screen(ListService(60)) as at:
        await at.press("*")
        await at.sees("60 marked")
        await at.press("P")
        await heard(at)
        at.service.delay = 0.03
        await at.press("y")
        await at.sees("esc stops")
        await at.press("escape")
        await at.hears("were not tried")
        assert 0 < sum(image.protected for image in at.service.images.values()) < 60


async def test_the_cursor_steps_off_an_image_that_was_deleted() -> None:
    async with screen(ListService(6)) as at:
        await at.press("j", "D")
        await heard(at)
        await at.press("y")
        await at.until(lambda: document(4)["id"] not in at.service.images)
        await at.until(lambda: at.table.cursor_id == document(3)["id"])


async def test_marked_images_are_acted_on_when_their_page_is_no_longer_in_memory() -> None:
    async with screen(ListService(900)) as at:
        at.images.source.rows.keep = 2
        await at.press("*")
        await at.sees("900 marked")
        assert sum(page.rows is not None for page in at.images.source.rows._pages) <= 2
        await at.press("D")
        await at.sees("Delete 900 images?")


async def test_a_star_says_when_it_marked_only_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_view, "MOST_MARKED", 300)
    async with screen(ListService(700)) as at:
        await at.press("*")
        await at.hears("Marked the first 400; there are more")
        assert len(at.table.marks) == 400


async def test_keys_typed_ahead_do_nothing_below_a_box_that_opens() -> None:
    async with screen(ListService(6)) as at:
        for key in "nPHDy":
            at.app.post_message(Key(key, key))  # all before the form is there
        await at.sees("Publish a file")
        await at.pilot.pause()
        assert not at.service.images[FIRST].protected
        assert [call for call in at.service.calls if call not in {"page", "about"}] == []


async def test_keys_typed_ahead_reach_the_filter() -> None:
    async with screen(ListService(60)) as at:
        for key, character in (("slash", "/"), *((c, c) for c in "debiam"), ("backspace", "\b"), ("n", "n")):
            at.app.post_message(Key(key, character))
        at.app.post_message(Key("enter", "\r"))
        await at.until(lambda: str(at.images.filter) == "debian")
        await at.until(lambda: not at.desk.prompt.is_open)
        await at.sees("enter open")


async def test_escape_takes_a_failure_off_the_screen_first() -> None:
    async with screen(ListService(6)) as at:
        await at.press("space")
        at.service.fails = Forbidden("Not yours.")
        await at.press("P")
        await at.hears("was not protected")
        at.service.fails = None
        await at.press("escape")
        await at.until(lambda: not at.app._notifications)
        assert at.table.marks
        await at.press("escape")
        assert not at.table.marks


async def test_one_failure_does_not_stop_the_others() -> None:
    async with screen(ListService(6)) as at:
        await at.press("space", "space", "space")
        await at.press("P")
        await heard(at)
        at.service.remove(document(4)["id"])
        await at.press("y")
        await at.hears("was not protected")
        await at.until(lambda: at.service.images[document(3)["id"]].protected)
        assert at.service.images[FIRST].protected


async def test_a_read_only_session_sends_no_change() -> None:
    async with screen(ListService(6), read_only=True) as at:
        assert "READ-ONLY" in at.text()
        before = dict(at.service.images)
        for key in ("D", "P", "H", "V", "A", "n"):
            await at.press(key)
            await at.pilot.pause()
            assert at.app.screen is at.desk
        assert at.service.images == before
        assert not [call for call in at.service.calls if call not in {"page", "about", "image"}]


async def test_pasted_text_triggers_no_key() -> None:
    from textual.events import Paste

    async with screen(ListService(6)) as at:
        at.app.post_message(Paste("PDy\nyyy" * 200))
        await at.pilot.pause()
        assert at.app.screen is at.desk
        assert at.service.images[FIRST].protected is False


async def test_copying_sends_what_was_picked() -> None:
    async with screen(ListService(6)) as at:
        await at.press("y")
        await at.sees("Copy", "hash", "command")
        await at.press("y")
        await at.until(lambda: at.app.clipboard == FIRST)
        await at.press("y", "c")
        await at.until(lambda: at.app.clipboard == f"glancetui image show {FIRST}")


@pytest.fixture
def edits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """What the operator's editor makes of the text: a list of (old, new), one pair for each time it opens."""
    steps: list[tuple[str, str]] = []
    seen: list[str] = []

    def run(words: list[str], path: Path) -> None:
        text = path.read_text("utf-8")
        seen.append(text)
        old, new = steps.pop(0)
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("glancetui.client.editor.run", run)
    monkeypatch.setattr("glancetui.tui.application.GlanceApp.lent", lambda _: nullcontext())
    return steps, seen


async def test_editing_shows_what_differs_sends_it_and_is_undone(edits, tmp_path: Path) -> None:
    steps, _ = edits
    async with screen(ListService(6)) as at:
        steps.append(("hw_disk_bus: virtio", "hw_disk_bus: scsi\n  new: '1'"))
        await at.press("e")
        await at.sees("Change fedora", "virtio → scsi", "— → 1")
        await heard(at)
        await at.press("y")
        await at.until(lambda: at.service.images[FIRST].properties.get("new") == "1")
        assert at.service.images[FIRST].properties["hw_disk_bus"] == "scsi"
        await at.hears("z undoes")
        assert list((tmp_path / "glancetui" / "edits").iterdir()) == []
        await at.press("z", "enter")
        await at.until(lambda: at.service.images[FIRST].properties == {"hw_disk_bus": "virtio"})


async def test_what_cannot_be_sent_opens_again_with_the_reason_and_is_never_lost(edits, tmp_path: Path) -> None:
    steps, seen = edits
    async with screen(ListService(6)) as at:
        steps += [("protected: false", "protected: maybe"), ("protected: maybe", "protected: true"), ("", "")]
        await at.press("e")
        await at.sees("no → yes")
        assert "NOT SENT: protected is true or false" in seen[1]
        await heard(at)
        at.service.change(FIRST, min_disk=9)
        await at.press("y")
        await at.hears("Nothing was sent. What you typed is in")
        assert "NOT SENT: It has changed since" in seen[2]
        assert seen[2].count("NOT SENT") == 1
        assert not at.service.images[FIRST].protected
        assert "protected: true" in next((tmp_path / "glancetui" / "edits").iterdir()).read_text()


async def test_tags_and_properties_of_all_marked_change_at_once() -> None:
    async with screen(ListService(6)) as at:
        await at.press("space", "space", "E")
        await at.sees("Tags and properties of 2 images")
        await at.press(*"word", "enter")
        await at.sees("neither +tag")
        await at.press("ctrl+u", *"+new hw_disk_bus=scsi", "enter")
        await at.sees("Change 2 images?")
        await heard(at)
        await at.press("y")
        changed = (FIRST, document(4)["id"])
        await at.until(lambda: all("new" in at.service.images[each].tags for each in changed))
        assert all(at.service.images[each].properties["hw_disk_bus"] == "scsi" for each in changed)
        await at.hears("z undoes")
        await at.press("z", "enter")
        await at.until(lambda: sum("new" in at.service.images[each].tags for each in changed) == 1)


async def test_members_are_added_and_withdrawn_in_their_tab() -> None:
    async with screen(ListService(0), (100, 30)) as at:
        at.service.add(2, visibility="shared")
        await at.sees("cirros")
        await at.press("enter", "]", "]", "]")
        await at.sees("c0ffee")
        await at.press("a", *"b ad", "enter")
        await at.sees("no blank")
        await at.press("ctrl+u", *"p7", "enter")
        await at.sees("p7", "pending", "Members 2")
        await at.press("D")
        await at.sees("Withdraw this image from")
        await at.press("enter")
        await heard(at)
        await at.press("y")
        await at.sees("Members 1")
        assert list(at.service.offered) == ["p7"]


async def test_one_copy_is_removed_in_the_tab_of_locations_and_never_the_last() -> None:
    async with screen(ListService(0), (100, 30)) as at:
        image = at.service.add(2, visibility="private", stores="fast,slow")
        await at.sees("cirros")
        await at.press("enter", "]", "]")
        await at.sees("fast", "slow")
        await at.press("D")
        await at.sees("Remove the copy in")
        await at.press("down", "enter")
        await heard(at)
        await at.sees("Remove one copy of", "slow")
        await at.press("y")
        await at.hears("in slow is removed")
        assert at.service.images[image.id].stores == ("fast",)
        await at.press("D")
        await at.hears("only where there is another")
        assert image.id in at.service.images


async def test_a_location_is_added_in_its_tab() -> None:
    async with screen(ListService(0), (100, 30)) as at:
        image = at.service.add(2, visibility="private", status="queued")
        await at.sees("cirros")
        await at.press("enter", "]", "]", "a")
        await at.sees("Where the data lies")
        await at.press(*"nowhere", "enter")
        await at.sees("A URL such as")
        await at.press("ctrl+u", *"http://u:p@web/x", "enter")
        await at.hears("The location is added")
        await at.sees("http://***@web/x")
        assert at.service.images[image.id].status == "active"


async def test_a_copy_that_is_not_removed_says_why() -> None:
    async with screen(ListService(0), (100, 30)) as at:
        image = at.service.add(2, visibility="private", stores="fast,slow")
        await at.sees("cirros")
        await at.press("enter", "]", "]", "D")
        await at.sees("Remove the copy in")
        await at.press("enter")
        await heard(at)
        at.service.fails = Forbidden("Not yours.")
        await at.press("y")
        await at.hears("was not removed: Not yours.")
        at.service.fails = None
        assert at.service.images[image.id].stores == ("fast", "slow")


async def test_an_image_that_is_not_shared_says_why_it_has_no_members() -> None:
    async with screen(ListService(6), (100, 30)) as at:
        await at.press("enter", "]", "]", "]", "a")
        await at.hears("only a shared image has members")


async def test_a_refused_deletion_leaves_the_row() -> None:
    async with screen(ListService(6)) as at:
        at.service.change(FIRST, visibility="private")
        await at.until(lambda: at.table.current.visibility == "private")
        await at.press("D")
        await heard(at)
        at.service.fails = Forbidden("Not yours.")
        await at.press("y")
        await at.hears("was not deleted: Not yours.")
        at.service.fails = None
        assert not at.images.source.is_gone(FIRST)
