"""Which stores there are, and which of them a location belongs to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from glancetui.config.settings import DatabaseSettings, Settings, StoreSettings
from glancetui.errors import BadRequest, ConfigError, StoreUnavailable
from glancetui.model import ImageLocation, Location
from glancetui.stores.catalogue import Catalogue
from tests.stores.contract import put


def file_store(store_id: str, folder: Path) -> StoreSettings:
    return StoreSettings(id=store_id, kind="file", options={"filesystem_store_datadir": str(folder)})


def configured(tmp_path: Path, *stores: StoreSettings, default: str = "fast") -> Settings:
    database = DatabaseSettings(connection="sqlite://")
    return Settings(data_dir=tmp_path, database=database, stores=stores, default_store=default)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    stores = file_store("fast", tmp_path / "f"), file_store("slow", tmp_path / "s")
    return Catalogue.from_settings(configured(tmp_path, *stores))


def test_stores_come_in_the_order_of_the_configuration(catalogue: Catalogue) -> None:
    assert catalogue.ids() == tuple(catalogue) == ("fast", "slow")
    assert len(catalogue) == 2
    assert catalogue.default_store == "fast"
    assert catalogue["slow"].store_id == "slow"
    catalogue.close()


@pytest.mark.parametrize("name", ["", "none", "os_glance_staging_store", "os_glance_tasks_store", "FAST"])
def test_an_unknown_store_is_the_callers_mistake(catalogue: Catalogue, name: str) -> None:
    assert name not in catalogue
    with pytest.raises(BadRequest, match="fast, slow"):
        catalogue[name]


def test_reserved_stores_cannot_be_addressed_even_where_configured(tmp_path: Path) -> None:
    stores = file_store("fast", tmp_path / "f"), file_store("os_glance_staging_store", tmp_path / "staging")
    catalogue = Catalogue.from_settings(configured(tmp_path, *stores))
    assert catalogue.ids() == ("fast",)
    url = f"file://{tmp_path}/staging/x"
    for metadata in ({}, {"store": "os_glance_staging_store"}):
        with pytest.raises(StoreUnavailable):
            catalogue.location(ImageLocation(url=url, metadata=metadata))


def test_a_location_without_a_store_is_known_by_its_url(catalogue: Catalogue, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/s/image"
    assert catalogue.location(ImageLocation(url=url)) == Location(store="slow", url=url)
    assert catalogue.driver_of_url(url).store_id == "slow"


def test_a_location_with_a_store_is_taken_at_its_word(catalogue: Catalogue) -> None:
    location = catalogue.location(ImageLocation(url="file:///elsewhere/x", metadata={"store": "slow"}))
    assert location.store == "slow"
    with pytest.raises(StoreUnavailable):
        catalogue.driver_of(location).stat(location)


@pytest.mark.parametrize("url", ["rbd://pool/x", "file:///etc/passwd", "", "cinder://id"])
def test_what_no_store_holds_is_unavailable(catalogue: Catalogue, url: str) -> None:
    with pytest.raises(StoreUnavailable):
        catalogue.location(ImageLocation(url=url))
    with pytest.raises(StoreUnavailable):
        catalogue.location(ImageLocation(url=url, metadata={"store": "retired"}))
    with pytest.raises(StoreUnavailable):
        catalogue.driver_of(Location(store="retired", url=url))


def test_driver_of_a_location_is_its_stores(catalogue: Catalogue) -> None:
    location = put(catalogue["slow"], "x", b"content")
    assert catalogue.driver_of(location) is catalogue["slow"]


@pytest.mark.parametrize("kind", ["swift", "nonsense", ""])
def test_a_kind_without_driver_stops_the_start(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigError, match="no driver"):
        Catalogue.from_settings(configured(tmp_path, StoreSettings(id="fast", kind=kind)))


def test_another_store_without_driver_is_named_but_not_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A Glance's configuration and database are taken over whole, whatever stores it has."""
    stores = [file_store("fast", tmp_path / "f"), *(StoreSettings(id=kind, kind=kind) for kind in ("cinder", "http"))]
    catalogue = Catalogue.from_settings(configured(tmp_path, *stores))
    assert catalogue.ids() == ("fast", "cinder", "http")
    assert "Store cinder is of kind cinder" in caplog.text
    place = catalogue.location(ImageLocation(url="cinder://a-volume", metadata={"store": "cinder"}))
    driver = catalogue.driver_of(place)
    assert (driver.capabilities.writes, driver.capabilities.lists, driver.probe().ok) == (False, False, False)
    for use in (driver.stat, driver.delete, lambda at: driver.open_reader(at).__enter__()):
        with pytest.raises(StoreUnavailable, match="no driver for stores of kind cinder"):
            use(place)
    catalogue["http"].delete(Location(store="http", url="http://192.0.2.1/image"))  # not ours to delete: done
    catalogue.close()


def test_a_default_store_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone"):
        Catalogue.from_settings(configured(tmp_path, file_store("fast", tmp_path / "f"), default="gone"))


def test_two_stores_of_one_id_stop_the_start(tmp_path: Path) -> None:
    stores = file_store("fast", tmp_path / "f"), file_store("fast", tmp_path / "g")
    with pytest.raises(ConfigError, match="Two stores"):
        Catalogue.from_settings(configured(tmp_path, *stores))


def test_drivers_are_imported_only_when_configured() -> None:
    script = "import sys, glancetui.stores.catalogue; sys.exit('glancetui.stores.file' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
