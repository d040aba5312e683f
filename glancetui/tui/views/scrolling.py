"""Moving in a view of text: what the list views do with a cursor, these do with lines."""

from __future__ import annotations

from glancetui.tui.views.base import View
from glancetui.tui.widgets.pane import Pane


class Scrolling(View):
    """`pane` is the text. A view with rows beside it says by `move`, `page` and `rows` when those are meant."""

    pane: Pane

    def move(self, by: int) -> None:
        self.pane.scroll_relative(y=by, animate=False)

    @property
    def page(self) -> int:
        """Lines in sight."""
        return max(2, self.pane.size.height)

    @property
    def rows(self) -> int:
        """As many steps lead from any line to the first or the last; more do no harm."""
        return self.pane.virtual_size.height

    def act_down(self) -> None:
        self.move(1)

    def act_up(self) -> None:
        self.move(-1)

    def act_first(self) -> None:
        self.move(-self.rows)

    def act_last(self) -> None:
        self.move(self.rows)

    def act_page_down(self) -> None:
        self.move(self.page)

    def act_page_up(self) -> None:
        self.move(-self.page)

    def act_half_down(self) -> None:
        self.move(self.page // 2)

    def act_half_up(self) -> None:
        self.move(-(self.page // 2))
