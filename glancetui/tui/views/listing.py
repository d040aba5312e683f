"""What every view of one list does alike: moving, marking, and opening what the cursor is on."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic

from textual import on, work

from glancetui.errors import GlancetuiError
from glancetui.tui.views.base import View
from glancetui.tui.widgets.table import R, VirtualTable


class ListingView(View, Generic[R]):
    table: VirtualTable[R]

    @abstractmethod
    def act_open(self) -> None:
        """Open what the cursor is on."""

    @on(VirtualTable.Opened)
    def _opened(self, message: VirtualTable.Opened) -> None:
        message.stop()
        self.act_open()

    @work(exclusive=True, group="opening", exit_on_error=False)
    async def open_named(self, image_id: str) -> None:
        """Open an image of which the list knows no more than its id."""
        service = self.session.service
        if service is None:
            return
        try:
            self.desk.open_image(await self.session.pool.run(service.image, image_id))
        except GlancetuiError as error:
            self.desk.say(str(error), "warning")

    # Moving

    def act_down(self) -> None:
        self.table.move(self.table.cursor + 1)

    def act_up(self) -> None:
        self.table.move(self.table.cursor - 1)

    def act_first(self) -> None:
        self.table.move(0)

    def act_last(self) -> None:
        self.table.move(len(self.table.source) - 1)

    def act_page_down(self) -> None:
        self.table.page(1)

    def act_page_up(self) -> None:
        self.table.page(-1)

    def act_half_down(self) -> None:
        self.table.page(0.5)

    def act_half_up(self) -> None:
        self.table.page(-0.5)

    def act_left(self) -> None:
        self.table.scroll_columns(-1)

    def act_right(self) -> None:
        self.table.scroll_columns(1)

    # Marking

    def act_mark(self) -> None:
        self.table.toggle_mark()

    def act_range(self) -> None:
        self.table.start_range()

    def act_unmark(self) -> None:
        self.table.clear_marks()

    def back(self) -> bool:
        if self.table.marks:
            self.table.clear_marks()
            return True
        return False
