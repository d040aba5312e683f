"""A real registry, a real file store and the rules over them, for the tests of the data path."""

from __future__ import annotations

import functools
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from glancetui.config.settings import DatabaseSettings, ImageSettings, Settings, StoreSettings
from glancetui.images.deliver import Deliver
from glancetui.images.ingest import Ingest
from glancetui.images.outbox import Outbox
from glancetui.images.policy import Policy
from glancetui.images.recovery import Recovery
from glancetui.images.rules import Images
from glancetui.images.worker import Worker, this_worker
from glancetui.model import Caller, Image, Viewer
from glancetui.registry.interface import Registry
from glancetui.registry.sql import open_registry
from glancetui.stores.catalogue import Catalogue

NODE = "here"
OWNER = Caller(user="u", project="p", roles=frozenset({"member", "reader"}))
ADMIN = Caller(user="a", project="ops", roles=frozenset({"admin", "member", "reader"}), is_admin=True)
STRANGER = Caller(user="s", project="q", roles=frozenset({"member", "reader"}))
ALL_SEEING = Viewer(project=None, is_admin=True)


class Body:
    """A sender: yields pieces, and then ends, or does what `finally_do` says."""

    def __init__(
        self,
        data: bytes,
        piece: int = 70_000,
        declared: int | None = None,
        at: dict[int, Callable[[], None]] | None = None,
    ) -> None:
        self.declared_size = declared
        self._data = memoryview(data)
        self._piece = piece
        self._sent = 0
        self._at = dict(sorted((at or {}).items()))  # byte → what happens as soon as it is reached

    def read_into(self, buffer: memoryview) -> int:
        for byte in [byte for byte in self._at if byte <= self._sent]:
            self._at.pop(byte)()
        count = min(len(buffer), self._piece, len(self._data) - self._sent)
        buffer[:count] = self._data[self._sent : self._sent + count]
        self._sent += count
        return count


@dataclass
class House:
    settings: Settings
    registry: Registry
    catalogue: Catalogue
    images: Images
    ingest: Ingest
    deliver: Deliver
    worker: Worker
    folders: list[Path]

    def new(self, caller: Caller = OWNER, **attributes: object) -> Image:
        base = {"name": "x", "disk_format": "raw", "container_format": "bare"}
        return self.images.create(caller, base | attributes)

    def show(self, image_id: str) -> Image:
        return self.registry.image(image_id, ALL_SEEING)

    def files(self) -> list[Path]:
        """Every file in the stores, temporary ones included."""
        return sorted(path for folder in self.folders for path in folder.rglob("*") if path.is_file())

    def uploaded(self, data: bytes, **attributes: object) -> Image:
        return self.ingest.upload(OWNER, self.new(**attributes).id, Body(data))

    def recovery(self, worker: Worker | None = None, lease: float | None = None) -> Recovery:
        return Recovery(
            self.registry,
            self.catalogue,
            worker or self.worker,
            self.settings.upload_lease_seconds if lease is None else lease,
        )

    def outbox(self) -> Outbox:
        return Outbox(self.registry, self.catalogue, str(self.worker))


def settings_for(folder: Path, stores: int = 1, lease: float = 60.0, **images: object) -> Settings:
    names = [f"s{number}" for number in range(stores)]
    return Settings(
        data_dir=folder,
        database=DatabaseSettings(connection=f"sqlite:///{folder}/registry.sqlite", upgrade=True),
        stores=tuple(
            StoreSettings(id=name, kind="file", options={"filesystem_store_datadir": str(folder / name)})
            for name in names
        ),
        default_store="s0",
        multi_store=stores > 1,
        images=ImageSettings(**images),  # type: ignore[arg-type]
        upload_lease_seconds=lease,
    )


@functools.cache
def empty_database() -> bytes:
    """A database with all tables: making one takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.sqlite"
        open_registry(DatabaseSettings(connection=f"sqlite:///{path}", upgrade=True), NODE).close()
        return path.read_bytes()


@contextmanager
def house(folder: Path, stores: int = 1, lease: float = 60.0, **images: object) -> Iterator[House]:
    settings = settings_for(folder, stores, lease, **images)
    (folder / "registry.sqlite").write_bytes(empty_database())
    registry = open_registry(settings.database, NODE)
    catalogue = Catalogue.from_settings(settings)
    rules = Images(registry, Policy.load(settings.policy), catalogue, settings)
    worker = this_worker(NODE)
    ingest = Ingest(rules, registry, catalogue, settings, str(worker))
    try:
        yield House(
            settings=settings,
            registry=registry,
            catalogue=catalogue,
            images=rules,
            ingest=ingest,
            deliver=Deliver(rules, catalogue, settings),
            worker=worker,
            folders=[folder / store.id for store in settings.stores],
        )
    finally:
        ingest.close()
        registry.close()


def dead(worker: Worker) -> Worker:
    """A worker of the same node that certainly lives no more."""
    return msgspec.structs.replace(worker, start="1")


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)
