"""Editing images: one in the operator's own editor, several by a line that says what to add and take away."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual import work

from glancetui.client import edit
from glancetui.client.values import RemoteImage
from glancetui.errors import GlancetuiError
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.confirm import Confirm, Question
from glancetui.tui.boxes.line import LineBox
from glancetui.tui.views.acting import ImageActions
from glancetui.tui.views.handing import TextEditing


class ImageEditing(TextEditing, ImageActions):
    """What a view inherits to act on its chosen images, editing included."""

    @work(exclusive=True, group="editing", exit_on_error=False)
    async def act_edit(self) -> None:
        """`e`: the image as a text; what differs afterwards is shown, and sent after consent."""
        image = self.chosen()[0]
        before = edit.draft_of(image)
        text = edit.spelled(before, _head(image))
        await self.edit_text(image.id, image.name or image.id, text, partial(self._send, image, before))

    async def _send(self, image: RemoteImage, before: edit.Draft, typed: str) -> str:
        """Ask, then send. The sentence for the operator to go on from; empty: done, or called off."""
        try:
            after = edit.read(typed)
        except edit.EditError as error:
            return str(error)
        operations, service = edit.operations(before, after), self.session.service
        if not operations or service is None:
            self.desk.say(f"{image.name or image.id}: nothing was changed.")
            return ""
        question = Question(
            title=f"Change {image.name or image.id}?",
            sentence="This is what differs.",
            facts=edit.differences(before, after),
            yes="Send",
        )
        if not await self.app.push_screen_wait(Confirm(question)):
            return "you said No; change it further."
        try:
            fresh = await self.session.pool.run(service.patch, image, operations)
        except GlancetuiError as error:
            return str(error)
        self.desk.image_changed(fresh)
        self._remember_edit(image, fresh)
        self.desk.say(f"{image.name or image.id} changed · z undoes", seconds=10)
        return ""

    def _remember_edit(self, image: RemoteImage, fresh: RemoteImage, done: str = "changed") -> None:
        """Undone while what was edited is still as it was left."""
        back = edit.operations(edit.draft_of(fresh), edit.draft_of(image))
        fields = [name for name in edit.Draft.__struct_fields__ if getattr(fresh, name) != getattr(image, name)]
        self.remember(image, back, {name: getattr(fresh, name) for name in fields}, done)

    # Several at once

    def act_amend(self) -> None:
        """`E`: tags and properties of all that are chosen."""
        images = self.chosen()
        whose = (images[0].name or images[0].id) if len(images) == 1 else f"{len(images):,} images"
        box = LineBox(
            f"Tags and properties of {whose}",
            edit.amendment,
            note="+tag and -tag, name=value and -name=",
            example='+lts -test os_distro=debian title="Debian 13" -hw_disk_bus=',
        )
        self.app.push_screen(box, given(self._ask_amend))

    def _ask_amend(self, amendment: edit.Amendment) -> None:
        images, service = self.chosen(), self.session.service
        changed = [image for image in images if _amended(image, amendment)]
        if service is None:
            return
        if not changed:
            self.desk.say("All are so already; nothing was sent.")
            return

        def send(image: RemoteImage) -> RemoteImage:
            return service.patch(image, _amended(image, amendment))

        if len(changed) == 1:
            self.each(changed, send, "changed", self._remember_edit)
            return
        question = Question(
            title=f"Change {len(changed)} images?",
            sentence="Tags and properties are set and taken away in each; `z` undoes one by one.",
            things=[(image.id, image.name or "(no name)") for image in changed],
            yes="Change",
        )
        self.ask_first(question, lambda: self.each(changed, send, "changed", self._remember_edit))


def _amended(image: RemoteImage, amendment: edit.Amendment) -> Sequence[dict[str, object]]:
    before = edit.draft_of(image)
    return edit.operations(before, amendment.applied(before))


def _head(image: RemoteImage) -> tuple[str, ...]:
    return (
        f"Image {image.id}",
        "Save and leave: what differs is shown before it is sent. Leave without a change: nothing happens.",
    )
