"""Which stores there are, and which of them a location belongs to."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Mapping
from typing import Protocol, cast

import msgspec

from glancetui.config.settings import Settings, StoreSettings
from glancetui.errors import BadRequest, ConfigError, StoreUnavailable
from glancetui.model import ImageLocation, Location
from glancetui.stores.driver import Driver
from glancetui.stores.undriven import UndrivenStore

log = logging.getLogger(__name__)

STAGING = "os_glance_staging_store"
RESERVED = "os_glance_"  # Glance's staging and tasks folders are stores to it; no client may name them

# kind → module with `open_store(settings: StoreSettings) -> Driver`. Imported when a store of the kind is configured.
KINDS: Mapping[str, str] = {"file": "glancetui.stores.file", "http": "glancetui.stores.http"}


class DriverModule(Protocol):
    def open_store(self, settings: StoreSettings) -> Driver:
        """Raises ConfigError."""


class Catalogue:
    """The configured stores by id, in the order of the configuration."""

    def __init__(self, drivers: Mapping[str, Driver], default_store: str, staging: Driver | None = None) -> None:
        if default_store not in drivers:
            raise ConfigError(
                f"The default store {default_store} is none of the stores: {', '.join(drivers) or 'none'}."
            )
        self._drivers = dict(drivers)
        self.default_store = default_store
        self.staging = staging  # this node's data before import; no store that a client may name

    @classmethod
    def from_settings(cls, settings: Settings) -> Catalogue:
        """Opens every store. Raises ConfigError for a default store without driver, or settings a driver cannot use."""
        drivers: dict[str, Driver] = {}
        for store in settings.stores:
            if store.id in drivers:
                raise ConfigError(f"Two stores have the id {store.id}. Rename one of them.")
            if is_reserved(store.id):
                continue
            if store.kind in KINDS or store.id == settings.default_store:
                drivers[store.id] = open_driver(msgspec.structs.replace(store, fetch=settings.imports.fetch))
            else:
                drivers[store.id] = UndrivenStore(store)
                log.warning(
                    "Store %s is of kind %s, which this version has no driver for: images are listed, not served.",
                    store.id, store.kind,
                )  # fmt: skip
        return cls(drivers, settings.default_store, staging_driver(settings))

    def __getitem__(self, store_id: str) -> Driver:
        """Raises BadRequest for a store that is unknown or reserved."""
        try:
            return self._drivers[store_id]
        except KeyError:
            raise BadRequest(f"There is no store {store_id!r}. The stores are: {', '.join(self._drivers)}.") from None

    def holder(self, store_id: str) -> Driver:
        """As `[]`, and the staging folder as well: for what an intent speaks of."""
        if self.staging is not None and store_id == STAGING:
            return self.staging
        return self[store_id]

    def __contains__(self, store_id: object) -> bool:
        return store_id in self._drivers

    def __iter__(self) -> Iterator[str]:
        return iter(self._drivers)

    def __len__(self) -> int:
        return len(self._drivers)

    def ids(self) -> tuple[str, ...]:
        return tuple(self._drivers)

    def location(self, image_location: ImageLocation) -> Location:
        """Where a copy lies: in the store that its metadata names, else in the one that its URL belongs to.

        A single-store Glance writes no store into the metadata. Raises StoreUnavailable if no store here has it.
        """
        named = image_location.store
        if not named:
            return Location(store=self.driver_of_url(image_location.url).store_id, url=image_location.url)
        if named not in self._drivers:
            raise StoreUnavailable(named, "it is not among the configured stores of this node")
        return Location(store=named, url=image_location.url)

    def driver_of(self, location: Location) -> Driver:
        """Raises StoreUnavailable if the store is not configured here."""
        driver = self._drivers.get(location.store)
        if driver is None:
            raise StoreUnavailable(location.store, "it is not among the configured stores of this node")
        return driver

    def driver_of_url(self, url: str) -> Driver:
        """Raises StoreUnavailable if no store's URLs look so."""
        found = next((driver for driver in self._drivers.values() if driver.claims(url)), None)
        if found is None:
            scheme = url.partition(":")[0]
            raise StoreUnavailable(f"for {scheme} locations", "no configured store holds what the location names")
        return found

    def close(self) -> None:
        """Lets go of the drivers' connections."""
        for driver in self._drivers.values():
            driver.close()


def staging_driver(settings: Settings) -> Driver | None:
    """Glance's staging folder is a file store of a reserved name. Raises ConfigError."""
    if settings.staging_dir is None:
        return None
    folder = str(settings.staging_dir)
    return open_driver(StoreSettings(id=STAGING, kind="file", options={"filesystem_store_datadir": folder}))


def is_reserved(store_id: str) -> bool:
    return store_id.startswith(RESERVED)


def open_driver(settings: StoreSettings) -> Driver:
    """Raises ConfigError."""
    if settings.kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ConfigError(
            f"Store {settings.id} is of kind {settings.kind!r}, for which there is no driver. Use: {known}."
        )
    # A module satisfies a protocol of its functions, but importlib can only say that it is a module.
    module = cast("DriverModule", importlib.import_module(KINDS[settings.kind]))
    return module.open_store(settings)
