"""What a page costs when the registry is large: the last page of 1,000,000 images beside the first page of 1,000.

    python -m benchmarks.pages [--large 1000000] [--folder .cache/pages] [--rounds 200]

Prints a Markdown table of CPU milliseconds (medians, this process's own time, database included) and ratios. The
databases are made once, about three minutes for the large one, and reused.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from glancetui.config.settings import DatabaseSettings
from glancetui.model import Viewer
from glancetui.registry.interface import Direction, ImageQuery, OneOf, PropertyIs, Sort
from glancetui.registry.sql import SqlRegistry, open_registry

SMALL = 1_000
PROJECTS = 1_000
PAGE = 25
RARE = 40  # images that have the rare tag and property, in either database; scarce ones: up to 2,000
START = datetime(2024, 1, 1)  # noqa: DTZ001 - the registry's times are UTC without zone

ADMIN = Viewer(project="admin", is_admin=True)
PROJECT = Viewer(project="project-7", is_admin=False)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    most: float  # the ratio that is promised
    sort: Sort = Sort("created_at", "desc")
    tags: tuple[str, ...] = ()
    filters: tuple[PropertyIs | OneOf, ...] = ()


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
)


# -- seeding -----------------------------------------------------------------------------------------------------------


def database(folder: Path, count: int) -> SqlRegistry:
    """The registry of `count` images, made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"images-{count}.sqlite"
    settings = DatabaseSettings(connection=f"sqlite:///{path.absolute()}", upgrade=True)
    if path.exists():
        return open_registry(settings, "benchmark")
    making = path.with_suffix(".making")
    making.unlink(missing_ok=True)
    open_registry(msgspec.structs.replace(settings, connection=f"sqlite:///{making.absolute()}"), "benchmark").close()
    fill(making, count)
    making.rename(path)  # last: a run cut off leaves nothing that looks finished
    return open_registry(settings, "benchmark")


