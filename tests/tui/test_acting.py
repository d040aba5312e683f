"""Acting on images: what asks first, what is undone, and that no slip deletes anything."""

from __future__ import annotations

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
