"""What every view is to the desk that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.containers import Container
from textual.message import Message

from glancetui.tui.actions import Action
from glancetui.tui.session import Session

if TYPE_CHECKING:
    from glancetui.tui.desk import Desk


class View(Container):
    """A view does an action by a method `act_NAME`, NAME being the last part of the action's id."""

    DEFAULT_CSS = """
    View { height: 1fr; }
    """

    name_of_view = ""
    title_of_view = ""

    class Changed(Message):
        """Crumbs, chips or usable actions are other than they were."""

    class Failed(Message):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(self, session: Session) -> None:
        super().__init__(id=f"view-{self.name_of_view}")
        self.session = session

    @property
    def desk(self) -> Desk:
        return cast("Desk", self.screen)

    def crumbs(self) -> Sequence[str]:
        return (self.title_of_view,)

    def chips(self, width: int) -> Text:  # noqa: ARG002  # what views override
        """The line above the footer."""
        return Text(" ", end="")

    def tally(self) -> str:
        """What stands at the right end of that line: where the cursor is, and of how many."""
        return ""

    def off(self, action: Action) -> str | None:  # noqa: ARG002  # what views override
        """Why an action cannot be used now; None: it can."""
        return None

    async def poll(self) -> bool:
        """Ask the server for what is in sight. False: there is nothing to ask. Raises on failure."""
        return False

    def tick(self) -> None:
        """Called once a second, for what ages."""

    def shown(self) -> None:
        """The view has come into sight."""

    def back(self) -> bool:
        """`esc`: undo one step inside the view. False: there was none."""
        return False

    def disconnected(self) -> None:
        """The session leaves its endpoint: nothing of it may be shown as another's."""

    def connected(self) -> None:
        """The session has an endpoint now, or another than before."""
