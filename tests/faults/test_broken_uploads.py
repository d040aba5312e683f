"""Uploads that go wrong from outside: what the client hears, and that nothing is left of them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.aftermath import Aftermath, wait_until
from tests.faults.processes import lives
from tests.faults.raw import Api, Framing, Upload
from tests.serving import running_server

FRAMINGS: tuple[Framing, ...] = ("length", "chunked")
SIZE = 3_000_000
DATA = random.Random(11).randbytes(SIZE)


class Service(Api):
    def __init__(self, endpoint: str, data_dir: Path) -> None:
        super().__init__(endpoint)
        self.aftermath = Aftermath(endpoint, data_dir)

    def begun(self, image: str, framing: Framing = "length", sent: int = SIZE // 2) -> Upload:
        """An upload of DATA of which the service has taken some bytes."""
        upload = Upload(self.endpoint, image, SIZE, framing)
        upload.send(DATA[:sent])
        wait_until(lambda: self.status_of(image) == "saving", 10, "the upload begins")
        return upload

    def assert_retry_works(self, image: str) -> None:
        wait_until(lambda: self.status_of(image) == "queued", 20, "queued again")
        assert not any(image in path.name for path in self.aftermath.files())
        assert self.put(image, DATA) == 204
        assert self.get(image) == DATA


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_server(tmp_path_factory.mktemp("broken"), workers=2) as server:
        yield Service(server.endpoint, server.data_dir)


@pytest.fixture(autouse=True)
def all_is_well_afterwards(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "service" in request.fixturenames:
        service: Service = request.getfixturevalue("service")
        service.aftermath.wait_for_peace()
        service.aftermath.check_store_and_registry()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("seed", range(4))
def test_a_client_that_vanishes_at_any_byte_leaves_nothing(
    service: Service, framing: Framing, ending: str, seed: int
) -> None:
    sent = random.Random(f"{framing}{ending}{seed}").randrange(SIZE)
    image = service.new()
    with service.begun(image, framing, sent) as upload:
        if ending == "reset":
            upload.reset()
    service.assert_retry_works(image)


@pytest.mark.parametrize(
    "junk", [b"zz\r\nhello", b"-5\r\n", b"ffffffffffffffffffff\r\n", b"5\r\nhelloX", b"\r\n\r\n", b"\0" * 64]
)
def test_broken_chunk_framing_is_never_taken_for_the_end(service: Service, junk: bytes) -> None:
    image = service.new()
    with service.begun(image, "chunked") as upload:
        upload.socket.sendall(junk)
        with contextlib.suppress(OSError):
            upload.socket.shutdown(1)
        with contextlib.suppress(OSError, Exception):
            assert upload.status() == 400
    service.assert_retry_works(image)


def test_content_that_is_not_what_it_claims_is_refused_and_a_second_upload_works(service: Service) -> None:
    image = service.new(disk_format="iso")
    assert service.put(image, DATA) == 415
    assert service.status_of(image) == "queued"
    assert not any(image in path.name for path in service.aftermath.files())
    iso = bytes(32_769) + b"CD001" + bytes(100_000)
    assert service.put(image, iso) == 204
    assert service.get(image) == iso


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_image_deleted_during_its_upload_is_gone(service: Service, framing: Framing) -> None:
    image = service.new()
    with service.begun(image, framing) as upload:
        assert service.delete(image) == 204
        upload.send(DATA[SIZE // 2 :])
        upload.end()
        assert upload.status() == 410
    assert service.status_of(image) == "404"
    assert not any(image in path.name for path in service.aftermath.files())


def test_of_two_uploads_at_once_one_wins(service: Service) -> None:
    image = service.new()
    with service.begun(image) as upload:
        assert service.put(image, b"mine!") == 409
        upload.send(DATA[SIZE // 2 :])
        assert upload.status() == 204
    assert service.get(image) == DATA


def test_of_many_uploads_at_once_exactly_one_wins(service: Service) -> None:
    image = service.new()
    bodies = [bytes([65 + number]) * 100_000 for number in range(8)]
    start = threading.Barrier(len(bodies))

    def attempt(body: bytes) -> int:
        start.wait()
        return service.put(image, body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        statuses = list(pool.map(attempt, bodies))
    assert sorted(statuses) == [204] + [409] * 7
    assert service.get(image) == bodies[statuses.index(204)]


def test_a_store_that_vanished_is_503_and_the_image_queued_again(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        service = Service(server.endpoint, server.data_dir)
        image, away = service.new(), server.data_dir / "away"
        service.aftermath.store.rename(away)
        assert service.put(image, DATA) == 503
        assert service.status_of(image) == "queued"
        away.rename(service.aftermath.store)
        service.assert_retry_works(image)


def test_a_deleted_images_bytes_are_gone_at_once(service: Service) -> None:
    image = service.new()
    assert service.put(image, DATA) == 204
    assert service.delete(image) == 204
    wait_until(lambda: not any(image in path.name for path in service.aftermath.files()), 2, "the file is removed")


@pytest.mark.parametrize("framing", FRAMINGS)
def test_sigterm_lets_a_running_upload_end(tmp_path: Path, framing: Framing) -> None:
    with running_server(tmp_path) as server:
        service = Service(server.endpoint, server.data_dir)
        image = service.new()
        with service.begun(image, framing) as upload:
            os.kill(server.pid, signal.SIGTERM)
            wait_until(lambda: refuses(service), 10, "no new connections are taken")
            upload.send(DATA[SIZE // 2 :])
            upload.end()
            assert upload.status() == 204
        wait_until(lambda: not lives(server.pid), 15, "the service ends")
    with running_server(tmp_path) as server:
        assert Api(server.endpoint).get(image) == DATA


def refuses(service: Service) -> bool:
    try:
        service.call("GET", "/versions")
    except OSError:
        return True
    return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB where the service keeps its images."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_full_disk_is_413_and_leaves_nothing(tmp_path: Path, small_disk: Path, framing: Framing) -> None:
    with running_server(tmp_path, config=f"[glance_store]\nfilesystem_store_datadir = {small_disk}\n") as server:
        service = Service(server.endpoint, server.data_dir)
        service.aftermath.store = small_disk
        first, second = service.new(), service.new()
        assert service.put(first, bytes(6_000_000)) == 204
        data = DATA if framing == "length" else iter([DATA[:2_000_000], DATA[2_000_000:]])
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before all was sent
            assert service.put(second, data) == 413
        assert service.status_of(second) == "queued"
        assert {path.name for path in service.aftermath.files()} == {first}
        assert service.delete(first) == 204
        service.aftermath.wait_for_peace()
        assert service.put(second, DATA) == 204
        assert service.get(second) == DATA
        service.aftermath.check_store_and_registry()


def test_an_upload_whose_worker_is_killed_is_undone_while_the_service_runs_on(tmp_path: Path) -> None:
    """Long before the lease ends: the worker that takes its place sees that the owner is dead."""
    with running_server(tmp_path, workers=2) as server:
        service = Service(server.endpoint, server.data_dir)
        images = [service.new() for _ in range(6)]
        uploads = [service.begun(image) for image in images]
        doomed = server.workers()[0]
        os.kill(doomed, signal.SIGKILL)
        held = f"SELECT id FROM gt_intents WHERE owner LIKE '%/{doomed}/%'"
        wait_until(lambda: not service.aftermath.rows(held), 20, "the dead worker's uploads are undone")
        for image, upload in zip(images, uploads, strict=True):
            with upload:
                if service.status_of(image) == "saving":  # its worker lives
                    upload.send(DATA[SIZE // 2 :])
                    assert upload.status() == 204
                else:
                    service.assert_retry_works(image)
            assert service.get(image) == DATA
        service.aftermath.check_store_and_registry()