def fill(path: Path, count: int) -> None:
    """Rows first, indexes after: a tenth of the time."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=OFF")  # a run cut off starts anew
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-400000")
    indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    db.executemany(f"INSERT INTO images VALUES ({', '.join('?' * 20)})", images(db, count))
    ids = [row[0] for row in db.execute("SELECT id FROM images ORDER BY rowid")]
    db.executemany("INSERT INTO image_properties VALUES (NULL, ?, ?, ?, ?, NULL, NULL, 0)", properties(ids))
    db.executemany("INSERT INTO image_tags VALUES (NULL, ?, ?, ?, NULL, NULL, 0)", tags(ids))
    db.executemany(
        "INSERT INTO image_locations VALUES (NULL, ?, ?, ?, NULL, NULL, 0, '{}', 'active')",
        ((each, f"file:///srv/images/{each}", str(START)) for each in ids),
    )
    db.executemany(
        "INSERT INTO image_members VALUES (NULL, ?, ?, 0, ?, NULL, NULL, 0, ?)",
        members(db.execute("SELECT id FROM images WHERE visibility = 'shared'").fetchall()),
    )
    for _, sql in indexes:
        db.execute(sql)
    db.commit()
    db.close()


def images(db: sqlite3.Connection, count: int) -> Iterator[tuple[Any, ...]]:
    """Of every hundred: 5 public, 2 community, 20 shared. Names repeat, some are null; so do sizes."""
    names = [row[1] for row in db.execute("PRAGMA table_info(images)")]
    chance = random.Random(count)
    kinds = ["public"] * 5 + ["community"] * 2 + ["shared"] * 20 + ["private"] * 73
    for number in range(count):
        at = str(START + timedelta(seconds=number // 2)) + ".000000"  # pairs tie
        row = dict.fromkeys(names) | {
            "id": f"{chance.getrandbits(32):08x}-{number:04x}"[:13] + f"-4000-8000-{chance.getrandbits(48):012x}",
            "name": None if number % 49 == 0 else f"image {chance.randrange(count // 2 + 1):07d}",
            "size": None if number % 11 == 0 else chance.randrange(1 << 36),
            "status": "queued" if number % 10 == 0 else "active",
            "created_at": at,
            "updated_at": at,
            "deleted": 0,
            "disk_format": "qcow2",
            "container_format": "bare",
            "checksum": f"{number:032x}",
            "owner": f"project-{number % PROJECTS}",
            "min_disk": 0,
            "min_ram": 0,
            "protected": 0,
            "visibility": chance.choice(kinds),
            "os_hidden": 0,
            "os_hash_algo": "sha512",
            "os_hash_value": f"{number:0128x}",
        }
        yield tuple(row.values())


def properties(ids: list[str]) -> Iterator[tuple[str, ...]]:
    for number, each in enumerate(ids):
        yield each, "arch", "x86_64" if number % 2 else "aarch64", str(START)
        yield each, "os_distro", f"distro-{number % 17}", str(START)
        yield each, "role", rarity(number, len(ids)), str(START)


def tags(ids: list[str]) -> Iterator[tuple[str, ...]]:
    for number, each in enumerate(ids):
        if number % 2:
            yield each, "common", str(START)
        yield each, f"batch-{number % 1000}", str(START)
        if rarity(number, len(ids)) != "any":
            yield each, rarity(number, len(ids)), str(START)


def rarity(number: int, count: int) -> str:
    """Spread evenly, over time and projects: an image's project is its number's remainder."""
    place = number // PROJECTS * 31 % PROJECTS  # which of its thousand bears it
    stride = max(1, count // PROJECTS // RARE)  # one in so many thousands
    if count <= PROJECTS:
        return "rare" if number % (count // RARE) == 3 else "scarce" if number % 2 else "any"
    if number % PROJECTS == place and number // PROJECTS % stride == 0:
        return "rare"
    return "scarce" if number % PROJECTS in {(place + 1) % PROJECTS, (place + 500) % PROJECTS} else "any"


def members(shared: list[tuple[str]]) -> Iterator[tuple[str, ...]]:
    chance = random.Random(1)
    for (each,) in shared:
        status = "accepted" if chance.random() < 0.9 else "pending"
        yield each, f"project-{chance.randrange(PROJECTS)}", str(START), status


# -- measuring ---------------------------------------------------------------------------------------------------------


def query(case: Case, viewer: Viewer, marker: str | None = None) -> ImageQuery:
    return ImageQuery(viewer=viewer, limit=PAGE, sort=(case.sort,), tags=case.tags, filters=case.filters, marker=marker)


def last_page(registry: SqlRegistry, case: Case, viewer: Viewer) -> ImageQuery:
    """The query for the last page: its marker is the image before the last PAGE of them."""
    turned: Direction = "asc" if case.sort.direction == "desc" else "desc"
    backwards = query(msgspec.structs.replace(case, sort=Sort(case.sort.key, turned)), viewer)
    tail = registry.page(msgspec.structs.replace(backwards, limit=PAGE + 1))
    return query(case, viewer, tail[-1].id if len(tail) > PAGE else None)


def cost(registry: SqlRegistry, wanted: ImageQuery, rounds: int) -> tuple[float, int]:
    """Median CPU milliseconds, and how many images the page holds."""
    found = len(registry.page(wanted))
    spent = []
    for _ in range(rounds):
        before = time.thread_time_ns()
        registry.page(wanted)
        spent.append((time.thread_time_ns() - before) / 1e6)
    return statistics.median(spent), found


def report(small: SqlRegistry, large: SqlRegistry, count: int, rounds: int) -> str:
    lines = [
        f"| viewer | page | first of {SMALL:,} | first of {count:,} | last of {count:,} | ratio | target |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for viewer, who in ((ADMIN, "administrator"), (PROJECT, "project")):
        for case in CASES:
            first, held = cost(small, query(case, viewer), rounds)
            front, front_held = cost(large, query(case, viewer), rounds)
            last, last_held = cost(large, last_page(large, case, viewer), rounds)
            lines.append(
                f"| {who} | {case.name} | {first:.2f} ({held}) | {front:.2f} ({front_held}) | {last:.2f} ({last_held}) "
                f"| {last / first:.2f} | ≤ {case.most:g} |"
            )
    return "\n".join(
        [
            *lines,
            "",
            f"CPU milliseconds; in brackets, how many images the page holds. Ratio: last to first of {SMALL:,}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--large", type=int, default=1_000_000, help="images in the large database")
    parser.add_argument("--folder", type=Path, default=Path(".cache/pages"), help="where the databases are kept")
    parser.add_argument("--rounds", type=int, default=200, help="measurements of each page")
    options = parser.parse_args()
    small, large = database(options.folder, SMALL), database(options.folder, options.large)
    sys.stdout.write(report(small, large, options.large, options.rounds) + "\n")
    small.close()
    large.close()


if __name__ == "__main__":
    main()
