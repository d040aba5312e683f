"""What the private registry service costs: the same database served embedded and split, in turn.

    python -m benchmarks.split [--rounds 3] [--images 10000] [--registry-workers 1] [--folder .cache/split]

Prints a Markdown table: requests a second and CPU milliseconds of all processes for each, medians of the rounds, and
the ratio of split to embedded throughput in each round. On a machine that does other work too, the CPU tells more.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import small
from benchmarks.machine import cpu_seconds
from benchmarks.seed import image_ids, seed
from benchmarks.servers import Server, free_port, glancetui, process, wait_until_serving

TARGETS_OF_SMALL = 200
LEAST = 0.5  # of the embedded form's throughput


@contextmanager
def split(folder: Path, data: Path, workers: int, registry_workers: int) -> Iterator[tuple[Server, int]]:
    """`serve registry` on a unix socket, and `serve api` that asks it; with the former's process id."""
    folder.mkdir(parents=True, exist_ok=True)
    port, socket = free_port(), f"unix:{folder / 'registry.sock'}"
    ours = [sys.executable, "-m", "glancetui", "serve"]
    registry = [*ours, "registry", "--listen", socket, "--workers", str(registry_workers), "--data-dir", str(data)]
    api = [*ours, "api", "--registry", socket, "--auth", "none", "--listen", f"127.0.0.1:{port}"]
    api += ["--workers", str(workers), "--data-dir", str(data)]
    with process(registry, folder / "registry.log") as service, process(api, folder / "api.log") as started:
        wait_until_serving(f"http://127.0.0.1:{port}/v2/images?limit=1", started, folder / "api.log")
        yield Server("split", "127.0.0.1", port, started.pid), service.pid


@contextmanager
def embedded(folder: Path, workers: int) -> Iterator[tuple[Server, int | None]]:
    with glancetui(folder, workers) as server:
        yield server, None


class Seen(NamedTuple):
    per_s: float
    cpu_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="of the API, in both forms")
    parser.add_argument("--registry-workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(".cache/split"))
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        sys.stdout.write(measured(folder, options) + "\n")
    finally:
        shutil.rmtree(folder)
    return 0


def measured(folder: Path, options: argparse.Namespace) -> str:
    shown = [f"/v2/images/{image_id}" for image_id in image_ids(options.images)[-TARGETS_OF_SMALL:]]
    measures = {
        "list of 25": (small.GET, ["/v2/images?limit=25"]),
        "show": (small.GET, shown),
        "patch": (small.PATCH, shown),
    }
    data = folder / "embedded" / "data"
    with glancetui(folder / "embedded", 1):
        pass  # makes the database
    seed(data / "glance.sqlite", options.images, "file", data / "images")
    found: dict[tuple[str, str], list[Seen]] = {}
    for number in range(options.rounds):
        for form in ("embedded", "split")[:: -1 if number % 2 else 1]:
            for name, seen in run(form, folder, data, measures, options):
                found.setdefault((name, form), []).append(seen)
    return table(found, list(measures))


def run(
    form: str, folder: Path, data: Path, measures: dict[str, tuple[str, list[str]]], options: argparse.Namespace
) -> Iterator[tuple[str, Seen]]:
    """What was seen, by measure."""
    chosen = (
        embedded(folder / "embedded", options.workers)
        if form == "embedded"
        else split(folder / "split", data, options.workers, options.registry_workers)
    )
    with chosen as (server, registry):
        for name, (script, paths) in measures.items():
            small.drive(server, script, paths, 1, options.connections)
            before = cpu_seconds(registry) if registry else 0.0
            seen = small.drive(server, script, paths, options.seconds, options.connections)
            beside = cpu_seconds(registry) - before if registry else 0.0
            sys.stderr.write(f"{form}, {name}: {seen}, registry {1000 * beside / seen.requests:.3f} ms\n")
            if seen.failed:
                raise SystemExit(f"{form}, {name}: {seen.failed} requests failed")
            yield name, Seen(seen.per_s, seen.cpu_ms + 1000 * beside / seen.requests)


def table(found: dict[tuple[str, str], list[Seen]], names: Sequence[str]) -> str:
    lines = [
        "| | embedded, requests/s | split, requests/s | split ÷ embedded | target | embedded, CPU ms | split, CPU ms |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    middle = statistics.median
    for name in names:
        whole, parted = found[name, "embedded"], found[name, "split"]
        ratios = [ours.per_s / theirs.per_s for ours, theirs in zip(parted, whole, strict=True)]
        rates = f"{middle(s.per_s for s in whole):,.0f} | {middle(s.per_s for s in parted):,.0f}"
        spread = f"{middle(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        costs = f"{middle(s.cpu_ms for s in whole):.2f} | {middle(s.cpu_ms for s in parted):.2f}"
        lines.append(f"| {name} | {rates} | {spread} | ≥ {LEAST:g} | {costs} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
