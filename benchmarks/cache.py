"""The image cache beside the real Glance: one reader and many, with the cache cold and warm.

`python -m benchmarks.cache --output benchmarks/CACHE.md`: both services keep an image in a file store and have a cache;
rounds alternate between them. How often the store's file was opened is what the kernel says.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import opens, servers
from benchmarks.client import Refused, call, create, download, upload
from benchmarks.machine import GIB, MIB, Meter, resident_bytes, settle, watching
from benchmarks.measures import insist, random_file, room_for
from benchmarks.servers import Server
from tests.backends.glance import new_glance
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.backends.processes import CannotStart

READERS = 16
#: Without authentication nobody has a role, which the real Glance asks for here all the same.
POLICY = "".join(f'{rule}: ""\n' for rule in ("cache_list", "cache_image", "cache_delete"))
WAIT = 120.0  # seconds for an entry to appear


class Cost(NamedTuple):
    mib_s: float  # of all readers together
    cpu_s_gib: float  # of the server, for a GiB that was read
    store_opened: float
    grown_mib: float  # the server's memory at its peak, beyond what it was before


class Side(NamedTuple):
    """One service, its image, and the file of its store that holds it."""

    server: Server
    image: str
    file: Path
    size: int

    @property
    def path(self) -> str:
        return f"/v2/images/{self.image}/file"

    def cool(self) -> None:
        insist(lambda: call(self.server, "DELETE", "/v2/cache"))

    def warm(self) -> None:
        """Fetches the image into the cache, unless it is there."""
        insist(lambda: call(self.server, "PUT", f"/v2/cache/{self.image}"))
        deadline = time.monotonic() + WAIT
        while not insist(lambda: call(self.server, "GET", "/v2/cache"))["cached_images"]:
            if time.monotonic() > deadline:
                raise Refused(f"{self.server.name}: the image is not cached within {WAIT:.0f} s")
            time.sleep(0.05)


def filled(server: Server, store: Path, source: Path) -> Side:
    image = str(insist(lambda: create(server, "bench-cache")))
    insist(lambda: upload(server, image, source))
    return Side(server, image, store / image, source.stat().st_size)


def read(side: Side, readers: int, copies: int) -> Cost:
    """`readers` at once, each `copies` times."""
    failures: list[BaseException] = []
    threads = [threading.Thread(target=_read, args=(side, copies, failures)) for _ in range(readers)]
    before = resident_bytes(side.server.pid)
    with opens.counting(side.file) as opened, watching(side.server.pid, 0.02) as peak, Meter(side.server.pid) as meter:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    amount = readers * copies * side.size
    return Cost(
        mib_s=amount / MIB / meter.seconds,
        cpu_s_gib=meter.cpu / (amount / GIB),
        store_opened=opened.count,
        grown_mib=max(0.0, (peak.bytes - before) / MIB),
    )


def _read(side: Side, copies: int, failures: list[BaseException]) -> None:
    try:
        for _ in range(copies):
            download(side.server, side.path, side.size)
    except (Refused, OSError) as error:
        failures.append(error)


Case = Callable[[Side], Cost]


def cold(readers: int) -> Case:
    def case(side: Side) -> Cost:
        side.cool()
        return read(side, readers, 1)

    return case


def warm(readers: int, copies: int) -> Case:
    def case(side: Side) -> Cost:
        side.warm()
        return read(side, readers, copies)

    return case


CASES: dict[str, Case] = {
    "cold, 1 reader": cold(1),
    "warm, 1 reader": warm(1, 4),
    f"cold, {READERS} readers": cold(READERS),
    f"warm, {READERS} readers": warm(READERS, 1),
}


def measured(sides: list[Side], rounds: int) -> dict[str, dict[str, list[Cost]]]:
    """By case and server. Every other round in the opposite order, so that none always follows the other."""
    found: dict[str, dict[str, list[Cost]]] = {}
    for number in range(rounds):
        for label, case in CASES.items():
            for side in sides[:: -1 if number % 2 else 1]:
                settle(side.server.pid)
                cost = case(side)
                found.setdefault(label, {}).setdefault(side.server.name, []).append(cost)
                tell(f"round {number + 1}, {label}, {side.server.name}: {cost}")
    return found


def table(found: dict[str, dict[str, list[Cost]]]) -> str:
    """Medians; ratios are taken within each round, and then their median."""
    heads = (
        "", "Glance, MiB/s", "glancetui, MiB/s", "ratio", "Glance, CPU s/GiB", "glancetui, CPU s/GiB", "ratio",
        "store opened: Glance", "glancetui", "memory grown, MiB: Glance", "glancetui",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for label, by_name in found.items():
        theirs, ours = by_name["Glance"], by_name["glancetui"]
        pairs = list(zip(ours, theirs, strict=True))
        cells = [
            label,
            f"{middle(theirs, 'mib_s'):.0f}",
            f"{middle(ours, 'mib_s'):.0f}",
            f"{statistics.median(o.mib_s / t.mib_s for o, t in pairs):.2g} ×",
            f"{middle(theirs, 'cpu_s_gib'):.2f}",
            f"{middle(ours, 'cpu_s_gib'):.2f}",
            f"{statistics.median(o.cpu_s_gib / t.cpu_s_gib if t.cpu_s_gib else 0 for o, t in pairs):.2g} ×",
            *(f"{middle(side, name):.0f}" for name in ("store_opened", "grown_mib") for side in (theirs, ours)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def middle(costs: list[Cost], name: str) -> float:
    return statistics.median(getattr(cost, name) for cost in costs)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the image")
    parser.add_argument("--workers", type=int, default=2, help="of each service")
    parser.add_argument("--quick", action="store_true", help="one short round: does everything run?")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent.parent / ".cache" / "bench")
    parser.add_argument("--output", type=Path, help="a Markdown file; else the table is printed")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.size = 1, 64
    return options


def main() -> None:
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not room_for(options.folder, 8 * options.size * MIB):
        sys.exit(f"{options.folder} needs {8 * options.size} MiB of room; --folder names another")
    with tempfile.TemporaryDirectory(dir=options.folder) as name, ExitStack() as stack:
        folder = Path(name)
        source = folder / "bulk.bin"
        random_file(source, options.size)
        try:
            peer = new_glance(folder / "glance", peer_venv())
            (peer.folder / "etc" / "policy.yaml").write_text(POLICY)
            started = stack.enter_context(peer.running(options.workers, threads=32))
        except (PeerUnavailable, CannotStart) as error:
            sys.exit(f"the real Glance cannot be started: {error}")
        glance = Server("Glance", "127.0.0.1", peer.port, started.pid)
        config = f"[DEFAULT]\nimage_cache_dir = {folder}/cache\n"
        ours = stack.enter_context(servers.glancetui(folder / "ours", options.workers, config=config))
        sides = [
            filled(glance, folder / "glance" / "images", source),
            filled(ours, folder / "ours" / "data" / "images", source),
        ]
        text = table(measured(sides, options.rounds))
    note = f"{options.rounds} rounds, an image of {options.size} MiB, {options.workers} workers each, file stores.\n\n"
    if options.output is None:
        sys.stdout.write(note + text)
    else:
        options.output.write_text(f"# The image cache beside the real Glance\n\n{note}{text}")


def tell(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    main()
