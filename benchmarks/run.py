"""`make bench`: glancetui beside the real Glance and nginx, in turn, on this machine; writes benchmarks/RESULTS.md.

The stock programs are installed from PyPI as requirements/peer.lock pins them, once; GLANCETUI_PEER_VENV names a ready
environment instead. Servers, databases and images live in `--folder` and are removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import memory, report, servers
from benchmarks.machine import GIB, MIB, settle
from benchmarks.measures import Bench, Measure, measures, random_file, room_for
from benchmarks.seed import seed
from tests.backends.peer import PeerUnavailable, peer_venv

HERE = Path(__file__).parent
ROOM = 24  # times the bulk file: two stores, a cache, the upload of four, a local copy


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk is not installed; on Debian: apt-get install wrk")
    try:
        venv = peer_venv()
    except PeerUnavailable as error:
        sys.exit(f"bench: the real Glance could not be installed: {error}")
    options.folder.mkdir(parents=True, exist_ok=True)
    if not room_for(options.folder, ROOM * options.size * MIB):
        sys.exit(
            f"bench: {options.folder} needs {ROOM * options.size * MIB / GIB:.0f} GiB of room; --folder names another"
        )
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=options.folder))
    try:
        with running(folder, venv, options) as bench:
            rounds, missing = measured(bench, options)
            growths = [] if options.only and "memory" not in options.only else memory_growths(bench)
    finally:
        shutil.rmtree(folder)
    pages = pages_table(options, missing)
    text = report.results(machine(options), rounds, growths, pages, missing)
    options.output.write_text(text)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({"rounds": rounds, "memory": [growth._asdict() for growth in growths]}, indent=1)
    )
    sys.stderr.write(f"bench: wrote {options.output}\n")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = HERE.parent / ".cache" / "bench"
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000, help="in each registry")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the bulk file")
    parser.add_argument("--seconds", type=int, default=4, help="of each run of small requests")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="of Glance and of glancetui")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        help="names of measures, comma-separated; also memory, pages",
    )
    parser.add_argument("--quick", action="store_true", help="one short round: does everything run?")
    parser.add_argument("--folder", type=Path, default=cache, help="for servers and their data")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--json", type=Path, default=cache / "results.json", help="all figures of all rounds")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.images, options.size, options.seconds = 1, 500, 64, 1
    return options


@contextmanager
def running(folder: Path, venv: Path, options: argparse.Namespace) -> Iterator[Bench]:
    """All servers, filled with the same images."""
    served, scratch = folder / "served", folder / "scratch"
    served.mkdir()
    scratch.mkdir()
    source = served / "bulk.bin"
    random_file(source, options.size)
    with ExitStack() as stack:
        tell("starting the real Glance")
        glance = stack.enter_context(servers.glance(folder / "glance", options.workers, venv))
        tell("starting glancetui")
        ours = stack.enter_context(servers.glancetui(folder / "glancetui", options.workers))
        nginx = stack.enter_context(servers.nginx(folder / "nginx", served, options.workers))
        tell(f"filling both with {options.images} images")
        seed(f"sqlite:///{folder}/glance/glance.sqlite", options.images, "fast", folder / "glance" / "images")
        data = folder / "glancetui" / "data"
        seed(f"sqlite:///{data}/glance.sqlite", options.images, "file", data / "images")
        yield Bench(
            ours=ours,
            glance=glance,
            nginx=nginx,
            venv=venv,
            source=source,
            scratch=scratch,
            images=options.images,
            seconds=options.seconds,
            connections=options.connections,
        )


def measured(bench: Bench, options: argparse.Namespace) -> tuple[report.Rounds, list[str]]:
    """All rounds. A step that fails is left out from then on, and its reason is told in the results."""
    rounds: report.Rounds = {}
    missing: dict[tuple[str, str], str] = {}
    chosen = [measure for measure in measures(bench) if not options.only or measure.name in options.only]
    for measure in chosen:
        if measure.name == "upload":  # round 0 counts for nothing: nobody's file of the round before has gone yet
            run_in_turn((bench.ours, bench.glance), measure, -1, {}, missing)
    for number in range(options.rounds):
        for measure in chosen:
            run_in_turn((bench.ours, bench.glance), measure, number, rounds, missing)
    return rounds, list(missing.values())


def run_in_turn(
    busy: Sequence[servers.Server],
    measure: Measure,
    number: int,
    rounds: report.Rounds,
    missing: dict[tuple[str, str], str],
) -> None:
    """Every other round in the opposite order, so that none always follows the same neighbour."""
    subjects = list(measure.steps)[:: -1 if number % 2 else 1]
    for subject in subjects:
        if (measure.name, subject) in missing:
            continue
        for server in busy:
            settle(server.pid)
        try:
            figures = measure.steps[subject]()
        except Exception as error:
            missing[measure.name, subject] = f"{measure.name}, {subject}: {type(error).__name__}: {error}"
            tell(missing[measure.name, subject])
            continue
        rounds.setdefault(measure.name, {name: [] for name in measure.steps})[subject].append(figures)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        tell(f"round {number + 1}, {measure.name}, {subject}: {shown}")


def memory_growths(bench: Bench) -> list[memory.Growth]:
    """Twice: the second time nothing may be left to warm up."""
    from benchmarks.client import create, delete, upload

    image = create(bench.ours, "bench-readers")
    upload(bench.ours, image, bench.source)
    growths = []
    for _ in range(2):
        growths.append(memory.grow(bench.ours, bench.source, image))
        tell(f"memory: {growths[-1]}")
    delete(bench.ours, image)
    return growths


def pages_table(options: argparse.Namespace, missing: list[str]) -> str:
    """The table of `benchmarks.pages`, which brings its own databases."""
    if options.quick or (options.only and "pages" not in options.only):
        return ""
    done = subprocess.run([sys.executable, "-m", "benchmarks.pages"], capture_output=True, text=True, check=False)
    if done.returncode:
        missing.append(f"pages: {done.stderr.strip()[-300:]}")
    return done.stdout


def machine(options: argparse.Namespace) -> report.Machine:
    settings = (
        f"{options.rounds} rounds; {options.workers} workers each; {options.images:,} images of three properties "
        f"and two tags; {options.connections} connections, {options.seconds} s a run; bulk file {options.size} MiB."
    )
    return report.Machine(hardware(), settings)


def hardware() -> str:
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} CPUs ({cpu_model()}), {memory_gib:.0f} GiB, {system}."


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def tell(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
