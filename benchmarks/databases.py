"""glancetui beside the real Glance on the same database server, and with its registry apart; writes DATABASES.md.

    python -m benchmarks.databases [--rounds 5] [--only mariadb,postgresql,split,pages]

Each server is a throwaway one that makes every commit durable, on its own defaults otherwise; Glance and glancetui have
a database each on it. Its CPU time is in neither's figures.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from benchmarks import report, run, servers
from benchmarks.measures import Measure, scripts, small_step
from benchmarks.report import Target
from benchmarks.seed import seed
from benchmarks.servers import Server
from tests.backends import mariadb, postgresql
from tests.backends.peer import peer_venv

HERE = Path(__file__).parent
PLACE = Path("/var/tmp")  # servers run as users of their own, who cannot look into everybody's home
DURABLE = {
    "mariadb": ("--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=256M"),
    "postgresql": ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=256MB"),
}
SERVERS: dict[str, ModuleType] = {"mariadb": mariadb, "postgresql": postgresql}
READS, WRITES = ("list", "show"), ("create+delete", "patch")


class Side(NamedTuple):
    """Two services with the same images; ratios are of the first to the second."""

    first: Server
    second: Server


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    rounds: report.Rounds = {}
    missing: dict[tuple[str, str], str] = {}
    for kind in (*SERVERS, "split"):
        if kind in options.only:
            folder = Path(tempfile.mkdtemp(prefix="glancetui-bench-", dir=PLACE))
            folder.chmod(0o755)
            try:
                with sides(kind, folder, options) as side:
                    drive(kind, side, options, rounds, missing)
            finally:
                shutil.rmtree(folder)
    pages = [f"### {kind}\n\n{pages_of(kind, missing)}" for kind in ("sqlite", *SERVERS) if "pages" in options.only]
    options.output.write_text(text(options, rounds, pages, list(missing.values())))
    run.tell(f"wrote {options.output}")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000, help="in each registry")
    parser.add_argument("--seconds", type=int, default=4, help="of each run")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="of each service")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=[*SERVERS, "split", "pages"], help="comma-separated"
    )
    parser.add_argument("--output", type=Path, default=HERE / "DATABASES.md")
    return parser.parse_args(arguments)


@contextmanager
def sides(kind: str, folder: Path, options: argparse.Namespace) -> Iterator[Side]:
    with ExitStack() as stack:
        if kind == "split":
            apart = stack.enter_context(servers.apart(folder / "apart", options.workers))
            whole = stack.enter_context(servers.glancetui(folder / "whole", options.workers))
            for name in ("apart", "whole"):
                seed(f"sqlite:///{folder}/{name}/data/glance.sqlite", options.images, "file", folder / name)
            yield Side(apart, whole)
            return
        server, place = SERVERS[kind], folder / kind
        place.mkdir()
        stack.enter_context(server.running(place, *DURABLE[kind]))
        theirs, ours = (server.create_database(place, name) for name in ("glance", "glancetui"))
        glance = stack.enter_context(servers.glance(folder / "theirs", options.workers, peer_venv(), theirs))
        glancetui = stack.enter_context(servers.glancetui(folder / "ours", options.workers, ours))
        seed(theirs, options.images, "fast", folder / "theirs" / "images")
        seed(ours, options.images, "file", folder / "ours" / "data" / "images")
        yield Side(glancetui, glance)


def drive(
    kind: str, side: Side, options: argparse.Namespace, rounds: report.Rounds, missing: dict[tuple[str, str], str]
) -> None:
    run.tell(f"{kind}: {side.first.name} beside {side.second.name}")
    for number in range(options.rounds):
        for name, what in scripts(options.images).items():
            steps = {server.name: small_step(server, *what, options.seconds, options.connections) for server in side}
            run.run_in_turn(side, Measure(f"{kind}: {name}", steps), number, rounds, missing)


def targets() -> list[Target]:
    found = []
    for kind in SERVERS:
        found += [Target(f"{kind}: {name}", "per_s", "Glance", "≥", 15) for name in READS]
        found += [Target(f"{kind}: {name}", "per_s", "Glance", "≥", 8) for name in WRITES]
        found += [Target(f"{kind}: {name}", "failed", None, "≤", 0) for name in (*READS, *WRITES)]
    found += [Target(f"split: {name}", "per_s", "glancetui", "≥", 0.5, subject="apart") for name in (*READS, *WRITES)]
    return found


def pages_of(kind: str, missing: dict[tuple[str, str], str]) -> str:
    run.tell(f"pages on {kind}")
    command = [sys.executable, "-m", "benchmarks.pages", "--kind", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        missing["pages", kind] = f"pages on {kind}: {done.stderr.strip()[-300:]}"
    return done.stdout


def text(options: argparse.Namespace, rounds: report.Rounds, pages: Sequence[str], missing: Sequence[str]) -> str:
    settings = (
        f"{options.rounds} rounds; {options.workers} workers each; {options.images:,} images of three properties "
        f"and two tags; {options.connections} connections, {options.seconds} s a run."
    )
    parts = [
        "# Benchmarks of the registry on its databases",
        INTRODUCTION,
        run.hardware(),
        settings,
        report.neighbours(rounds),
        "## Targets",
        report.targets_table(targets(), rounds, []),
        "## All figures",
        "Median (range) over the rounds. `apart`: the registry is a process of its own, reached by a unix socket.",
        report.figures_table(rounds),
    ]
    if pages:
        parts += ["## Pages of 1,000,000 images", *pages]
    if missing:
        parts += ["## Not measured", "\n".join(f"- {reason}" for reason in missing)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


INTRODUCTION = """\
Written by `make bench-databases`. The real Glance 33.0.0 from PyPI (uWSGI) and glancetui have a database each on one
server that makes every commit durable, and are driven in turn in each round; only ratios within a run mean anything.
The server's own CPU time is in neither's figures, but it shares the machine."""


if __name__ == "__main__":
    sys.exit(main())
