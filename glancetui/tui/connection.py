"""How the endpoint is doing, and when to ask it again. Pure: time comes in, sentences go out."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable

from glancetui.client.problems import Unreachable
from glancetui.errors import Unauthenticated
from glancetui.tui.figures import span
from glancetui.tui.glyphs import Glyphs

POLL_SECONDS = 1.0
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds, each ± 20 % so that many terminals do not come back in step
SPREAD = 0.2
REFUSALS_FOR_SIGN_IN = 2


class State(enum.Enum):
    STARTING = "starting"
    POLLING = "polling"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    SIGN_IN = "sign in"


class Connection:
    """Hears of every answer and failure. Times are seconds of any steady clock."""

    def __init__(self, spread: Callable[[], float] = lambda: random.uniform(-SPREAD, SPREAD)) -> None:  # noqa: S311
        self.state = State.STARTING
        self.reason = ""
        self.answered_at: float | None = None
        self.due = 0.0  # when to ask next
        self._failures = 0
        self._refusals = 0
        self._spread = spread

    def answered(self, now: float) -> None:
        self.state, self.reason, self.answered_at = State.POLLING, "", now
        self.due = now + POLL_SECONDS
        self._failures = self._refusals = 0

    def failed(self, error: Exception, now: float) -> None:
        delay = RETRIES[min(self._failures, len(RETRIES) - 1)] * (1 + self._spread())
        self._failures += 1
        self.due, self.reason = now + delay, str(error)
        if isinstance(error, Unauthenticated):
            self._refusals += 1
            self.state = State.SIGN_IN if self._refusals >= REFUSALS_FOR_SIGN_IN else State.STALE
        elif isinstance(error, Unreachable):
            self.state = State.UNREACHABLE
        else:
            self.state = State.STALE

    def hurry(self, now: float) -> None:
        """Ask at once, whatever the back-off says."""
        self.due = now

    @property
    def troubled(self) -> bool:
        return self.state in {State.STALE, State.UNREACHABLE, State.SIGN_IN}

    def text(self, now: float, glyphs: Glyphs) -> str:
        if self.state is State.STARTING:
            return f"{glyphs.waiting} connecting"
        if self.state is State.POLLING:
            return f"{glyphs.saving} polling {span(POLL_SECONDS)}"
        retry = f"retry {span(max(0.0, self.due - now))}"
        if self.state is State.SIGN_IN:
            return f"{glyphs.bad} sign in, {retry}"
        age = "" if self.answered_at is None else f" {span(now - self.answered_at)}"
        if self.state is State.UNREACHABLE:
            return f"{glyphs.bad} unreachable{age}, {retry}"
        return f"{glyphs.stale} stale{age}, {retry}"

    @property
    def style(self) -> str:
        """The palette's name for the colour of the state."""
        return {State.STARTING: "soft", State.POLLING: "good", State.STALE: "warn"}.get(self.state, "bad")
