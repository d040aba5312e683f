"""An image's properties by the definitions that apply: shown, checked, added, changed in place, removed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual import work

from glancetui.client import edit
from glancetui.client.values import RemoteImage
from glancetui.errors import Forbidden, GlancetuiError, NotFound
from glancetui.tui import described
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.property import PropertyBox
from glancetui.tui.described import Given
from glancetui.tui.session import Session
from glancetui.tui.views.editing import ImageEditing
from glancetui.tui.widgets.definitions import entry_detail
from glancetui.tui.widgets.pane import Pane
from glancetui.tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from glancetui.definitions.check import Book

KEPT_SECONDS = 60  # after which definitions are read again
NAMED = 3  # keys that a sentence spells out
NO_DEFINITIONS = "This endpoint shows no definitions: nothing is checked here."


class PropertyChanging(ImageEditing):
    """What the view of one image inherits. What is typed there is kept, image by image, until it is sent or dropped."""

    sheet: Sheet
    meaning: Pane
    image: RemoteImage | None
    _book: Book | None = None
    _book_read_at: float | None = None
    _no_book = ""  # why there are no definitions
    _given: dict[str, dict[str, Given]]  # by image and by the key that the image has

    def prepare_properties(self, session: Session) -> None:
        self.sheet, self.meaning = Sheet(session, id="sheet"), Pane(id="meaning")
        self._given = {}

    def forget_definitions(self) -> None:
        """They were changed, or are another endpoint's."""
        self._book, self._book_read_at = None, None

    @property
    def given(self) -> dict[str, Given]:
        """What is typed and not sent, of the image that is shown."""
        return self._given.get(self.image.id, {}) if self.image is not None else {}

    @property
    def unsent(self) -> int:
        """What is typed and not sent, of all images."""
        return sum(map(len, self._given.values()))

    # Definitions

    async def book(self) -> Book | None:
        """None: there are none; `_no_book` says why."""
        session, service, read_at = self.session, self.session.service, self._book_read_at
        if service is None or (read_at is not None and session.clock() - read_at <= KEPT_SECONDS):
            return self._book
        try:
            found: Book | None = await session.pool.run(service.definitions.book)
            reason = ""
        except (NotFound, Forbidden):
            found, reason = None, NO_DEFINITIONS
        except GlancetuiError as error:
            found, reason = None, f"No definitions could be read: {error}"
        if service is session.service:
            self._book, self._no_book, self._book_read_at = found, reason, session.clock()
        return self._book

    @work(exclusive=True, group="book", exit_on_error=False)
    async def describe(self) -> None:
        """Read the definitions, unless they are known, and show the properties beside them."""
        await self.book()
        self.draw_properties()

    @work(exclusive=True, group="handing", exit_on_error=False)
    async def _hand_book(self, box: PropertyBox) -> None:
        """The box is open meanwhile, and takes what is typed."""
        box.put_book(await self.book(), self._no_book)

    # Showing

    def draw_properties(self) -> None:
        image = self.image
        if image is not None and self.sheet.is_mounted:
            self.sheet.put(described.lines(image.properties, self.given, self._book))
            self.explain()
            self.post_message(self.Changed())

    def explain(self) -> None:
        """What the property under the cursor means."""
        entry, palette = self.sheet.current, self.session.palette()
        note = self._no_book if self._book_read_at is not None else "reading the definitions …"
        if self.image is not None:
            was = self.image.properties.get(entry.was) if entry is not None else None
            self.meaning.put(entry_detail(entry, was, note, palette))

    # Changing

    def add_property(self, image: RemoteImage) -> None:
        box = PropertyBox({**image.properties, **described.changed(image.properties, self.given)})
        self.app.push_screen(box, given(partial(self._send_property, image)))
        self._hand_book(box)

    def _send_property(self, image: RemoteImage, added: Given) -> None:
        service = self.session.service
        if service is None:
            return
        operations = [{"op": "add", "path": edit.pointer(added.key), "value": added.value}]
        self.each(
            [image],
            lambda seen: service.patch(seen, operations),
            f"given {added.key}",
            partial(self._remember_edit, done=f"{added.key} added"),
        )

    def change_property(self) -> None:
        """`enter`: the property under the cursor, by its definition."""
        image, entry = self.image, self.sheet.current
        if image is None or entry is None:
            return
        others = described.changed(image.properties, self.given)
        others.pop(entry.key, None)
        box = PropertyBox(others, Given(entry.key, entry.value or ""))
        self.app.push_screen(box, given(partial(self._take, image.id, entry.was)))
        self._hand_book(box)

    def _take(self, image_id: str, was: str, taken: Given) -> None:
        """Mark what was typed; what is as the image has it needs no mark."""
        image = self.image
        if image is None or image.id != image_id:
            return
        kept = self._given.setdefault(image_id, {})
        if taken == Given(was, image.properties.get(was) or "") and was in image.properties:
            kept.pop(was, None)
        else:
            kept[was] = taken
        self._marks_changed(image_id)

    def drop_property(self) -> bool:
        """`esc`: as the image has it. False: nothing is marked under the cursor."""
        entry, image = self.sheet.current, self.image
        if image is None or entry is None or not entry.changed:
            return False
        del self._given[image.id][entry.was]
        self._marks_changed(image.id)
        return True

    def _marks_changed(self, image_id: str) -> None:
        if not self._given.get(image_id):
            self._given.pop(image_id, None)
        self.draw_properties()
        self.post_message(self.Changed())

    def act_send(self) -> None:
        """`ctrl+s`: all that is marked, as one patch."""
        image, service, marked = self.image, self.session.service, self.given
        if image is None or service is None or not marked:
            return
        before = edit.draft_of(image)
        after = {key: value or "" for key, value in described.changed(image.properties, marked).items()}
        operations = edit.operations(before, msgspec.structs.replace(before, properties=after))

        keys = [each.key for each in marked.values()]
        named = ", ".join(keys) if len(keys) <= NAMED else f"{len(keys)} properties"

        def sent(seen: RemoteImage, fresh: RemoteImage) -> None:
            self._given.pop(image.id, None)
            self._remember_edit(seen, fresh, f"{named} changed")
            self._marks_changed(image.id)

        self.each([image], lambda seen: service.patch(seen, operations), f"given {named}", sent)

    def remove_property(self) -> None:
        """`D`: the property under the cursor, off the image."""
        image, service, entry = self.image, self.session.service, self.sheet.current
        if image is None or service is None or entry is None:
            return
        if entry.was not in image.properties:
            self.drop_property()
            return
        operations = [{"op": "remove", "path": edit.pointer(entry.was)}]

        def removed(seen: RemoteImage, fresh: RemoteImage) -> None:
            self._given.get(image.id, {}).pop(entry.was, None)
            self._remember_edit(seen, fresh, f"{entry.was} removed")
            self._marks_changed(image.id)

        self.each([image], lambda seen: service.patch(seen, operations), f"stripped of {entry.was}", removed)
