"""An image's way out past the cache: from it where it is there, along with whoever fills it, or by filling it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import BinaryIO

from glancetui.cache.cache import Cache
from glancetui.cache.filling import Attendance, Fill, Fills, mark_for
from glancetui.cache.folder import CacheFolder, mark_of
from glancetui.cache.following import Following
from glancetui.errors import ObjectNotFound
from glancetui.images.deliver import Deliver, Delivery, delivery, wanted_span
from glancetui.images.ranges import Span
from glancetui.model import Caller, Image, ImageStatus

log = logging.getLogger(__name__)

_ATTEMPTS = 3  # others may begin, end and evict between two looks; after so many the image comes from its store


class CachedDeliver:
    """As `Deliver`. `hit` is called when an entry was used."""

    def __init__(
        self, deliver: Deliver, folder: CacheFolder, fills: Fills, cache: Cache, hit: Callable[[], None]
    ) -> None:
        self._deliver = deliver
        self._folder = folder
        self._fills = fills
        self._cache = cache
        self._hit = hit

    def open(
        self,
        caller: Caller,
        image_id: str,
        range_header: str | None = None,
        content_range_header: str | None = None,
        prefer: str | None = None,
    ) -> Delivery | None:
        """As `Deliver.open`. The policy is asked first, whatever the cache holds; `prefer` only where it holds nothing.

        Only a read of the whole image fills the cache, and never one of a deactivated image.
        """
        image = self._deliver.admitted(caller, image_id)
        if not is_cacheable(image):
            preferred = self._deliver.preferred(caller, image, prefer)
            return self._deliver.read(image, preferred, range_header, content_range_header)
        span = wanted_span(range_header, content_range_header, image.size or 0)
        partial_ = range_header is not None or content_range_header is not None
        cached = self._cached(image)
        if cached is not None:
            return delivery(image, image.size or 0, span, cached, partial=partial_, cached=True)
        preferred = self._deliver.preferred(caller, image, prefer)
        if partial_:
            following = self._followed(image, span.offset)
            if following is not None:
                return delivery(image, image.size or 0, span, following, partial=True)
            return self._deliver.read(image, preferred, range_header, content_range_header)
        return self._whole(image, preferred)

    def prefetch(self, image: Image) -> bool:
        """Begins to fill the entry, whoever reads it or not. False: it cannot be begun now. Raises what reading does,
        and ObjectNotFound."""
        fill = self._fills.begin(image, kept=True)
        if fill is None:
            return False
        source = self._source(fill, ())
        if source is None:
            raise ObjectNotFound("of its locations", image.id)
        self._fills.start(fill, source)
        return True

    def _cached(self, image: Image) -> BinaryIO | None:
        file = self._folder.entry(image.id)
        if file is None:
            return None
        length = os.fstat(file.fileno()).st_size
        if length == image.size and is_of(file, image):
            self._cache.count_hit(image.id)
            self._hit()
            return file
        file.close()
        log.warning("The cached image %s is not the image any more: it is removed from the cache.", image.id)
        self._cache.forget(image.id)
        return None

    def _whole(self, image: Image, preferred: Sequence[str]) -> Delivery | None:
        span = Span(0, image.size or 0)
        for _ in range(_ATTEMPTS):
            if (cached := self._cached(image)) is not None:
                return delivery(image, image.size or 0, span, cached, cached=True)
            if (following := self._followed(image, 0)) is not None:
                return delivery(image, image.size or 0, span, following)
            if (fill := self._fills.begin(image)) is not None:
                return self._filling(fill, preferred)
        return self._deliver.read(image, preferred)

    def _filling(self, fill: Fill, preferred: Sequence[str]) -> Delivery | None:
        """The reader for whom the entry is filled follows it like any other."""
        image = fill.image
        source = self._source(fill, preferred)
        if source is None:
            return None
        file = self._folder.being_filled(image.id)
        if file is None:  # cleaned away while the source was opened
            self._fills.undo(fill)
            return source
        fill.join()
        self._fills.start(fill, source)
        return delivery(image, image.size or 0, Span(0, source.size), self._following(file, image, fill))

    def _source(self, fill: Fill, preferred: Sequence[str]) -> Delivery | None:
        """What fills the entry; where there is nothing, or reading fails, the filling is undone."""
        source: Delivery | None = None
        try:
            source = self._deliver.read(fill.image, preferred)
        finally:
            if source is None:
                self._fills.undo(fill)
        return source

    def _followed(self, image: Image, offset: int) -> Following | None:
        """An entry that is being filled and has got to `offset`; its first bytes are waited for."""
        file = self._folder.being_filled(image.id)
        if file is None:
            return None
        if not is_of(file, image):  # its bytes were replaced since
            file.close()
            return None
        following = self._following(file, image, self._fills.join(image.id))
        if following.has(offset) or (not offset and following.wait_for_bytes()):
            return following
        following.close()
        return None

    def _following(self, file: BinaryIO, image: Image, attendance: Attendance) -> Following:
        return Following(file, image.size or 0, partial(self._deliver.rest, image), attendance)


def is_cacheable(image: Image) -> bool:
    return image.status == ImageStatus.ACTIVE and bool(image.size) and bool(image.locations)


def is_of(file: BinaryIO, image: Image) -> bool:
    """Whether a file was filled from the bytes that the image has now, as far as its file system can tell."""
    mark = mark_of(file.fileno())
    return mark is None or mark == mark_for(image)
