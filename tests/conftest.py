"""Fixtures for all tests."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.backends.keystone import Keystone, running_keystone
from tests.backends.peer import PeerUnavailable
from tests.registry.places import KINDS
from tests.serving import Server, running_server


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts services with the options of `running_server`; all of them end with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running_server(tmp_path, **options))


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """One for all tests of the group `keystone`, since setting one up takes a quarter of a minute."""
    try:
        with running_keystone(tmp_path_factory.mktemp("keystone")) as running:
            yield running
    except PeerUnavailable as error:
        pytest.skip(f"Keystone cannot be installed: {error}")


gc.disable()  # until the tests are collected: that leaves little garbage, and looking for it takes a fifth of the time


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end; no later look for garbage need pass over them."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first, or one worker would be left with it at the end. Groups stay together, and so do the
    tests of a module that share what it starts: each worker would start its own."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and shares(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))
    seconds: dict[str, float] = {}
    for item in items:
        seconds[group(item)] = seconds.get(group(item), 0) + takes(item)
    items.sort(key=lambda item: (-seconds[group(item)], group(item) == item.nodeid))


def shares(item: pytest.Item) -> bool:
    """Whether it uses a fixture that its module has once."""
    found = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return any(each.scope == "module" for definitions in found.values() for each in definitions)


def group(item: pytest.Item) -> str:
    """What xdist gives to one worker: as `--dist loadgroup` does."""
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else item.nodeid


def takes(item: pytest.Item) -> float:
    """Seconds, as the mark `slow` has it."""
    mark = item.get_closest_marker("slow")
    return float(mark.kwargs["seconds"]) if mark else 0.0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Figures that tests recorded, so that a run shows how much it compared. Numbers of one name are added up."""
    passed = terminalreporter.getreports("passed")
    sums: Counter[str] = Counter()
    for name, value in (each for report in passed if report.when == "call" for each in report.user_properties):
        if isinstance(value, int):
            sums[name] += value
        else:
            terminalreporter.write_line(f"{name}: {value}")
    for name, total in sorted(sums.items()):
        terminalreporter.write_line(f"{name}: {total}")
    tell_databases(terminalreporter)
    tell_skipped(terminalreporter)


def tell_skipped(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were skipped and why, also when none was."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(
        report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr) for report in skipped
    )
    terminalreporter.write_line(f"Tests skipped: {len(skipped)}.")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"  {count}: {reason.removeprefix('Skipped: ')}")


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
