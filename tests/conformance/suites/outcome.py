"""What became of a suite's tests, and the table of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

#: As stestr prints a test: its worker, its name, its time, how it ended.
_LINE = re.compile(
    r"^\{\d+\} (?P<name>.+?)(?: \[[0-9.]+s\])? \.\.\. (?P<end>ok|FAILED|SKIPPED|inprogress)(?:: (?P<why>.*))?$"
)
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Mismatch|Failure|NotFound|Forbidden|Conflict|Timeout\w*)\b.*")
REASON_LENGTH = 200


@dataclass(frozen=True)
class Outcome:
    """`end`: "passed", "failed" or "skipped"; `reason` is empty of a test that passed."""

    name: str
    end: str
    reason: str = ""


def read_stestr(text: str) -> list[Outcome]:
    """The outcomes in what `stestr run` printed, in the order of their ends."""
    found: list[Outcome] = []
    lines = text.splitlines()
    for at, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None:
            continue
        end = {"ok": "passed", "SKIPPED": "skipped"}.get(match["end"], "failed")
        reason = match["why"] or ""
        if end == "failed":
            reason = failure(lines[at + 1 :])
        found.append(Outcome(match["name"], end, reason[:REASON_LENGTH]))
    return found


def failure(lines: Iterable[str]) -> str:
    """The sentence that ends a traceback: the last line before the next test that looks like an error's."""
    said = "no reason was printed"
    for line in lines:
        if _LINE.match(line):
            break
        if _ERROR.match(line.strip()):
            said = line.strip()
    return said


def counts(outcomes: Iterable[Outcome]) -> str:
    ends = Counter(outcome.end for outcome in outcomes)
    return f"{ends['passed']} passed, {ends['failed']} failed, {ends['skipped']} skipped"


def worse(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[Outcome]:
    """Of ours, what did not pass although it passed there."""
    passed = {outcome.name for outcome in theirs if outcome.end == "passed"}
    return [outcome for outcome in ours if outcome.end != "passed" and outcome.name in passed]


def table(results: Mapping[tuple[str, str], Sequence[Outcome]]) -> Iterator[str]:
    """Lines of Markdown. `results`: by suite and by who was tested."""
    suites = list(dict.fromkeys(suite for suite, _ in results))
    tested = list(dict.fromkeys(who for _, who in results))
    yield f"| suite | {' | '.join(tested)} |"
    yield f"|---|{'---|' * len(tested)}"
    for suite in suites:
        cells = [counts(results[suite, who]) if (suite, who) in results else "–" for who in tested]
        yield f"| {suite} | {' | '.join(cells)} |"
    for (suite, who), outcomes in results.items():
        for end in ("failed", "skipped"):
            chosen = [outcome for outcome in outcomes if outcome.end == end]
            if chosen:
                yield ""
                yield f"## {suite}: {end} on {who}"
                yield ""
                yield from (f"- `{one.name}`: {one.reason.replace('|', '/')}" for one in sorted(chosen, key=by_name))


def by_name(outcome: Outcome) -> str:
    return outcome.name
