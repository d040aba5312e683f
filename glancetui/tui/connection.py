"""How the endpoint is doing, and when to ask it again. Pure: time comes in, sentences go out."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Sequence

from glancetui.client.problems import Unreachable
from glancetui.client.text import clean, cut
from glancetui.client.values import Part
from glancetui.errors import Unauthenticated, Unavailable
from glancetui.tui.figures import span
from glancetui.tui.glyphs import Glyphs

POLL_SECONDS = 1.0
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds, each ± 20 % so that many terminals do not come back in step
SPREAD = 0.2
LONGEST = 30  # cells for the names of what is down
REFUSALS_FOR_SIGN_IN = 2


class State(enum.Enum):
    STARTING = "starting"
    POLLING = "polling"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    DOWN = "down"  # it answers, and says that it cannot serve: 503
    SIGN_IN = "sign in"


class Connection:
    """Hears of every answer and failure. Times are seconds of any steady clock."""

    def __init__(self, spread: Callable[[], float] = lambda: random.uniform(-SPREAD, SPREAD)) -> None:  # noqa: S311
        self.state = State.STARTING
        self.reason = ""
        self.down: tuple[Part, ...] = ()  # the parts of the endpoint that it says are down
        self.answered_at: float | None = None
        self.due = 0.0  # when to ask next
        self._failures = 0
        self._refusals = 0
        self._spread = spread

    def answered(self, now: float) -> None:
        self.state, self.reason, self.down, self.answered_at = State.POLLING, "", (), now
        self.due = now + POLL_SECONDS
        self._failures = self._refusals = 0

    def failed(self, error: Exception, now: float, parts: Sequence[Part] | None = None) -> None:
        """`parts`: what the endpoint says of its own; None: it was not asked, and what it said before stands."""
        delay = RETRIES[min(self._failures, len(RETRIES) - 1)] * (1 + self._spread())
        self._failures += 1
        self.due, self.reason = now + delay, str(error)
        if parts is not None or not isinstance(error, Unavailable) or isinstance(error, Unreachable):
            self.down = tuple(part for part in parts or () if not part.ready)
        if self.down:
            self.reason = "; ".join(f"{part.name}: {part.error}" for part in self.down if part.error) or self.reason
        if isinstance(error, Unauthenticated):
            self._refusals += 1
            self.state = State.SIGN_IN if self._refusals >= REFUSALS_FOR_SIGN_IN else State.STALE
        elif isinstance(error, Unreachable):
            self.state = State.UNREACHABLE
        elif isinstance(error, Unavailable):
            self.state = State.DOWN
        else:
            self.state = State.STALE

    def hurry(self, now: float) -> None:
        """Ask at once, whatever the back-off says."""
        self.due = now

    @property
    def troubled(self) -> bool:
        return self.state not in {State.STARTING, State.POLLING}

    def text(self, now: float, glyphs: Glyphs) -> str:
        if self.state is State.STARTING:
            return f"{glyphs.waiting} connecting"
        if self.state is State.POLLING:
            return f"{glyphs.saving} polling {span(POLL_SECONDS)}"
        retry = f"retry {span(max(0.0, self.due - now))}"
        if self.state is State.SIGN_IN:
            return f"{glyphs.bad} sign in, {retry}"
        age = "" if self.answered_at is None else f" {span(now - self.answered_at)}"
        if self.state is State.DOWN:
            return f"{glyphs.bad} {self._down_names() or 'unavailable'}{age}, {retry}"
        if self.state is State.UNREACHABLE:
            return f"{glyphs.bad} unreachable{age}, {retry}"
        return f"{glyphs.stale} stale{age}, {retry}"

    def sentence(self, now: float) -> str:
        """How it is, as part of a sentence, while something is wrong."""
        age = "" if self.answered_at is None else f"{span(now - self.answered_at)} old: "
        names = {State.UNREACHABLE: "the endpoint is unreachable", State.SIGN_IN: "the credentials are refused"}
        return age + names.get(self.state, self._down_names() or "the endpoint cannot serve")

    def _down_names(self) -> str:
        return cut(clean(", ".join(part.name for part in self.down)), LONGEST) + " down" if self.down else ""

    @property
    def style(self) -> str:
        """The palette's name for the colour of the state."""
        return {State.STARTING: "soft", State.POLLING: "good", State.STALE: "warn"}.get(self.state, "bad")
