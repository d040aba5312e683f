"""How an image's bytes get out: which copy, which part of it, and what happens when a store fails on the way."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Protocol, runtime_checkable

import msgspec

from glancetui.config.settings import Settings
from glancetui.errors import BadRequest, Forbidden, GlancetuiError, ObjectNotFound, ShortRead, StoreUnavailable
from glancetui.images.ranges import Span, parse_content_range, parse_range
from glancetui.images.rules import Images
from glancetui.model import Caller, Image, ImageLocation, ImageStatus, Location
from glancetui.stores.catalogue import Catalogue
from glancetui.stores.driver import Driver

log = logging.getLogger(__name__)

READABLE = frozenset({ImageStatus.ACTIVE, ImageStatus.DEACTIVATED})
Chunks = Generator[bytes, None, None]


@runtime_checkable
class Growing(Protocol):
    """A local file that somebody else is still writing: its bytes can be sent as far as they are there."""

    file: BinaryIO

    def reach(self, offset: int) -> int | None:
        """How far the bytes are there; `offset` itself while those that follow it are waited for. None: they will not
        come any more. Does not wait."""

    def rest(self, offset: int, count: int) -> Chunks:
        """Where to get those from that will not come."""

    def close(self) -> None:
        """Idempotent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`count` bytes from `offset` of an image of `size` bytes: a local file, one that still grows, or chunks. Whoever
    takes it closes it."""

    size: int
    offset: int
    count: int
    partial: bool  # a range was asked for, even if it covers everything
    checksum: str | None
    etag: str | None  # the same for the same bytes
    content: BinaryIO | Growing | Chunks  # a file is read from `offset`; chunks begin there
    owner: str | None  # of the image
    cached: bool = False  # it comes from the node's cache, where it was before

    def close(self) -> None:
        """Idempotent."""
        self.content.close()


class Copy(msgspec.Struct, frozen=True):
    """One copy of an image and the driver that reads it."""

    driver: Driver
    location: Location


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    image: Image
    size: int
    span: Span
    partial: bool


class Deliver:
    """Opens images for reading. Callable from many threads."""

    def __init__(self, images: Images, catalogue: Catalogue, settings: Settings) -> None:
        self._images = images
        self._catalogue = catalogue
        self._multi_store = settings.multi_store
        self._weights = {store.id: store.weight for store in settings.stores}

    def open(
        self,
        caller: Caller,
        image_id: str,
        range_header: str | None = None,
        content_range_header: str | None = None,
        prefer: str | None = None,
    ) -> Delivery | None:
        """None: there is no data, or no store holds it. Raises RangeNotSatisfiable, StoreUnavailable, ShortRead."""
        image = self.admitted(caller, image_id)
        return self.read(image, self.preferred(caller, image, prefer), range_header, content_range_header)

    def admitted(self, caller: Caller, image_id: str) -> Image:
        """The image, whose bytes the caller may have. Raises NotFound, Forbidden."""
        image = self._images.visible(caller, image_id)
        self._images.forbid_or_hide("download_image", caller, image)
        if image.status == ImageStatus.DEACTIVATED and not caller.is_admin:
            raise Forbidden(f"Image {image.id} is deactivated. Ask an administrator to reactivate it.")
        return image

    def read(
        self,
        image: Image,
        preferred: Sequence[str] = (),
        range_header: str | None = None,
        content_range_header: str | None = None,
    ) -> Delivery | None:
        """From the stores, for whoever may have it. None and raises as `open`."""
        if image.status not in READABLE or not image.locations:
            return None
        return self._deliver(image, self._copies(image, preferred), range_header, content_range_header)

    def rest(self, image: Image, span: Span) -> Chunks:
        """A part of an image whose beginning came from elsewhere."""
        return relay(image.id, self._copies(image, ()), span)

    def preferred(self, caller: Caller, image: Image, prefer: str | None) -> tuple[str, ...]:
        """The stores to try first. Raises BadRequest, Forbidden."""
        if prefer is None:
            return ()
        if not self._multi_store:
            raise BadRequest("This server has a single store: leave out `prefer`.")
        stores = tuple(name.strip() for name in prefer.split(",") if name.strip())
        unknown = [name for name in stores if name not in self._weights]
        if unknown:
            raise BadRequest(f"There is no store {unknown[0]!r}. Choose from /v2/info/stores.")
        self._images.forbid_or_hide("download_from_store", caller, image)
        return stores

    def _copies(self, image: Image, preferred: Sequence[str]) -> list[Copy]:
        """Preferred stores in the order given, then by weight, else as recorded."""
        rank = {store: position for position, store in enumerate(preferred)}
        copies = [copy for location in image.locations if (copy := self._copy(image, location))]
        if not copies:
            raise StoreUnavailable("of " + image.locations[0].url.partition(":")[0], "no configured store holds it")
        return sorted(copies, key=lambda c: (rank.get(c.location.store, len(rank)), -self._weight(c)))

    def _weight(self, copy: Copy) -> int:
        return self._weights.get(copy.location.store, 0)

    def _copy(self, image: Image, row: ImageLocation) -> Copy | None:
        try:
            location = self._catalogue.location(row)
            return Copy(self._catalogue.driver_of(location), location)
        except GlancetuiError as error:
            log.warning("A copy of image %s cannot be read: %s", image.id, error)
            return None

    def _deliver(
        self, image: Image, copies: list[Copy], range_header: str | None, content_range: str | None
    ) -> Delivery | None:
        failures: list[GlancetuiError] = []
        for position, copy in enumerate(copies):
            try:
                size = copy.driver.stat(copy.location).size if image.size is None else image.size
                partial = range_header is not None or content_range is not None
                span = wanted_span(range_header, content_range, size)
                wanted = Wanted(image=image, size=size, span=span, partial=partial)
                return _open_file(wanted, copy) or _open_chunks(wanted, copies[position:])
            except (ObjectNotFound, StoreUnavailable, ShortRead) as error:
                # An operator must hear of each lost copy, also where another one serves the caller.
                log.error("The copy of image %s at %s cannot be read: %s", image.id, copy.location.url, error)  # noqa: TRY400
                failures.append(error)
        worse = [error for error in failures if not isinstance(error, ObjectNotFound)]
        if worse:
            raise worse[0]
        return None


def wanted_span(range_header: str | None, content_range: str | None, size: int) -> Span:
    if range_header is not None:
        return parse_range(range_header, size)
    if content_range is not None:
        return parse_content_range(content_range, size)
    return Span(0, size)


def _open_file(wanted: Wanted, copy: Copy) -> Delivery | None:
    """The copy as a local file, where its store has such. Raises ShortRead if the file is not as long as the image."""
    if not copy.driver.capabilities.local_files:
        return None
    file = copy.driver.open_file(copy.location)
    length = os.fstat(file.fileno()).st_size
    if length < wanted.size:
        file.close()
        raise ShortRead(copy.location.store, wanted.image.id, length, wanted.size)
    return delivery(wanted.image, wanted.size, wanted.span, file, partial=wanted.partial)


def _open_chunks(wanted: Wanted, copies: Sequence[Copy]) -> Delivery:
    """The first chunk is read here, so that a store that fails at once is still an error and not a broken answer."""
    chunks = relay(wanted.image.id, copies, wanted.span)
    first = next(chunks, b"")
    return delivery(wanted.image, wanted.size, wanted.span, _chain(first, chunks), partial=wanted.partial)


def _chain(first: bytes, rest: Chunks) -> Chunks:
    with closing(rest):
        if first:
            yield first
        yield from rest


def relay(image_id: str, copies: Sequence[Copy], span: Span) -> Chunks:
    """The span's bytes from the first copy; when its store fails, the next goes on from the byte already sent."""
    sent = 0
    for left, copy in zip(range(len(copies) - 1, -1, -1), copies, strict=True):
        try:
            with copy.driver.open_reader(copy.location, span.offset + sent, span.count - sent) as reader:
                for chunk in reader:
                    sent += len(chunk)
                    yield chunk
            check_whole(copy, image_id, sent, span)
        except (ObjectNotFound, StoreUnavailable, ShortRead) as error:
            if not left:
                raise
            log.error("Image %s goes on from its next copy after %d bytes: %s", image_id, sent, error)  # noqa: TRY400
        else:
            return


def check_whole(copy: Copy, image_id: str, sent: int, span: Span) -> None:
    if sent < span.count:
        raise ShortRead(copy.location.store, image_id, sent, span.count)


def delivery(
    image: Image,
    size: int,
    span: Span,
    content: BinaryIO | Chunks | Growing,
    *,
    partial: bool = False,
    cached: bool = False,
) -> Delivery:
    """`size` of the whole, in bytes; `partial`: the span was asked for."""
    return Delivery(
        size=size,
        offset=span.offset,
        count=span.count,
        partial=partial,
        checksum=image.checksum,
        etag=image.os_hash_value or image.checksum,
        content=content,
        owner=image.owner,
        cached=cached,
    )
