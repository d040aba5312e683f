"""`make bench-imports`: imports beside the real Glance, in turn, on this machine; writes benchmarks/IMPORTS.md.

    python -m benchmarks.imports [--rounds 5] [--size 1024] [--at-once 20] [--quick]

Both services have two file stores on one disk and read from one nginx on loopback. A measurement begins with the first
request and ends when the image is seen active, or to have its copy; its memory is what the processes hold of their own.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import report, run, servers
from benchmarks.client import Refused, call, create, delete, upload
from benchmarks.databases import DURABLE, PLACE
from benchmarks.machine import GIB, MIB, Meter, anonymous_bytes, watching
from benchmarks.measures import GONE, Figures, Measure, insist, random_file, room_for
from benchmarks.report import Target
from benchmarks.servers import Server
from tests.backends import mariadb
from tests.backends.glance import HEADERS, new_glance
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.backends.processes import CannotStart

HERE = Path(__file__).parent
WAIT = 900.0  # seconds for an import
#: Seconds for each of many: the real Glance leaves most of them importing for ever on SQLite, which is why both are
#: on MariaDB.
WAIT_FOR_MANY = 300.0
LOOK = 0.05  # seconds between two looks at an image
SMALL = 16  # of many imports at once, each is of this part of the bulk file
MEMORY_MOST = 64  # MiB
#: The real Glance imports nothing where nobody has a project.
WHO = {
    "X-Identity-Status": "Confirmed", "X-User-Id": "u", "X-Project-Id": "p", "X-Roles": "admin,member,reader",
}  # fmt: skip
FILTER = "[import_filtering_opts]\nallowed_hosts = [127.0.0.1]\nallowed_ports = [{port}]\n"
STORES = """\
[DEFAULT]
enabled_backends = fast:file, slow:file
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/fast
[slow]
filesystem_store_datadir = {folder}/slow
"""


class Source(NamedTuple):
    """The files that are imported, and where nginx serves them."""

    bulk: Path
    small: Path
    url: str
    at_once: int

    def url_of(self, file: Path) -> str:
        return f"{self.url}/{file.name}"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    if not room_for(options.folder, 10 * options.size * MIB):
        sys.exit(f"bench: {options.folder} needs {10 * options.size} MiB of room; --folder names another")
    folder = Path(tempfile.mkdtemp(prefix="glancetui-bench-", dir=options.folder))
    folder.chmod(0o755)
    try:
        with running(folder, options) as (sides, source):
            rounds, missing = measured(sides, source, options.rounds)
    except (PeerUnavailable, CannotStart) as error:
        sys.exit(f"bench: what is measured cannot be started: {error}")
    finally:
        shutil.rmtree(folder)
    options.output.write_text(text(options, rounds, missing))
    run.tell(f"wrote {options.output}")
    return 1 if missing else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the bulk file")
    parser.add_argument(
        "--at-once", type=int, default=20, help=f"imports at once, each of a {SMALL}th of the bulk file"
    )
    parser.add_argument("--workers", type=int, default=2, help="of each service")
    parser.add_argument("--sqlite", dest="mariadb", action="store_false", help="instead of MariaDB, for both")
    parser.add_argument("--quick", action="store_true", help="one short round: does everything run?")
    parser.add_argument("--folder", type=Path, default=PLACE, help="for servers and data")
    parser.add_argument("--output", type=Path, default=HERE / "IMPORTS.md")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.size = 1, 64
    return options


@contextmanager
def running(folder: Path, options: argparse.Namespace) -> Iterator[tuple[list[Server], Source]]:
    served = folder / "served"
    served.mkdir()
    bulk, small = served / "bulk.bin", served / "small.bin"
    random_file(bulk, options.size)
    random_file(small, max(1, options.size // SMALL))
    with ExitStack() as stack:
        theirs, its = stack.enter_context(databases(folder / "mariadb")) if options.mariadb else (None, None)
        nginx = stack.enter_context(servers.nginx(folder / "nginx", served, options.workers))
        let_in = FILTER.format(port=nginx.port)
        peer = new_glance(folder / "glance", peer_venv(), theirs, HEADERS)
        peer.configure(more=let_in)
        started = stack.enter_context(peer.running(options.workers, threads=32))
        glance = Server("Glance", "127.0.0.1", peer.port, started.pid, WHO)
        ours = folder / "ours"
        config = STORES.format(folder=ours) + let_in
        glancetui = stack.enter_context(servers.glancetui(ours, options.workers, its, config=config))
        yield [glancetui, glance], Source(bulk, small, nginx.url, options.at_once)


@contextmanager
def databases(place: Path) -> Iterator[tuple[str, str]]:
    """Theirs and ours, on one server."""
    place.mkdir()
    with mariadb.running(place, *DURABLE["mariadb"]):
        yield mariadb.create_database(place, "glance"), mariadb.create_database(place, "glancetui")


def measured(sides: list[Server], source: Source, rounds: int) -> tuple[report.Rounds, list[str]]:
    found: report.Rounds = {}
    missing: dict[tuple[str, str], str] = {}
    for number in range(rounds):
        for name, case in CASES.items():
            steps = {side.name: lambda side=side, case=case: case(side, source) for side in sides}
            run.run_in_turn(sides, Measure(name, steps), number, found, missing)
    return found, list(missing.values())


# -- what is measured ------------------------------------------------------------------------------------------------
def web_download(server: Server, source: Source) -> Figures:
    with new_images(server, 1) as (image,):
        return taken(server, source.bulk, lambda: fetch(server, image, source.url_of(source.bulk)))


def glance_direct(server: Server, source: Source) -> Figures:
    """Staging included, as a client waits for it as well."""

    def stage_and_import(image: str) -> None:
        upload(server, image, source.bulk, what="stage")
        bring(server, image, {"method": {"name": "glance-direct"}}, is_active)

    with new_images(server, 1) as (image,):
        return taken(server, source.bulk, lambda: stage_and_import(image))


def copy(server: Server, source: Source) -> Figures:
    asked = {"method": {"name": "copy-image"}, "stores": ["slow"]}
    with new_images(server, 1) as (image,):
        insist(lambda: upload(server, image, source.bulk))
        return taken(server, source.bulk, lambda: bring(server, image, asked, is_copied))


def many(server: Server, source: Source) -> Figures:
    """Up to the end of the last that succeeds."""
    url, began, ends = source.url_of(source.small), time.perf_counter(), []

    def one(image: str) -> None:
        try:
            fetch(server, image, url, WAIT_FOR_MANY)
        except (Refused, OSError) as error:
            run.tell(str(error)[:200])
        else:
            ends.append(time.perf_counter())

    with new_images(server, source.at_once) as images, ThreadPoolExecutor(source.at_once) as threads:
        figures = taken(server, source.small, lambda: list(threads.map(one, images)), source.at_once)
    figures["MiB_s"] = len(ends) * source.small.stat().st_size / MIB / (max(ends, default=began + 1) - began)
    return figures | {"failed": source.at_once - len(ends)}


CASES: dict[str, Callable[[Server, Source], Figures]] = {
    "web-download": web_download,
    "glance-direct": glance_direct,
    "copy to a second store": copy,
    "many at once": many,
}


@contextmanager
def new_images(server: Server, count: int) -> Iterator[list[str]]:
    """They are deleted afterwards, so that the disk does not fill."""
    images = [str(insist(lambda: create(server, "bench-import"))) for _ in range(count)]
    try:
        yield images
    finally:
        for image in images:
            insist(lambda image=image: delete(server, image), forgiven=GONE)


def taken(server: Server, file: Path, work: Callable[[], object], count: int = 1) -> Figures:
    """What it takes to bring the file in, `count` times."""
    size, before = count * file.stat().st_size, anonymous_bytes(server.pid)
    with watching(server.pid, LOOK, anonymous_bytes) as peak, Meter(server.pid) as meter:
        work()
    return {
        "MiB_s": size / MIB / meter.seconds,
        "cpu_s_GiB": meter.cpu / (size / GIB),
        "grown_MiB": max(0, peak.bytes - before) / MIB,
        "others_cpu": meter.others,
    }


def fetch(server: Server, image: str, url: str, wait: float = WAIT) -> None:
    bring(server, image, {"method": {"name": "web-download", "uri": url}}, is_active, wait)


def bring(server: Server, image: str, asked: object, is_done: Callable[[dict], bool], wait: float = WAIT) -> None:
    """Raises Refused when the import fails, or takes longer than `wait` seconds."""
    insist(lambda: call(server, "POST", f"/v2/images/{image}/import", asked), forgiven=(": 409 ",))
    deadline = time.monotonic() + wait
    while True:
        shown = insist(lambda: call(server, "GET", f"/v2/images/{image}"))
        if not isinstance(shown, dict) or shown.get("os_glance_failed_import") or time.monotonic() > deadline:
            raise Refused(f"{server.name}: the import of {image} failed, or took too long: {shown}")
        if is_done(shown):
            return
        time.sleep(LOOK)


def is_active(shown: dict) -> bool:
    return shown["status"] == "active"


def is_copied(shown: dict) -> bool:
    return set(shown.get("stores", "").split(",")) == {"fast", "slow"}


# -- what is told ----------------------------------------------------------------------------------------------------
def targets() -> list[Target]:
    found = [Target(name, "MiB_s", "Glance", "≥", 1) for name in CASES]
    found += [Target(name, "cpu_s_GiB", "Glance", "≤", 1) for name in CASES]
    found += [Target(name, "grown_MiB", None, "≤", MEMORY_MOST) for name in CASES]
    return [*found, Target("many at once", "failed", None, "≤", 0)]


def text(options: argparse.Namespace, rounds: report.Rounds, missing: Sequence[str]) -> str:
    settings = (
        f"{'MariaDB' if options.mariadb else 'SQLite'}; {options.rounds} rounds; {options.workers} workers each; "
        f"a file of {options.size} MiB; {options.at_once} imports at once of {max(1, options.size // SMALL)} MiB each."
    )
    parts = [
        "# Imports beside the real Glance",
        INTRODUCTION,
        run.hardware(),
        settings,
        report.neighbours(rounds),
        "## Targets",
        report.targets_table(targets(), rounds, []),
        "## All figures",
        "Median (range) over the rounds.",
        report.figures_table(rounds),
    ]
    if missing:
        parts += ["## Not measured", "\n".join(f"- {reason}" for reason in missing)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


INTRODUCTION = """\
Written by `make bench-imports`. The real Glance 33.0.0 from PyPI (uWSGI) and glancetui have two file stores each
on one disk and a database each on one server, and are driven in turn in each round; both read from one nginx. Client,
servers and nginx share the machine, so only ratios within a run mean anything; each is taken within a round first."""


if __name__ == "__main__":
    sys.exit(main())
