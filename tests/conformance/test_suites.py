"""What is read of a suite's output. The suites themselves run with `make conformance`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance.suites import functional
from tests.conformance.suites.functional_deviations import DEVIATIONS
from tests.conformance.suites.outcome import LEFT_OUT, Outcome, counts, read_stestr, table, tried_twice, worse

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


TESTS = """\
class TestTasks(Base):
    def setUp(self):
        pass

    def test_list(self):
        pass


class TestImportProxy(Base):
    def test_proxy(self):
        pass
"""


def test_what_is_not_about_the_wire_is_left_out_by_its_name_and_counted(tmp_path: Path) -> None:
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2/test_images.py").write_text(TESTS)
    (tmp_path / "test_logging.py").write_text("class TestLogging(Base):\n    def test_debug(self):\n        pass\n")
    names = list(functional.names(tmp_path))
    assert names == [
        "test_logging.TestLogging.test_debug",
        "v2.test_images.TestTasks.test_list",
        "v2.test_images.TestImportProxy.test_proxy",
    ]
    reasons = [functional.reason_to_leave(name) for name in names]
    assert [reason is None for reason in reasons] == [False, True, False]
    assert functional.modules(names) == ["v2.test_images"]
    outcomes = [Outcome("a", "passed"), Outcome("b", LEFT_OUT, "reads a log")]
    assert counts(outcomes) == "1 passed, 0 failed, 0 skipped, 1 left out"
    assert worse(outcomes, outcomes) == []
    assert "- `b`: reads a log" in list(table({("s", "us"): outcomes}))


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
def test_no_test_deviates_that_is_left_out(name: str) -> None:
    assert functional.reason_to_leave(re.sub(rf"^{functional.PACKAGE}\.", "", name)) is None
