"""A node with a cache over a store that can be made to do what real ones cannot be asked for: stall, break, lie."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from glancetui.cache.build import NodeCache, build_cache
from glancetui.config.settings import CacheSettings
from glancetui.errors import StoreUnavailable
from glancetui.images.deliver import Deliver, Delivery, Growing
from glancetui.images.policy import Policy
from glancetui.model import Image, Location
from glancetui.stores.catalogue import Catalogue
from glancetui.stores.driver import Capabilities, Driver
from tests.images.data_path import House, house, noise
from tests.images.waiting import until

PIECE = 64 << 10
DATA = noise(10 * PIECE, seed=7)


class OddStore:
    """The file store beneath, seen as one over a slow network. `allowed`: bytes that it gives before it stalls;
    `breaks_at`: where it fails; `lies`: it gives other bytes. Counts what is read of it."""

    capabilities = Capabilities(writes=True, ranges=True, lists=True)

    def __init__(self, inner: Driver) -> None:
        self._inner = inner
        self.store_id = inner.store_id
        self.opened = 0
        self.closed = 0
        self.allowed: int | None = None
        self.breaks_at: int | None = None
        self.lies = False
        self._moved = threading.Condition()

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def give(self, allowed: int | None) -> None:
        """So much may be read from now on; None: all."""
        with self._moved:
            self.allowed = allowed
            self._moved.notify_all()

    def break_off(self) -> None:
        with self._moved:
            self.breaks_at = 0
            self._moved.notify_all()

    @contextmanager
    def open_reader(self, location: Location, offset: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        self.opened += 1
        try:
            with self._inner.open_reader(location, offset, length) as reader:
                yield self._pieces(b"".join(reader), offset)
        finally:
            self.closed += 1

    def _pieces(self, data: bytes, offset: int) -> Iterator[bytes]:
        for start in range(0, len(data), PIECE):
            if not offset:  # a range never stalls
                self._wait(start)
            piece = data[start : start + PIECE]
            yield bytes(byte ^ 1 for byte in piece) if self.lies else piece

    def _wait(self, at: int) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._breaks(at) or self.allowed is None or at < self.allowed, 30)
            if self._breaks(at):
                raise StoreUnavailable(self.store_id, "its network is cut")

    def _breaks(self, at: int) -> bool:
        return self.breaks_at is not None and at >= self.breaks_at


@dataclass
class Yard:
    home: House
    store: OddStore
    node: NodeCache
    folder: Path

    def entries(self) -> list[str]:
        return [entry.image_id for entry in self.node.cache.entries()]

    def files(self) -> dict[str, list[str]]:
        """Names below the cache's folder, by part; empty parts are left out."""
        found = {part: sorted(path.name for path in (self.folder / part).iterdir() if path.is_file()) for part in
                 (".", "incomplete", "invalid", "queue")}  # fmt: skip
        return {part: names for part, names in found.items() if names and names != ["cache.db"]}

    def uploaded(self, data: bytes = DATA, **attributes: object) -> Image:
        return self.home.uploaded(data, **attributes)

    def settled(self) -> None:
        """Returns when no filling of this worker is under way."""
        until(lambda: self.node.fills.idle)

    def cached(self, data: bytes = DATA, **attributes: object) -> Image:
        """An image that is in the cache."""
        image = self.uploaded(data, **attributes)
        assert self.node.deliver.prefetch(image)
        until(lambda: image.id in self.entries())
        return image


def settings_of(folder: Path, **more: object) -> CacheSettings:
    return CacheSettings(folder=folder, node="http://w1:9292", **more)  # type: ignore[arg-type]


def node_of(home: House, settings: CacheSettings) -> NodeCache:
    policy = Policy.load(home.settings.policy)
    return build_cache(settings, home.registry, home.images, policy, home.deliver)


@contextmanager
def yard(tmp_path: Path, **more: object) -> Iterator[Yard]:
    with house(tmp_path) as home:
        store = OddStore(home.catalogue["s0"])
        home.deliver = Deliver(home.images, Catalogue({"s0": store}, "s0"), home.settings)
        node = node_of(home, settings_of(tmp_path / "cache", **more))
        try:
            yield Yard(home, store, node, tmp_path / "cache")
        finally:
            store.give(None)
            node.close()


def content(delivery: Delivery | None) -> bytes:
    """All of it, as the server would send it; closes it."""
    assert delivery is not None
    try:
        if isinstance(delivery.content, Growing):
            return b"".join(followed(delivery.content, delivery.offset, delivery.offset + delivery.count))
        if isinstance(delivery.content, Generator):
            return b"".join(delivery.content)
        delivery.content.seek(delivery.offset)
        return delivery.content.read(delivery.count)
    finally:
        delivery.close()


def followed(growing: Growing, offset: int, end: int) -> Iterator[bytes]:
    nap = threading.Event()
    while offset < end:
        reach = growing.reach(offset)
        if reach is None:
            yield from growing.rest(offset, end - offset)
            return
        if reach == offset:
            nap.wait(0.002)
            continue
        growing.file.seek(offset)
        piece = growing.file.read(min(reach, end) - offset)
        offset += len(piece)
        yield piece
