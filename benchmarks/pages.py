"""What a page costs when the registry is large: the last page of 1,000,000 images beside the first page of 1,000.

    python -m benchmarks.pages [--kind sqlite|mariadb|postgresql] [--large 1000000] [--folder .cache/pages]

Prints a Markdown table of CPU milliseconds (this process's own time and the database server's) and ratios. The
databases are made once, which takes minutes for the large one, and reused.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

import msgspec

from benchmarks.fill import fill
from benchmarks.machine import MIB, anonymous_of, cpu_seconds, settle
from glancetui.config.settings import DatabaseSettings
from glancetui.model import Viewer
from glancetui.registry.interface import Direction, ImageQuery, OneOf, PropertyIs, Sort
from glancetui.registry.sql import SqlRegistry, open_registry
from tests.backends import mariadb, postgresql

SMALL = 1_000
PAGE = 25
#: Servers run as users of their own, who cannot look into everybody's home.
FOLDERS = {False: Path(".cache/pages"), True: Path("/var/tmp/glancetui-pages")}
WALKED = 400  # pages read one after the other, to see whether memory stays flat

ADMIN = Viewer(project="admin", is_admin=True)
PROJECT = Viewer(project="project-7", is_admin=False)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    most: float  # the ratio that is promised
    sort: Sort = Sort("created_at", "desc")
    tags: tuple[str, ...] = ()
    filters: tuple[PropertyIs | OneOf, ...] = ()
    visibility: Literal["shared"] | None = None


CASES = (
    Case(name="default sort", most=1.5),
    Case(name="by name", most=1.5, sort=Sort("name", "asc")),
    Case(name="by size (nulls)", most=1.5, sort=Sort("size", "desc")),
    Case(name="by status (ties)", most=1.5, sort=Sort("status", "asc")),
    Case(name="common tag", most=5, tags=("common",)),
    Case(name="rare tag", most=5, tags=("rare",)),
    Case(name="scarce tag", most=5, tags=("scarce",)),
    Case(name="common property", most=5, filters=(PropertyIs(name="arch", value="x86_64"),)),
    Case(name="rare property", most=5, filters=(PropertyIs(name="role", value="rare"),)),
    Case(name="scarce property", most=5, filters=(PropertyIs(name="role", value="scarce"),)),
    Case(name="common tag, by name", most=5, sort=Sort("name", "asc"), tags=("common",)),
    Case(name="one name", most=5, filters=(OneOf(field="name", values=("image 0000123",)),)),
    Case(name="shared ones", most=5, visibility="shared"),
)


# -- measuring ---------------------------------------------------------------------------------------------------------


def query(case: Case, viewer: Viewer, marker: str | None = None) -> ImageQuery:
    return ImageQuery(
        viewer=viewer, limit=PAGE, sort=(case.sort,), tags=case.tags, filters=case.filters, visibility=case.visibility,
        marker=marker,
    )  # fmt: skip


def last_page(registry: SqlRegistry, case: Case, viewer: Viewer) -> ImageQuery:
    """The query for the last page: its marker is the image before the last PAGE of them."""
    turned: Direction = "asc" if case.sort.direction == "desc" else "desc"
    backwards = query(msgspec.structs.replace(case, sort=Sort(case.sort.key, turned)), viewer)
    tail = registry.page(msgspec.structs.replace(backwards, limit=PAGE + 1))
    return query(case, viewer, tail[-1].id if len(tail) > PAGE else None)


def cost(place: Place, wanted: ImageQuery, rounds: int) -> tuple[float, int]:
    """CPU milliseconds for a page, and how many images it holds."""
    return milliseconds(place, lambda: place.registry.page(wanted), rounds), len(place.registry.page(wanted))


def cost_of_count(place: Place, wanted: ImageQuery, rounds: int) -> tuple[float, str]:
    count = place.registry.count(wanted)
    spent = milliseconds(place, lambda: place.registry.count(wanted), max(1, rounds // 10))
    return spent, f"{'' if count.exact else '≥ '}{count.number:,}"


def milliseconds(place: Place, call: Callable[[], object], rounds: int) -> float:
    call()
    if place.server is not None:
        return with_server(place.server, call, rounds)
    spent = []
    for _ in range(rounds):
        before = time.thread_time_ns()
        call()
        spent.append((time.thread_time_ns() - before) / 1e6)
    return statistics.median(spent)


def with_server(server: int, call: Callable[[], object], rounds: int) -> float:
    """The mean, since the server's time is counted in steps of 10 ms."""
    settle(server)
    server_before, before = cpu_seconds(server), time.thread_time_ns()
    for _ in range(rounds):
        call()
    ours = (time.thread_time_ns() - before) / 1e6
    return (ours + (cpu_seconds(server) - server_before) * 1000) / rounds


