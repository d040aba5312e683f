"""What is read of a suite's output. The suites themselves run with `make conformance`."""

from __future__ import annotations

from tests.conformance.suites.outcome import Outcome, counts, read_stestr, table, tried_twice, worse

PRINTED = """\
{0} a.b.Images.test_list [0.278683s] ... ok
{1} a.b.Images.test_show [1.2s] ... FAILED

Captured traceback:
~~~~~~~~~~~~~~~~~~~
    Traceback (most recent call last):
      File "x.py", line 1, in test_show
    AssertionError: 404 != 200

{0} setUpClass (a.b.Locations) ... SKIPPED: Locations skipped as they are not shown
{1} a.b.Images.test_after [0.1s] ... ok
"""


def test_names_ends_and_reasons_are_read() -> None:
    assert read_stestr(PRINTED) == [
        Outcome("a.b.Images.test_list", "passed"),
        Outcome("a.b.Images.test_show", "failed", "AssertionError: 404 != 200"),
        Outcome("setUpClass (a.b.Locations)", "skipped", "Locations skipped as they are not shown"),
        Outcome("a.b.Images.test_after", "passed"),
    ]


def test_only_what_failed_is_tried_again_and_that_is_said() -> None:
    asked: list[tuple[str, str]] = []

    def run(name: str, match: str) -> list[Outcome]:
        asked.append((name, match))
        if name == "first":
            return [
                Outcome("a", "passed"),
                Outcome("b.c", "failed", "late"),
                Outcome("setUpClass (d.E)", "failed", "x"),
            ]
        return [Outcome("b.c", "passed"), Outcome("setUpClass (d.E)", "failed", "y")]

    found = tried_twice(run, ".")
    assert asked == [("first", "."), ("second", r"b\.c|d\.E")]
    assert found == [
        Outcome("a", "passed"),
        Outcome("b.c", "passed", "passed at the second try; the first: late"),
        Outcome("setUpClass (d.E)", "failed", "y"),
    ]
    assert counts(found) == "2 passed (1 at the second try), 1 failed, 0 skipped"


def test_worse_is_what_passes_there_and_not_here() -> None:
    ours = [Outcome("a", "passed"), Outcome("b", "failed", "x"), Outcome("c", "skipped", "y")]
    theirs = [Outcome("a", "passed"), Outcome("b", "failed", "x"), Outcome("c", "passed")]
    assert worse(ours, theirs) == [ours[2]]
    assert list(table({("s", "us"): ours, ("s", "them"): theirs}))[2] == (
        "| s | 1 passed, 1 failed, 1 skipped | 2 passed, 1 failed, 0 skipped |"
    )
