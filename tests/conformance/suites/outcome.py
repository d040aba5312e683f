"""What became of a suite's tests, and the table of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.conformance.suites import functional_deviations

#: As stestr prints a test: its worker, its name, its time, how it ended.
_LINE = re.compile(
    r"^\{\d+\} (?P<name>.+?)(?: \[[0-9.]+s\])? \.\.\. (?P<end>ok|FAILED|SKIPPED|inprogress)(?:: (?P<why>.*))?$"
)
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Mismatch|Failure|NotFound|Forbidden|Conflict|Timeout\w*)\b.*")
REASON_LENGTH = 200
#: Tests that assert a defect of Glance's which ours does not have, with what they assert.
DEVIATIONS = functional_deviations.DEVIATIONS
SECOND_TRY = "passed at the second try"
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Outcome:
    """`end`: "passed", "failed", "skipped" or LEFT_OUT; `reason` is empty where it passed, unless it took two tries."""

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


def tried_twice(run: Callable[[str, str], Sequence[Outcome]], match: str) -> list[Outcome]:
    """The suites wait for some things by the clock, so what failed is run once more, and said to have been.

    `run` is given a name for the try and a regular expression of tests.
    """
    first = run("first", match)
    again = failed(first)
    if not again:
        return list(first)
    second = {outcome.name: outcome for outcome in run("second", "|".join(map(chosen, again)))}
    return [second_thought(outcome, second.get(outcome.name, outcome)) for outcome in first]


def chosen(outcome: Outcome) -> str:
    """A regular expression of this test alone; of its class, where that could not be set up."""
    within = re.search(r"\((.+)\)", outcome.name)
    return re.escape(within[1] if within else outcome.name)


def second_thought(first: Outcome, second: Outcome) -> Outcome:
    if first.end == "failed" and second.end == "passed":
        return Outcome(first.name, "passed", f"{SECOND_TRY}; the first: {first.reason}"[:REASON_LENGTH])
    return second


def counts(outcomes: Sequence[Outcome]) -> str:
    ends = Counter(outcome.end for outcome in outcomes)
    late = sum(outcome.reason.startswith(SECOND_TRY) for outcome in outcomes)
    tries = f" ({late} at the second try)" if late else ""
    rest = f", {ends[LEFT_OUT]} left out" if ends[LEFT_OUT] else ""
    return f"{ends['passed']} passed{tries}, {ends['failed']} failed, {ends['skipped']} skipped{rest}"


def worse(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[Outcome]:
    """Of ours, what did not pass although it passed there. Not what deviates on purpose."""
    passed = {outcome.name for outcome in theirs if outcome.end == "passed"} - DEVIATIONS.keys()
    return [outcome for outcome in ours if outcome.end != "passed" and outcome.name in passed]


def failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Not what deviates on purpose."""
    return [outcome for outcome in outcomes if outcome.end == "failed" and outcome.name not in DEVIATIONS]


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
        for end in ("failed", "skipped", LEFT_OUT, "passed"):
            told = [outcome for outcome in outcomes if outcome.end == end and (outcome.reason or end != "passed")]
            if told:
                yield ""
                yield f"## {suite}: {end} on {who}"
                yield ""
                yield from map(told_of, sorted(told, key=by_name))


def told_of(outcome: Outcome) -> str:
    reason = DEVIATIONS.get(outcome.name, outcome.reason) if outcome.end == "failed" else outcome.reason
    return f"- `{outcome.name}`: {reason.replace('|', '/')}"


def by_name(outcome: Outcome) -> str:
    return outcome.name
