"""`python -m tests.conformance.suites`: run suites, print their counts, write the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.backends.peer import PeerUnavailable, suites_venv
from tests.conformance.suites import functional, outside
from tests.conformance.suites.outcome import Outcome, counts, failed, table, worse
from tests.conformance.suites.stage import FULL, OURS, PLAIN, THEIRS, stage

OWN = "glance-functional"
SUITES = (*outside.SUITES, OWN)
HEAD = "# Suites that others wrote for the Image API\n\nMade by `make conformance`.\n"


def main() -> int:
    """1 when ours fails what Glance passes, or, where Glance was not run, fails anything."""
    asked = arguments()
    venv = suites_venv()
    results: dict[tuple[str, str], list[Outcome]] = {}
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="conformance-"))
    for who in (OURS,) if asked.ours_only else (OURS, THEIRS):
        for suite, outcomes in run(who, asked.suite, venv, folder / who.split()[0].lower(), asked.match):
            results[suite, who] = outcomes
            print(f"{suite} on {who}: {counts(outcomes)}", flush=True)
    lines = list(table(results))
    print("\n".join(lines))
    if asked.out:
        asked.out.write_text("\n".join([HEAD, *lines, ""]))
    return int(any(missed(results, suite) for suite in asked.suite))


def run(who: str, suites: Sequence[str], venv: Path, folder: Path, match: str) -> Iterator[tuple[str, list[Outcome]]]:
    for form in (PLAIN, FULL):
        chosen = [suite for suite in suites if suite != OWN and outside.SUITES[suite].form == form]
        if chosen:
            with stage(who, folder / f"stage{form.other}", venv, form) as at:
                for suite in chosen:
                    yield suite, outside.run(outside.SUITES[suite], at, venv, folder / suite, match)
    if OWN in suites:
        yield OWN, functional.run(who, venv, folder / OWN, match)


def missed(results: dict[tuple[str, str], list[Outcome]], suite: str) -> list[Outcome]:
    ours = results[suite, OURS]
    theirs = results.get((suite, THEIRS))
    if theirs is None:
        return failed(ours)
    return worse(ours, theirs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.suites", description=__doc__)
    parser.add_argument("--suite", action="append", choices=SUITES, help="run only this one; may be repeated")
    parser.add_argument("--match", default="", help="run only tests whose names this regular expression finds")
    parser.add_argument("--ours-only", action="store_true", help="do not run the real Glance")
    parser.add_argument("--folder", type=Path, help="where services and suites leave their logs")
    parser.add_argument("--out", type=Path, help="write the table into this Markdown file")
    parser.add_argument("--or-skip", action="store_true", help="exit with 0 where the suites cannot be installed")
    asked = parser.parse_args()
    asked.suite = asked.suite or list(SUITES)
    return asked


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PeerUnavailable as error:
        sys.stderr.write(f"SKIPPED: the suites cannot be installed: {error}\n")
        sys.exit(0 if "--or-skip" in sys.argv else 1)
