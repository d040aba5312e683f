"""A text handed to the operator's own editor, and taken back until it can be sent. Nothing typed is ever lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.app import SuspendNotSupported

from glancetui.client import editor
from glancetui.errors import ConfigError
from glancetui.tui.files import draft_file
from glancetui.tui.views.base import View

if TYPE_CHECKING:
    from glancetui.tui.application import GlanceApp

    Base = View
else:
    Base = object


class TextEditing(Base):
    """What a view inherits to have a text edited."""

    async def edit_text(self, draft: str, whose: str, before: str, send: Callable[[str], Awaitable[str]]) -> None:
        """`draft` names the file. `send` answers what the operator has to go on from; empty: done, or called off."""
        try:
            words, path = editor.command(), draft_file(draft)
        except (ConfigError, OSError) as error:
            self.desk.say(f"Edit: {error}", "warning")
            return
        text = before
        while True:
            typed = self._typed(words, path, text)
            if typed is None:
                return
            if typed == text:
                self._left(path, whose, changed=_without_problem(typed) != before)
                return
            problem = await send(typed)
            if not problem:
                path.unlink(missing_ok=True)
                return
            head = " ".join(problem.split())
            text = f"# NOT SENT: {head}\n# Leave without a change to give up.\n{_without_problem(typed)}"

    def _typed(self, words: list[str], path: Path, text: str) -> str | None:
        """What the text has become in the editor; None: there was no editing."""
        try:
            editor.write(path, text)
            with cast("GlanceApp", self.app).lent():
                editor.run(words, path)
            return path.read_text("utf-8")
        except SuspendNotSupported:
            self.desk.say("Edit: this terminal cannot be handed to an editor.", "warning")
        except (OSError, UnicodeDecodeError) as error:
            self.desk.say(f"Edit: {error}", "warning")
        return None

    def _left(self, path: Path, whose: str, *, changed: bool) -> None:
        """The editor was left without a change."""
        if changed:
            self.desk.say(f"Nothing was sent. What you typed is in {path}.", "warning", seconds=10)
            return
        path.unlink(missing_ok=True)
        self.desk.say(f"{whose}: nothing was changed.")


def _without_problem(text: str) -> str:
    """Without the sentence of the attempt before."""
    lines = text.split("\n")
    return "\n".join(lines[2:] if lines[0].startswith("# NOT SENT: ") else lines)
