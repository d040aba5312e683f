"""What is measured in each round, on both sides in turn: figures by measure and by subject."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import commands, small, tui_start
from benchmarks.client import Refused, call, create, delete, download, upload
from benchmarks.machine import GIB, MIB, Meter
from benchmarks.seed import image_ids
from benchmarks.servers import Server

Figures = dict[str, float]
Step = Callable[[], Figures]
TARGETS_OF_SMALL = 200  # images that are shown and patched in turn
RANGES = 16
COPIES_DOWN = 4  # downloads in one measurement: CPU time is counted in steps of 10 ms, a GiB costs 250
GONE = (": 404 ", "deleted to deleted")  # a delete that Glance answered with 500 had half happened
LOCAL = Path(__file__).with_name("ingest_local.py")


class Bench(NamedTuple):
    """What all measures share."""

    ours: Server
    glance: Server
    nginx: Server
    venv: Path  # of the stock programs
    source: Path  # the bulk file; nginx serves its folder
    scratch: Path
    images: int
    seconds: int
    connections: int

    @property
    def size(self) -> int:
        return self.source.stat().st_size


class Measure(NamedTuple):
    name: str
    steps: dict[str, Step]  # by subject


def scripts(images: int) -> dict[str, tuple[str, list[str]]]:
    """What small requests are measured: wrk's script and its paths, by name."""
    of_images = [f"/v2/images/{image_id}" for image_id in image_ids(images)[-TARGETS_OF_SMALL:]]
    return {
        "list": (small.GET, ["/v2/images?limit=25"]),
        "show": (small.GET, of_images),
        "create+delete": (small.CREATE_AND_DELETE, ["/v2/images"]),
        "patch": (small.PATCH, of_images),
    }


def measures(bench: Bench) -> list[Measure]:
    both = {"glancetui": bench.ours, "Glance": bench.glance}
    found = [
        Measure(
            name, {who: small_step(server, *what, bench.seconds, bench.connections) for who, server in both.items()}
        )
        for name, what in scripts(bench.images).items()
    ]
    bulk = {"glancetui": Bulk(bench, bench.ours), "Glance": Bulk(bench, bench.glance)}
    local = {"local": lambda: ingest_locally(bench)}
    found.append(Measure("upload", {who: side.upload for who, side in bulk.items()} | local))
    by_nginx = {"nginx": lambda: fetch(bench, bench.nginx, f"/{bench.source.name}")}
    found.append(Measure("download", {who: side.download for who, side in bulk.items()} | by_nginx))
    found.append(Measure("download again", {"Glance": bulk["Glance"].download}))
    ranged = {"nginx": lambda: fetch(bench, bench.nginx, f"/{bench.source.name}", RANGES)}
    found.append(Measure("download by range", {"glancetui": lambda: bulk["glancetui"].download(RANGES)} | ranged))
    for name, more in (("command: image list --limit 25", ("--limit", "25")), ("command: image list", ())):
        found.append(Measure(name, command_steps(bench, more)))
    found.append(Measure("TUI start", {"glancetui": lambda: tui_start.measure(bench.ours.url)._asdict()}))
    return found


def small_step(server: Server, script: str, paths: Sequence[str], seconds: int, connections: int) -> Step:
    def step() -> Figures:
        figures = small.drive(server, script, paths, seconds, connections)._asdict()
        if script is small.CREATE_AND_DELETE:
            remove_leftovers(server)
        return figures

    return step


def remove_leftovers(server: Server) -> None:
    """Images whose deletion the end of a run cut off."""
    for image in call(server, "GET", "/v2/images?name=bench-temporary&limit=1000")["images"]:
        insist(lambda image=image: delete(server, image["id"]), forgiven=GONE)


def insist(work: Callable[[], object], attempts: int = 20, forgiven: Sequence[str] = ()) -> object:
    """For what must succeed in the end: Glance on SQLite answers 500 now and then, or hangs up in the middle."""
    for attempt in range(attempts):
        try:
            return work()
        except (Refused, OSError) as failed:
            if any(text in str(failed) for text in forgiven):
                return None
            if attempt == attempts - 1:
                raise
            time.sleep(0.1 * attempt)
    return None


class Bulk:
    """One side's image of the bulk file: each upload makes a new one, the download after it takes that."""

    def __init__(self, bench: Bench, server: Server) -> None:
        self.bench, self.server = bench, server
        self.image = ""

    def upload(self) -> Figures:
        figures = insist(self.upload_once)
        return figures if isinstance(figures, dict) else {}

    def upload_once(self) -> Figures:
        if self.image:
            insist(lambda: delete(self.server, self.image), forgiven=GONE)
        self.image = str(insist(lambda: create(self.server, "bench-bulk")))
        with Meter(self.server.pid) as meter:
            upload(self.server, self.image, self.bench.source)
        return moved(meter, self.bench.size)

    def download(self, ranges: int = 1) -> Figures:
        if not self.image:
            self.upload()
        copies = 1 if self.server.name == "Glance" else COPIES_DOWN  # Glance's second is from its cache: measured apart
        return fetch(self.bench, self.server, f"/v2/images/{self.image}/file", ranges, copies)


def fetch(bench: Bench, server: Server, path: str, ranges: int = 1, copies: int = COPIES_DOWN) -> Figures:
    with Meter(server.pid) as meter:
        for _ in range(copies):
            download(server, path, bench.size, ranges)
    return moved(meter, copies * bench.size)


def moved(meter: Meter, size: int) -> Figures:
    return {"MiB_s": size / MIB / meter.seconds, "cpu_s_GiB": meter.cpu / (size / GIB), "others_cpu": meter.others}


def ingest_locally(bench: Bench) -> Figures:
    """In a process of its own, as the service is; without the start of the interpreter.

    The file of the round before goes just before, as the images of the other sides do: a virtual machine may give freed
    memory back to its host, and whoever writes first into what was given back pays up to two CPU-seconds for a GiB.
    """
    target = bench.scratch / "local.bin"
    target.unlink(missing_ok=True)
    command = [sys.executable, str(LOCAL), str(bench.source), str(target)]
    seen = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {"MiB_s": seen["size"] / MIB / seen["seconds"], "cpu_s_GiB": seen["cpu_seconds"] / (seen["size"] / GIB)}


def command_steps(bench: Bench, more: Sequence[str]) -> dict[str, Step]:
    def ours() -> Figures:
        return commands.ours(bench.ours, *more)[0]._asdict()

    def stock() -> Figures:
        return commands.stock(bench.ours, bench.venv, *more)[0]._asdict()

    return {"glancetui": ours, "openstack": stock}


def random_file(path: Path, mebibytes: int) -> None:
    """Random bytes, which no side can compress or leave out."""
    with Path("/dev/urandom").open("rb") as noise, path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(noise.read(MIB))


def room_for(folder: Path, size: int) -> bool:
    return shutil.disk_usage(folder).free > size
