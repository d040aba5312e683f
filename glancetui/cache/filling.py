"""Filling entries: one thread for each, fed by one read of the store, whoever follows it."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, Protocol

from glancetui.cache.folder import CacheFolder, Draft
from glancetui.cache.hashing import HashedBehind
from glancetui.errors import GlancetuiError, ShortRead
from glancetui.images.deliver import Delivery, Growing
from glancetui.model import Image
from glancetui.stores.writeback import WRITE, WriteBack

log = logging.getLogger(__name__)

MOST = 8  # at once in a worker; beyond it images come from their stores alone
WAITING = 8  # times as many may wait for their readers


class Useless(Exception):
    """What was read must not become an entry, or nobody wants it any more. The text says why."""


class Wrong(Useless):
    """What the store gave is not the image. The text says why."""


class Attendance(Protocol):
    """A reader's place at a filling."""

    def finish(self) -> None:
        """It has come to the end."""

    def leave(self) -> None:
        """It goes, whether it has come to the end or not."""


class Elsewhere:
    """Of an entry that another process fills, which does not know of this reader."""

    def finish(self) -> None:
        """Its own readers decide."""

    def leave(self) -> None:
        """Its own readers decide."""


class Fill:
    """One entry on its way. `kept`: it is wanted by the queue, not only by its readers."""

    def __init__(self, draft: Draft, image: Image, *, kept: bool) -> None:
        self.image = image
        self.draft = draft
        self.has_all = False  # nothing more is read from the store
        self._kept = kept
        self._readers = 0
        self._read = False
        self._over = False
        self._changed = threading.Condition()

    def join(self) -> None:
        with self._changed:
            self._readers += 1

    def leave(self) -> None:
        with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    def finish(self) -> None:
        """A reader has come to the end."""
        with self._changed:
            self._read = True
            self._changed.notify_all()

    def keep(self) -> None:
        """It was queued for meanwhile."""
        with self._changed:
            self._kept = True
            self._changed.notify_all()

    def give_up(self) -> None:
        """The worker ends."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def check(self) -> None:
        """Raises Useless when nobody waits for the rest."""
        if self._over:
            raise Useless("the service stops")
        if not self._kept and not self._read and self._readers == 0:
            raise Useless("its readers broke off")

    def wait_for_a_reader(self) -> None:
        """An image that nobody has read to its end is not cached, as in Glance, however fast its store was. Raises
        Useless."""
        with self._changed:
            self._changed.wait_for(lambda: self._kept or self._read or self._over or self._readers == 0)
        self.check()


class Fills:
    """The fillings of this worker. `done` is told of each entry that counts from now on, `ended` of every filling."""

    def __init__(
        self, folder: CacheFolder, done: Callable[[Image], None], ended: Callable[[], None], most: int = MOST
    ) -> None:
        self._folder = folder
        self._done = done
        self._ended = ended
        self._most = most
        self._running: dict[str, Fill] = {}
        self._lock = threading.Lock()
        self._closing = False

    @property
    def busy(self) -> int:
        """Those that read their stores; who only waits for a slow reader keeps nobody else away."""
        return sum(not fill.has_all for fill in tuple(self._running.values()))

    @property
    def idle(self) -> bool:
        return not self._running

    def begin(self, image: Image, *, kept: bool = False) -> Fill | None:
        """A filling that is to be started or undone; None: another goes on, too many do, or there is no room."""
        with self._lock:
            if self._closing or self._is_full() or image.id in self._running:
                return None
            draft = self._draft(image)
            if draft is None:
                return None
            fill = self._running[image.id] = Fill(draft, image, kept=kept)
            return fill

    def _is_full(self) -> bool:
        return self.busy >= self._most or len(self._running) >= WAITING * self._most

    def _draft(self, image: Image) -> Draft | None:
        try:
            if self._folder.room() < (image.size or 0):
                log.warning("Image %s does not fit into the cache: its disk is full. Prune it.", image.id)
                return None
            return self._folder.begin(image.id, mark_for(image))
        except OSError as error:  # readers must not suffer from what is wrong with the cache
            log.warning("Image %s cannot be cached: %s", image.id, error)
            return None

    def start(self, fill: Fill, source: Delivery) -> None:
        """Takes the source over."""
        name = f"cache-{fill.image.id[:8]}"
        threading.Thread(target=self._run, args=(fill, source), name=name, daemon=True).start()

    def undo(self, fill: Fill) -> None:
        """There is nothing to fill it from."""
        fill.draft.remove()
        self._forget(fill)

    def join(self, image_id: str) -> Attendance:
        """One reader more, wherever the entry is filled."""
        fill = self._running.get(image_id)
        if fill is None:
            return Elsewhere()
        fill.join()
        return fill

    def keep(self, image_id: str) -> None:
        """It was queued for: if it is being filled here, that does not depend on its readers any more."""
        fill = self._running.get(image_id)
        if fill is not None:
            fill.keep()

    def close(self) -> None:
        """Undoes what is under way, at its next chunk."""
        with self._lock:
            self._closing = True
            for fill in self._running.values():
                fill.give_up()

    def _run(self, fill: Fill, source: Delivery) -> None:
        try:
            take_in(fill, source)
            source.close()
            fill.has_all = True
            fill.wait_for_a_reader()
            fill.draft.commit()
            self._done(fill.image)
        except Wrong as reason:
            log.error("Image %s was not cached: %s.", fill.image.id, reason)  # noqa: TRY400 - the sentence says it all
            fill.draft.discard()
        except Useless as reason:
            log.info("Image %s was not cached: %s.", fill.image.id, reason)
            fill.draft.discard()
        except OSError as error:
            log.warning("Image %s was not cached: %s.", fill.image.id, error.strerror or error)
            fill.draft.remove()  # half an entry must not go on filling a full disk
        except GlancetuiError as error:
            log.warning("Image %s was not cached: %s", fill.image.id, error)
            fill.draft.discard()
        except Exception:
            log.exception("Image %s was not cached.", fill.image.id)
            fill.draft.discard()
        finally:
            source.close()
            self._forget(fill)

    def _forget(self, fill: Fill) -> None:
        with self._lock:
            self._running.pop(fill.image.id, None)
        fill.draft.close()
        self._ended()


def take_in(fill: Fill, source: Delivery) -> None:
    """Every byte into the draft. Raises Useless, ShortRead, OSError, StoreUnavailable."""
    image, size = fill.image, source.size
    digest, expected = digest_of(image)
    got, write_back = 0, WriteBack(fill.draft.file.fileno())
    with HashedBehind(fill.draft.file, digest) as behind:
        for chunk in pieces(source):
            fill.check()
            got += len(chunk)
            if got > size:
                raise Wrong(f"its store gives more than its {size} bytes")
            fill.draft.write(chunk)
            behind.written(len(chunk))
            write_back.grown_to(got)
        if got < size:
            raise ShortRead("of its copy", image.id, got, size)
    if expected is not None and digest.hexdigest() != expected:
        raise Wrong(f"what its store gave does not match its {digest.name} hash; the copy there is damaged")


def digest_of(image: Image) -> tuple[hashlib._Hash, str | None]:
    """What is computed of the image's bytes, and what must come out; None: the image has no hash. Raises Useless."""
    name, value = (image.os_hash_algo, image.os_hash_value) if image.os_hash_value else ("md5", image.checksum)
    try:
        return hashlib.new(name or "md5", usedforsecurity=False), value
    except ValueError as error:
        raise Useless(f"its hash is of an algorithm that is not known here, {name}") from error


def mark_for(image: Image) -> str:
    """Whose images may be given other bytes, under the same id: by taking their locations away, and uploading anew."""
    return image.os_hash_value or image.checksum or ""


def pieces(source: Delivery) -> Iterator[bytes | memoryview]:
    if isinstance(source.content, Growing):  # of a cache: never of a store
        raise TypeError("An entry is filled from a store.")
    return source.content if isinstance(source.content, Generator) else file_pieces(source.content, source.size)


def file_pieces(file: BinaryIO, size: int) -> Iterator[memoryview]:
    """All in one buffer: each is to be done with before the next is asked for."""
    buffer = memoryview(bytearray(WRITE))
    offset = 0
    while offset < size and (count := os.preadv(file.fileno(), [buffer], offset)):
        offset += count
        yield buffer[:count]
