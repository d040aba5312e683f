"""What opens over a view: at most 76 × 20, `esc` closes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual import events
from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

from glancetui.tui.palette import Palette

T = TypeVar("T")


def given(act: Callable[[T], object]) -> Callable[[T | None], None]:
    """What to do with a box's answer, if it has one."""

    def answered(value: T | None) -> None:
        if value:
            act(value)

    return answered


class Box(ModalScreen[T], inherit_bindings=False):
    DEFAULT_CSS = """
    Box { align: center middle; background: $background 60%; }
    Box > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 20;
        border: round $key; border-title-color: $ink; border-title-style: bold; border-subtitle-color: $ink-soft;
        background: $surface; padding: 0 2;
    }
    Box.danger > Vertical { border: round $bad; }
    """

    _is_answered = False

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close with an answer. A second key that was already on its way changes nothing."""
        if self._is_answered:
            return AwaitComplete()
        self._is_answered = True
        return super().dismiss(result)

    @property
    def palette(self) -> Palette:
        from glancetui.tui.application import GlanceApp

        app = self.app
        if not isinstance(app, GlanceApp):
            raise TypeError(app)
        return app.palette

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            self.dismiss(None)
