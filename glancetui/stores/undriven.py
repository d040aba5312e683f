"""A store of a kind that has no driver yet: its images are listed and shown, its bytes cannot be reached.

Such a store must not keep the service from starting: the configuration and the database of a Glance that has one are
taken over whole, and all other stores are served.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from glancetui.config.settings import StoreSettings
from glancetui.errors import StoreUnavailable
from glancetui.model import Capacity, Health, Location, StoredObject
from glancetui.stores.driver import Capabilities, Writer


class UndrivenStore:
    """A `Driver` that says why it can do nothing."""

    capabilities = Capabilities(writes=False, ranges=False, lists=False)

    def __init__(self, settings: StoreSettings) -> None:
        self.store_id, self._kind = settings.id, settings.kind

    def _unavailable(self) -> StoreUnavailable:
        return StoreUnavailable(self.store_id, f"this version has no driver for stores of kind {self._kind}")

    def open_writer(self, object_id: str, size: int | None) -> AbstractContextManager[Writer]:  # noqa: ARG002
        raise self._unavailable()

    def open_reader(
        self,
        location: Location,  # noqa: ARG002
        offset: int = 0,  # noqa: ARG002
        length: int | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[Iterator[bytes]]:
        raise self._unavailable()

    def open_file(self, location: Location) -> BinaryIO:  # noqa: ARG002
        raise self._unavailable()

    def location_of(self, object_id: str) -> Location:  # noqa: ARG002
        raise self._unavailable()

    def claims(self, url: str) -> bool:  # noqa: ARG002
        return False

    def stat(self, location: Location) -> StoredObject:  # noqa: ARG002
        raise self._unavailable()

    def delete(self, location: Location) -> None:  # noqa: ARG002
        raise self._unavailable()

    def discard(self, object_id: str) -> None:
        """Nothing was ever written here."""

    def list_objects(self) -> Iterator[StoredObject]:
        raise self._unavailable()

    def list_unfinished(self) -> Iterator[StoredObject]:
        return iter(())

    def capacity(self) -> Capacity | None:
        return None

    def probe(self) -> Health:
        return Health(ok=False, seconds=0.0, error=str(self._unavailable()))

    def close(self) -> None:
        """There is nothing to let go of."""
