"""Regular expressions of definitions, matched in bounded time whatever they are.

First by an engine whose time is linear in the text. What that engine does not know (look-around, back-references) goes
to one that backtracks, at most so many steps, and on texts that are not long, since it begins at each character anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jsonschema_rs

from glancetui.errors import BadRequest

LONGEST = 1000  # characters of a pattern
LONGEST_TEXT = 2000  # characters that are held against a pattern that backtracks
_MOST_MEMORY = 1 << 20  # bytes that a compiled pattern may take
_MOST_STEPS = 20_000  # of backtracking: a few milliseconds

_LINEAR = jsonschema_rs.RegexOptions(size_limit=_MOST_MEMORY, dfa_size_limit=_MOST_MEMORY)
_BOUNDED = jsonschema_rs.FancyRegexOptions(
    backtrack_limit=_MOST_STEPS, size_limit=_MOST_MEMORY, dfa_size_limit=_MOST_MEMORY
)


class Validator(NamedTuple):
    """`longest`: characters of a text that it may be asked about; None: any number."""

    schema: jsonschema_rs.Draft4Validator
    longest: int | None


def validator(schema: dict[str, Any]) -> Validator:
    """Of a schema that may hold patterns. Nothing is fetched for it. Raises ValueError, jsonschema_rs.ValidationError
    for a schema that is none, such as one with a broken pattern."""
    try:
        return Validator(jsonschema_rs.Draft4Validator(schema, pattern_options=_LINEAR, offline=True), None)
    except (ValueError, jsonschema_rs.ValidationError):
        bounded = jsonschema_rs.Draft4Validator(schema, pattern_options=_BOUNDED, offline=True)
        return Validator(bounded, LONGEST_TEXT)


def check_pattern(pattern: str, place: str) -> None:
    """Raises BadRequest that names `place` for a pattern that is none, or that takes too much."""
    if len(pattern) > LONGEST:
        raise BadRequest(f"{place} is longer than {LONGEST} characters.")
    try:
        validator({"pattern": pattern})
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise BadRequest(f"{place} is no regular expression, or one that grows too large: {pattern[:200]}") from error
