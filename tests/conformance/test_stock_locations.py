"""The stock `glance` command adds, describes and removes locations, and knows stores and their copies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.imported import Imported
from tests.backends.nginx import Nginx, NotInstalled, running_nginx
from tests.conformance.conftest import StockClients
from tests.images.data_path import noise
from tests.images.waiting import until
from tests.server.api import Api
from tests.server.test_locations import config
from tests.serving import running_server

pytestmark = pytest.mark.xdist_group("stock-locations")

DATA = noise(200_000)
FORMATS = ("--disk-format", "raw", "--container-format", "bare")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    try:
        with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
            for name in ("one", "two"):
                (server.root / name).write_bytes(DATA)
            yield server
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def clients(stock: Imported, nginx: Nginx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockClients]:
    folder = tmp_path_factory.mktemp("locations")
    with running_server(folder, auth="none", config=config(nginx.port, folder)) as server:
        flags = ("--os-image-url", server.endpoint, "--os-auth-token", "unused")
        yield StockClients(stock, server.endpoint, {}, glance_flags=flags)


def field(shown: str, name: str) -> str:
    """Of a table of glance's."""
    lines = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in shown.splitlines()]
    return next(line[1] for line in lines if line[0] == name and len(line) > 1)


def queued(clients: StockClients) -> str:
    """Without a terminal `glance image-create` uploads what it reads from stdin, if it be nothing."""
    return Api(clients.endpoint).make(disk_format="raw", container_format="bare")


@pytest.mark.timeout(240)
def test_locations_are_added_described_and_removed(clients: StockClients, nginx: Nginx) -> None:
    image = queued(clients)
    digest = hashlib.sha512(DATA).hexdigest()
    shown = clients.glance(
        "location-add", "--url", nginx.url("one"), "--metadata", json.dumps({"zone": "a"}),
        "--checksum", hashlib.md5(DATA).hexdigest(), "--hash-algo", "sha512", "--hash-value", digest, image,
    )  # fmt: skip
    assert (field(shown, "status"), field(shown, "size")) == ("active", str(len(DATA)))
    assert digest.startswith(field(shown, "os_hash_value"))  # cut where the table wraps
    clients.glance("location-add", "--url", nginx.url("two"), image)
    changed = clients.glance(
        "location-update", "--url", nginx.url("two"), "--metadata", json.dumps({"zone": "b"}), image
    )
    assert '"zone": "b"' in changed or "'zone': 'b'" in changed
    assert field(changed, "stores") == "web,web"
    clients.glance("location-delete", "--url", nginx.url("one"), image)
    left = clients.glance("image-show", image)
    assert nginx.url("two") in left
    assert nginx.url("one") not in left
    refused = clients.glance("location-delete", "--url", nginx.url("two"), image, fails=True)
    assert "last location" in refused


@pytest.mark.timeout(240)
def test_a_location_is_added_to_a_queued_image_and_read_for_its_hash(
    clients: StockClients, nginx: Nginx, tmp_path: Path
) -> None:
    image = queued(clients)
    said = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(DATA).hexdigest()}
    clients.glance("add-location", "--url", nginx.url("one"), "--validation-data", json.dumps(said), image)
    until(lambda: field(clients.glance("image-show", image), "status") == "active", 60)
    assert field(clients.glance("image-show", image), "os_hash_value") == said["os_hash_value"]
    clients.glance("image-download", "--file", str(tmp_path / "back"), image)
    assert (tmp_path / "back").read_bytes() == DATA


@pytest.mark.timeout(240)
def test_stores_are_shown_and_a_copy_is_removed(clients: StockClients, tmp_path: Path) -> None:
    assert {"fast", "web", "slow"} <= set(clients.glance("stores-info").replace('"', " ").replace("'", " ").split())
    detail = clients.glance("stores-info", "--detail")
    assert "weight" in detail
    assert "data_dir" in detail
    (tmp_path / "data").write_bytes(DATA)
    made = clients.glance("image-create", "--name", "copied", "--file", str(tmp_path / "data"), *FORMATS)
    image = field(made, "id")
    clients.glance("image-import", image, "--import-method", "copy-image", "--stores", "slow")
    until(lambda: field(clients.glance("image-show", image), "stores") == "slow,fast", 60)  # the heavier first
    clients.glance("stores-delete", "--store", "fast", image)
    assert field(clients.glance("image-show", image), "stores") == "slow"
    clients.glance("stores-delete", "--store", "slow", image, fails=True)
