"""Adding a property to an image by the definitions that apply to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import work

from glancetui.client import edit
from glancetui.client.values import RemoteImage
from glancetui.errors import Forbidden, GlancetuiError, NotFound
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.property import Added, PropertyBox
from glancetui.tui.views.acting import ImageActions

if TYPE_CHECKING:
    from glancetui.definitions.check import Book

KEPT_SECONDS = 60  # after which definitions are read again


class PropertyAdding(ImageActions):
    """What the view of one image inherits."""

    _book: Book | None = None
    _book_read_at = 0.0

    def forget_definitions(self) -> None:
        """They were changed, or are another endpoint's."""
        self._book = None

    def add_property(self, image: RemoteImage) -> None:
        box = PropertyBox(image.properties)
        self.app.push_screen(box, given(partial(self._send_property, image)))
        self._hand_book(box)

    @work(exclusive=True, group="book", exit_on_error=False)
    async def _hand_book(self, box: PropertyBox) -> None:
        """The box is open meanwhile, and takes what is typed."""
        session, service = self.session, self.session.service
        if service is None:
            return
        if self._book is None or session.clock() - self._book_read_at > KEPT_SECONDS:
            try:
                self._book = await session.pool.run(service.definitions.book)
            except (NotFound, Forbidden):
                box.put_book(None, "This endpoint shows no definitions: nothing is checked here.")
                return
            except GlancetuiError as error:
                box.put_book(None, f"No definitions could be read: {error}")
                return
            self._book_read_at = session.clock()
        box.put_book(self._book)

    def _send_property(self, image: RemoteImage, added: Added) -> None:
        service = self.session.service
        if service is None:
            return
        operations = [{"op": "add", "path": edit.pointer(added.key), "value": added.value}]

        def remember(before: RemoteImage, fresh: RemoteImage) -> None:
            back = [{"op": "remove", "path": edit.pointer(added.key)}]
            self.remember(before, back, {"properties": fresh.properties}, f"{added.key} added")

        self.each([image], lambda seen: service.patch(seen, operations), f"given {added.key}", remember)