def growth(registry: SqlRegistry) -> float:
    """MiB of its own memory that this process grows by while it reads WALKED pages of an administrator's list, after a
    first few."""
    marker, before = None, 0
    for number in range(WALKED):
        if number == WALKED // 10:
            before = anonymous_of(os.getpid())
        marker = registry.page(query(CASES[0], ADMIN, marker))[-1].id
    return (anonymous_of(os.getpid()) - before) / MIB


def report(small: Place, large: Place, count: int, rounds: int) -> str:
    lines = [
        f"| viewer | page | first of {SMALL:,} | first of {count:,} | last of {count:,} | ratio | target | count |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for viewer, who in ((ADMIN, "administrator"), (PROJECT, "project")):
        for case in CASES:
            first, held = cost(small, query(case, viewer), rounds)
            front, front_held = cost(large, query(case, viewer), rounds)
            last, last_held = cost(large, last_page(large.registry, case, viewer), rounds)
            counting, counted = cost_of_count(large, query(case, viewer), rounds)
            lines.append(
                f"| {who} | {case.name} | {first:.2f} ({held}) | {front:.2f} ({front_held}) | {last:.2f} ({last_held}) "
                f"| {last / first:.2f} | ≤ {case.most:g} | {counting:.1f} ({counted}) |"
            )
    closing = (
        f"CPU milliseconds; in brackets, how many images the page holds. Ratio: last to first of {SMALL:,}. "
        f"Count: of all images that the pages hold, in {count:,}; in brackets, the count. Reading {WALKED} pages in a "
        f"row, the process's own memory, without mapped files, grew by {growth(large.registry):.1f} MiB."
    )
    return "\n".join([*lines, "", closing])


# -- databases ---------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    registry: SqlRegistry
    server: int | None  # the database server's pid


@contextmanager
def places(kind: str, folder: Path, *counts: int) -> Iterator[list[Place]]:
    """Registries of so many images, made if they are not there, on one server."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        server, pid = None, None
        if kind != "sqlite":
            server = {"mariadb": mariadb, "postgresql": postgresql}[kind]
            options = {
                "mariadb": ("--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M"),
                "postgresql": ("shared_buffers=1GB", "maintenance_work_mem=256MB", "max_wal_size=4GB"),
            }[kind]
            (folder / kind).mkdir(exist_ok=True)
            pid = stack.enter_context(server.running(folder / kind, *options)).pid
        found = []
        for count in counts:
            url = made(kind, server, folder, count)
            registry = open_registry(DatabaseSettings(connection=url, upgrade=True), "benchmark")
            stack.callback(registry.close)
            found.append(Place(registry, pid))
        yield found


def made(kind: str, server: ModuleType | None, folder: Path, count: int) -> str:
    """The URL of the filled database. A mark beside it comes last: a run cut off leaves nothing that looks finished."""
    mark = folder / f"{kind}-{count}.done"
    if mark.exists():
        return mark.read_text()
    name = f"images_{count}"
    if server is None:
        (folder / f"{name}.sqlite").unlink(missing_ok=True)
        url = f"sqlite:///{folder.absolute()}/{name}.sqlite"
    else:
        server.drop_database(folder / kind, name)
        url = server.create_database(folder / kind, name)
    fill(url, count)
    mark.write_text(url)
    return url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--kind", choices=("sqlite", "mariadb", "postgresql"), default="sqlite")
    parser.add_argument("--large", type=int, default=1_000_000, help="images in the large database")
    parser.add_argument("--folder", type=Path, help="where the databases are kept")
    parser.add_argument("--rounds", type=int, default=200, help="measurements of each page")
    options = parser.parse_args()
    folder = (options.folder or FOLDERS[options.kind != "sqlite"]).absolute()
    with places(options.kind, folder, SMALL, options.large) as (small, large):
        sys.stdout.write(report(small, large, options.large, options.rounds) + "\n")


if __name__ == "__main__":
    main()
