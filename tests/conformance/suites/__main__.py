"""`python -m tests.conformance.suites`: run suites, print their counts, write the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.backends.peer import PeerUnavailable, suites_venv
from tests.conformance.suites import functional, outside
from tests.conformance.suites.outcome import Outcome, counts, failed, table, worse
from tests.conformance.suites.stage import FULL, OURS, PLAIN, THEIRS, Form, stage

OWN = "glance-functional"
SUITES = (*outside.SUITES, OWN)
HEAD = """\
# Suites that others wrote for the Image API

Made by `make conformance`, against a real Keystone. `tempest` is tempest with Glance's plugin, on a service as devstack
sets it up; `tempest-full` is the same where what that leaves off is on (locations, glance-download, weights, a second
service beside the first) and do_secure_hash is off. `glance-functional` are Glance's own functional tests with the
service exchanged; what runs Glance's programs or looks into its code is left out. What failed is tried once more.
"""


def main() -> int:
    """1 when ours fails what Glance passes, or, where Glance was not run, fails anything."""
    asked = arguments()
    venv = suites_venv()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="conformance-"))
    tested = (OURS,) if asked.ours_only else (OURS, THEIRS)
    found: dict[tuple[str, str], list[Outcome]] = {}

    def do(piece: Piece) -> None:
        for suite, outcomes in run(piece, venv, folder / piece.who.split()[0].lower(), asked.match):
            found[suite, piece.who] = outcomes
            print(f"{suite} on {piece.who}: {counts(outcomes)}", flush=True)

    with ThreadPoolExecutor(asked.at_once) as pool:
        list(pool.map(do, [piece for who in tested for piece in pieces(who, asked.suite)]))
    results = {(suite, who): found[suite, who] for who in tested for suite in asked.suite}
    lines = list(table(results))
    print("\n".join(lines))
    if asked.out:
        asked.out.write_text("\n".join([HEAD, *lines, ""]))
    return int(any(missed(results, suite) for suite in asked.suite))


class Piece(NamedTuple):
    """Suites that run one after the other, in one cloud. They mostly wait, so several pieces run at once."""

    who: str
    suites: Sequence[str]
    form: Form | None  # of the cloud; None: Glance's own functional tests, which need none


def pieces(who: str, suites: Sequence[str]) -> Iterator[Piece]:
    for form in (PLAIN, FULL):
        if chosen := [suite for suite in suites if suite != OWN and outside.SUITES[suite].form == form]:
            yield Piece(who, chosen, form)
    if OWN in suites:
        yield Piece(who, [OWN], None)


def run(piece: Piece, venv: Path, folder: Path, match: str) -> Iterator[tuple[str, list[Outcome]]]:
    if piece.form is None:
        yield OWN, functional.run(piece.who, venv, folder / OWN, match)
        return
    with stage(piece.who, folder / f"stage{piece.form.other}", venv, piece.form) as at:
        for suite in piece.suites:
            yield suite, outside.run(outside.SUITES[suite], at, venv, folder / suite, match)


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
    parser.add_argument("--at-once", type=int, default=3, metavar="N", help="clouds at once")
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
