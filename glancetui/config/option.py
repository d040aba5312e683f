"""What an option is: its definition is data, from which it is read, checked, shown and documented."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from glancetui.config.kinds import PARSERS, Kind

Value = str | bool | int | float | list[str] | dict[str, str] | None


class Option(msgspec.Struct, frozen=True):
    """One option. `no_effect` None: honoured; else the reason why it is accepted and then ignored."""

    name: str
    kind: Kind
    default: Value
    help: str
    no_effect: str | None = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False
    former: tuple[tuple[str, str], ...] = ()  # (section, name) under which it was known before
    shown_default: str | None = None  # where the default depends on other options

    def parse(self, value: object) -> Any:  # noqa: ANN401  # of the type of the kind
        """The typed value. Raises ValueError with the end of a sentence that begins with the option."""
        parsed = PARSERS[self.kind](value)
        if self.choices and parsed is not None:
            return self.chosen(str(parsed))
        if isinstance(parsed, (int, float)) and not isinstance(parsed, bool):
            self.check_bounds(parsed)
        return parsed

    def check_bounds(self, number: float) -> None:
        if self.minimum is not None and number < self.minimum:
            raise ValueError(f"must be at least {self.minimum:g}")
        if self.maximum is not None and number > self.maximum:
            raise ValueError(f"must be at most {self.maximum:g}")

    def chosen(self, given: str) -> str:
        """The choice as it is defined: case does not matter, as with oslo.config's own."""
        by_lower = {choice.lower(): choice for choice in self.choices}
        if given.strip().lower() in by_lower:
            return by_lower[given.strip().lower()]
        near = get_close_matches(given.lower(), by_lower, 1)
        hint = f": did you mean {by_lower[near[0]]}" if near else ""
        raise ValueError(f"must be one of {', '.join(self.choices)}{hint}")


class Section(msgspec.Struct, frozen=True):
    name: str
    help: str
    options: tuple[Option, ...]

    def option(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)
