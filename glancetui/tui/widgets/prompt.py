"""The one line that is typed into: `:` for commands, `/` for filters and searches. It stands where the chips were."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from glancetui.client.text import SUBSTITUTE, picture

REST_SECONDS = 0.15  # of not typing, before what is typed is tried
HISTORY = 50


class OneLine(Input):
    """An input that keeps the first line of what is pasted, and draws control characters as pictures."""

    @property
    def _value(self) -> Text:  # Textual's own seam: what it draws of the value
        """A server's text may stand there to be changed. As many characters as the value has, for the cursor's sake."""
        return Text(
            "".join(picture(each) or SUBSTITUTE for each in self.value), no_wrap=True, overflow="ignore", end=""
        )

    async def on_key(self, event: events.Key) -> None:
        """Edit at once. As bindings these keys would wait until they have bubbled up, and what was typed fast after
        them would come first."""
        bindings = () if event.is_printable else self._bindings.key_to_bindings.get(event.key, ())
        for binding in bindings:
            if binding.action.startswith("scroll_"):  # one line has nothing to scroll: its box chooses by these keys
                continue
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)

    def _on_paste(self, event: events.Paste) -> None:
        first, _, rest = event.text.partition("\n")
        if rest.strip():
            self.app.notify("Only the first line was taken.", markup=False)
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(first)


class Prompt(Horizontal):
    """Hidden until `ask`. `esc` brings back what was there before."""

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; background: $cursor-quiet; }
    Prompt.open { display: block; }
    Prompt Static { width: 3; color: $key; text-style: bold; }
    Prompt Input { width: 1fr; background: $cursor-quiet; color: $ink; }
    Prompt Input:focus { background: $cursor-quiet; }
    """

    class Typed(Message):
        """What is typed has rested for a moment."""

        def __init__(self, kind: str, value: str) -> None:
            super().__init__()
            self.kind, self.value = kind, value

    class Entered(Typed):
        """`enter`: it is meant."""

    class Left(Typed):
        """`esc`: `value` is what was there before."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.kind = ""
        self.before = ""
        self._timer: Timer | None = None
        self._history: dict[str, list[str]] = {}
        self._back = 0
        self._complete: Callable[[str], Sequence[str]] | None = None

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)
        yield OneLine(compact=True, select_on_focus=False)

    @property
    def input(self) -> OneLine:
        return self.query_one(OneLine)

    @property
    def is_open(self) -> bool:
        return self.has_class("open")

    def ask(
        self,
        kind: str,
        value: str = "",
        complete: Callable[[str], Sequence[str]] | None = None,
        before: str | None = None,
    ) -> None:
        """Open with `value` to type on; `esc` brings back `before`, where that is another."""
        self.kind, self.before, self._complete, self._back = kind, value if before is None else before, complete, 0
        self.query_one(Static).update(f" {kind} ")
        self.add_class("open")
        with self.input.prevent(Input.Changed):
            self.input.value = value
        self.input.cursor_position = len(value)
        self.input.focus()

    async def take(self, event: events.Key) -> None:
        """A key that was typed before the focus was here."""
        if event.is_printable and event.character:
            self.input.insert_text_at_cursor(event.character)
            return
        self.on_key(event)
        await self.input.on_key(event)

    def close(self) -> None:
        self._stop_timer()
        self.remove_class("open")

    def leave(self) -> None:
        """Close without meaning it."""
        self.close()
        self.post_message(self.Left(self.kind, self.before))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_timer()
        self._timer = self.set_timer(REST_SECONDS, lambda: self.post_message(self.Typed(self.kind, event.value)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        past = self._history.setdefault(self.kind, [])
        if event.value and (not past or past[-1] != event.value):
            past.append(event.value)
            del past[:-HISTORY]
        self.post_message(self.Entered(self.kind, event.value))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def on_key(self, event: events.Key) -> None:
        steps = {"up": 1, "down": -1}
        if event.key == "escape":
            self.leave()
        elif event.key in steps:
            self._recall(steps[event.key])
        elif event.key == "tab":
            self._fill_in()
        else:
            return
        event.stop()
        event.prevent_default()

    def _recall(self, step: int) -> None:
        past = self._history.get(self.kind, [])
        self._back = max(0, min(len(past), self._back + step))
        self._put(past[-self._back] if self._back else self.before)

    def _fill_in(self) -> None:
        found = self._complete(self.input.value) if self._complete is not None else ()
        if found:
            self._put(found[0])

    def _put(self, value: str) -> None:
        self.input.value = value
        self.input.cursor_position = len(value)
