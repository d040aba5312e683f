"""Fixtures for all tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.registry.places import KINDS
from tests.serving import Server, running_server


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts services with the options of `running_server`; all of them end with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running_server(tmp_path, **options))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Figures that tests recorded, so that a run shows how much it compared."""
    passed = terminalreporter.getreports("passed")
    for name, value in (each for report in passed if report.when == "call" for each in report.user_properties):
        terminalreporter.write_line(f"{name}: {value}")
    tell_databases(terminalreporter)


def tell_databases(terminalreporter: pytest.TerminalReporter) -> None:
    """Which databases the registry's promises were tried on."""
    counts = dict.fromkeys(KINDS, 0)
    for report in terminalreporter.stats.get("passed", ()):
        words = set(re.split(r"[\[\]-]", report.nodeid))
        for kind in words & counts.keys():
            counts[kind] += 1
    if any(counts.values()):
        tried = ", ".join(f"{kind} ({count} tests)" for kind, count in counts.items() if count)
        missing = ", ".join(kind for kind, count in counts.items() if not count)
        terminalreporter.write_line(f"Databases tested: {tried}." + (f" Not tested: {missing}." if missing else ""))
