"""Figures of all rounds → `RESULTS.md`: medians, ranges, ratios, and each target met or missed."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.machine import MIB
from benchmarks.memory import COPIES, READERS, Growth

Rounds = dict[str, dict[str, list[dict[str, float]]]]  # measure → subject → one entry a round
UNITS = {
    "per_s": "requests/s",
    "cpu_ms": "CPU ms a request",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "failed": "failed requests",
    "MiB_s": "MiB/s",
    "cpu_s_GiB": "CPU s a GiB",
    "cpu_seconds": "CPU s",
    "seconds": "seconds",
    "grown_MiB": "growth of the processes' own memory, MiB",
    "painted_seconds": "seconds to the first painted screen",
    "image_seconds": "seconds to the first image on it",
}
HIDDEN = {"requests", "others_cpu"}
SIGNS: dict[str, Callable[[float, float], bool]] = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}


class Target(NamedTuple):
    """`figure` of `subject`, divided by that of `against` in the same round where there is one, against `bound`."""

    measure: str
    figure: str
    against: str | None
    sign: str
    bound: float
    subject: str = "glancetui"


TARGETS = (
    Target("list", "per_s", "Glance", "≥", 15),
    Target("show", "per_s", "Glance", "≥", 15),
    Target("create+delete", "per_s", "Glance", "≥", 8),
    Target("patch", "per_s", "Glance", "≥", 8),
    *(Target(name, "p99_ms", "Glance", "<", 1) for name in ("list", "show", "create+delete", "patch")),
    *(Target(name, "failed", None, "≤", 0) for name in ("list", "show", "create+delete", "patch")),
    Target("upload", "MiB_s", "local", "≥", 0.85),
    Target("upload", "MiB_s", "Glance", "≥", 2.5),
    Target("upload", "cpu_s_GiB", None, "≤", 5),
    Target("upload", "cpu_s_GiB", "Glance", "≤", 0.76),  # the same, 5 of Glance's 6.6, on a machine that is not quiet
    Target("download", "cpu_s_GiB", "nginx", "≤", 1.15),
    Target("download by range", "cpu_s_GiB", "nginx", "≤", 1.15),
    Target("command: image list --limit 25", "cpu_seconds", "openstack", "≤", 0.2),
    Target("command: image list", "cpu_seconds", "openstack", "≤", 0.2),
)
MEMORY_BOUND = 64 * MIB


class Machine(NamedTuple):
    description: str
    settings: str


def results(machine: Machine, rounds: Rounds, growths: Sequence[Growth], pages: str, missing: Sequence[str]) -> str:
    parts = [
        "# Benchmarks",
        INTRODUCTION.format(machine=machine),
        neighbours(rounds),
        "## Targets",
        targets_table(TARGETS, rounds, growths),
        "## All figures",
        "Median (range) over the rounds.",
        figures_table(rounds),
    ]
    if growths:
        parts += ["## Memory", memory_text(growths)]
    if pages:
        parts += ["## Pages", pages]
    if missing:
        parts += ["## Not measured", "\n".join(f"- {reason}" for reason in missing)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


INTRODUCTION = """\
Written by `make bench`. The real Glance 33.0.0 from PyPI (uWSGI, SQLite, file store, cache), glancetui and nginx ran on
one machine at once, and were driven in turn in each round. Client, servers and databases share it, so only ratios
within a run mean anything; each ratio is taken within a round first.

{machine.description}

{machine.settings}"""


def neighbours(rounds: Rounds) -> str:
    """How quiet the machine was: on a busy one throughput says little, and CPU time is dearer."""
    entries = (entry for by_subject in rounds.values() for each in by_subject.values() for entry in each)
    busy = [entry["others_cpu"] for entry in entries if "others_cpu" in entry]
    return f"CPUs that processes outside of the run used meanwhile: {spread(busy)}." if busy else ""


def targets_table(targets: Sequence[Target], rounds: Rounds, growths: Sequence[Growth]) -> str:
    lines = ["| what | target | seen | |", "|---|---|---|---|"]
    lines += [target_line(target, rounds) for target in targets if target.measure in rounds]
    if growths:
        grown = max(growth.peak - growth.before for growth in growths)
        verdict = "met" if grown < MEMORY_BOUND else "**missed**"
        lines.append(f"| memory: growth of the process tree, largest | < 64 MiB | {grown / MIB:.1f} MiB | {verdict} |")
    return "\n".join(lines)


def target_line(target: Target, rounds: Rounds) -> str:
    values = compared(target, rounds)
    what = f"{target.measure}: {UNITS[target.figure]}"
    wanted = f"{target.sign} {target.bound:g}" + (f" × {target.against}" if target.against else "")
    if not values:
        return f"| {what} | {wanted} | not measured | |"
    worst = max(values) if target.figure == "failed" else statistics.median(values)
    verdict = "met" if SIGNS[target.sign](worst, target.bound) else "**missed**"
    return f"| {what} | {wanted} | {spread(values)} | {verdict} |"


def compared(target: Target, rounds: Rounds) -> list[float]:
    mine = figures_of(target, target.subject, rounds)
    if target.against is None:
        return mine
    return [a / b for a, b in zip(mine, figures_of(target, target.against, rounds), strict=False) if b]


def figures_of(target: Target, subject: str, rounds: Rounds) -> list[float]:
    return [each[target.figure] for each in rounds[target.measure].get(subject, []) if target.figure in each]


def figures_table(rounds: Rounds) -> str:
    lines = ["| measure | figure | subject | median (range) |", "|---|---|---|---|"]
    for measure, by_subject in rounds.items():
        names = dict.fromkeys(name for entries in by_subject.values() for entry in entries for name in entry)
        for figure in (name for name in names if name not in HIDDEN):
            for subject, entries in by_subject.items():
                values = [entry[figure] for entry in entries if figure in entry]
                if values:
                    lines.append(f"| {measure} | {UNITS.get(figure, figure)} | {subject} | {spread(values)} |")
    return "\n".join(lines)


def spread(values: Sequence[float]) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{number(middle)} ({number(low)}–{number(high)})" if len(values) > 1 else number(middle)


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def memory_text(growths: Sequence[Growth]) -> str:
    lines = [
        f"The process tree while it takes {COPIES} × the bulk file in one upload and serves {READERS} slow readers:",
        "",
        "| before | peak | growth | readers served to the end |",
        "|---|---|---|---|",
    ]
    for growth in growths:
        before, peak = growth.before / MIB, growth.peak / MIB
        lines.append(f"| {before:.0f} MiB | {peak:.0f} MiB | {peak - before:.1f} MiB | {growth.readers} of {READERS} |")
    return "\n".join(lines)
