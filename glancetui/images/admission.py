"""What may become a location, and what lies there: looked at once, with nothing connected to before it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from glancetui.config.settings import ImageSettings, Settings
from glancetui.errors import (
    BadRequest,
    GlancetuiError,
    LimitExceeded,
    ObjectNotFound,
    StoreUnavailable,
    UnsupportedMedia,
)
from glancetui.fetch.fetcher import Fetcher
from glancetui.formats.finding import HEAD
from glancetui.formats.inspect import Inspector
from glancetui.images.location_patch import NAMES_OF_STORE
from glancetui.model import Image, ImageLocation, ImageStatus, Location
from glancetui.registry.interface import ImageChange
from glancetui.stores.catalogue import Catalogue

WEB = frozenset({"http", "https"})


class Admission:
    """Callable from many threads."""

    def __init__(self, catalogue: Catalogue, fetcher: Fetcher, settings: Settings) -> None:
        self._catalogue = catalogue
        self._fetcher = fetcher
        self._settings = settings

    def check(self, url: str) -> Location:
        """Which store reads it, and whether it may. Nothing is connected to. Raises BadRequest."""
        if scheme_of(url) in WEB:
            self._fetcher.check(url)
        try:
            return Location(store=self._catalogue.driver_of_url(url).store_id, url=url)
        except StoreUnavailable as error:
            raise BadRequest(f"No store of this service reads locations with the scheme {scheme_of(url)}.") from error

    def has_web_store(self) -> bool:
        return any(self._catalogue[name].claims("http://x/") for name in self._catalogue)

    def row(self, location: Location, metadata: Mapping[str, Any] | None = None) -> ImageLocation:
        """As it is recorded: with a single store, clients are not shown a name that they cannot use."""
        named = {"store": location.store} if self._settings.multi_store else {}
        return ImageLocation(url=location.url, metadata={**(metadata or {}), **named})

    def size(self, location: Location, image: Image) -> int:
        """Bytes that lie there; their beginning is looked into. Raises what the store does, UnsupportedMedia,
        LimitExceeded."""
        driver = self._catalogue.driver_of(location)
        size = driver.stat(location).size
        if size > self._settings.images.size_cap:
            raise LimitExceeded(f"What lies there has {size} bytes, more than image_size_cap allows.")
        with driver.open_reader(location, 0, min(size, HEAD)) as chunks:
            inspector = Inspector(image.disk_format, image.container_format, lenient(self._settings.images))
            for chunk in chunks:
                inspector.feed(chunk)
            if size <= HEAD:
                inspector.finish()
        return size

    def admit(self, image: Image, change: ImageChange, known: dict[str, int]) -> ImageChange:
        """The change with sizes, stores, and the status that follows. `known`: sizes by URL, from an earlier attempt.

        Raises BadRequest, LimitExceeded.
        """
        if change.locations is msgspec.UNSET:
            return change
        rows = tuple(self._described(image, row) for row in change.locations)
        added = [row for row in rows if not row.id]
        options = self._settings.images
        change = msgspec.structs.replace(change, locations=rows, keep=options.keep_deleted_seconds)
        if not added:
            return change  # a quota that is exceeded already forbids neither removing nor another order
        image = with_formats(image, change)
        sizes = {self._looked_up(image, row, known) for row in added}
        if image.status == ImageStatus.ACTIVE and image.size is not None:
            sizes.add(image.size)
        if len(sizes) > 1:
            raise BadRequest(f"The locations of an image hold the same data; these have {sorted(sizes)} bytes.")
        change = msgspec.structs.replace(change, quota=options.storage_quota or None)
        if image.status != ImageStatus.QUEUED:
            return change
        return msgspec.structs.replace(change, size=sizes.pop(), status=ImageStatus.ACTIVE)

    def _described(self, image: Image, row: ImageLocation) -> ImageLocation:
        """With the name of its store; one that was there before keeps it."""
        if not row.id:
            return self.row(self.check(row.url), row.metadata)
        before = next(each for each in image.locations if each.id == row.id)
        named = {name: value for name, value in before.metadata.items() if name in NAMES_OF_STORE}
        return msgspec.structs.replace(row, metadata={**row.metadata, **named})

    def _looked_up(self, image: Image, row: ImageLocation, known: dict[str, int]) -> int:
        if row.url not in known:
            try:
                known[row.url] = self.size(self._catalogue.location(row), image)
            except ObjectNotFound as error:
                raise BadRequest("Nothing lies at the location's url. Check it.") from error
            except UnsupportedMedia as error:
                raise BadRequest(str(error)) from error
            except LimitExceeded:
                raise
            except GlancetuiError as error:
                raise BadRequest(f"What lies at the location's url cannot be read: {error}") from error
        return known[row.url]


def scheme_of(url: str) -> str:
    """As it stands before the first colon; empty where there is none."""
    return url.partition(":")[0].lower()[:20] if ":" in url else ""


def with_formats(image: Image, change: ImageChange) -> Image:
    """The image with the formats that the same change gives it. Raises BadRequest where one is left unset."""
    disk = image.disk_format if change.disk_format is msgspec.UNSET else change.disk_format
    container = image.container_format if change.container_format is msgspec.UNSET else change.container_format
    if disk is None or container is None:
        raise BadRequest(f"Set disk_format and container_format of image {image.id} before a location is added.")
    return msgspec.structs.replace(image, disk_format=disk, container_format=container)


def lenient(settings: ImageSettings) -> ImageSettings:
    """What could harm a hypervisor is refused; whether the rest is what it is called shows only the whole of it."""
    return msgspec.structs.replace(settings, require_image_format_match=False)
