"""Data staged at another node: imports and deletions are passed on to it, and what it answers is passed back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.images.data_path import noise
from tests.images.waiting import until
from tests.server.api import Api
from tests.serving import running_server

DATA = noise(200_000)
OCTETS = {"Content-Type": "application/octet-stream"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}
DIRECT = {"method": {"name": "glance-direct"}}


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def config(folder: Path, url: str, name: str) -> str:
    """Nodes share database and store, and have staging folders of their own."""
    return f"""\
[DEFAULT]
worker_self_reference_url = {url}
[database]
connection = sqlite:///{folder}/shared.sqlite
[glance_store]
filesystem_store_datadir = {folder}/images
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging-{name}
[glancetui]
trusted_peers = 127.0.0.1
upgrade = true
"""


@contextmanager
def node(folder: Path, name: str, url: str, listen: int) -> Iterator[Api]:
    own = folder / name
    own.mkdir(exist_ok=True)
    with running_server(
        own, auth="headers", listen=(f"127.0.0.1:{listen}",), config=config(folder, url, name)
    ) as server:
        yield Api(server.endpoint)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Api, Path]]:
    folder, stack = tmp_path_factory.mktemp("nodes"), ExitStack()
    first, second = port(), port()
    with stack:
        one = stack.enter_context(node(folder, "one", f"http://127.0.0.1:{first}", first))
        two = stack.enter_context(node(folder, "two", f"http://127.0.0.1:{second}/", second))
        yield one, two, folder


def staged(api: Api) -> str:
    image_id = api.make(**FORMATS)
    assert api.call("PUT", f"/v2/images/{image_id}/stage", DATA, headers=OCTETS).status == 204
    return image_id


def test_an_import_is_passed_on_to_the_node_with_the_data(nodes: tuple[Api, Api, Path]) -> None:
    one, two, folder = nodes
    image_id = staged(one)
    answer = two.call("POST", f"/v2/images/{image_id}/import", DIRECT)
    assert (answer.status, answer.raw) == (202, b"")
    until(lambda: two.show(image_id)["status"] == "active")
    assert two.call("GET", f"/v2/images/{image_id}/file").raw == DATA
    until(lambda: list((folder / "staging-one").iterdir()) == [])


def test_a_deletion_removes_the_data_where_they_are(nodes: tuple[Api, Api, Path]) -> None:
    one, two, folder = nodes
    image_id = staged(one)
    assert two.call("DELETE", f"/v2/images/{image_id}").status == 204
    assert two.show(image_id) is None
    assert list((folder / "staging-one").iterdir()) == []


def test_a_refusal_of_the_other_node_is_passed_on(nodes: tuple[Api, Api, Path]) -> None:
    one, two, _ = nodes
    image_id = one.make(caller="owner", protected=True, **FORMATS)
    one.call("PUT", f"/v2/images/{image_id}/stage", DATA, headers=OCTETS)
    answer = two.call("DELETE", f"/v2/images/{image_id}", headers={"Accept": "application/json"})
    assert (answer.status, answer.json["code"]) == (403, "403 Forbidden")
    assert two.call("DELETE", f"/v2/images/{image_id}", caller="stranger").status == 404


def test_a_request_is_passed_on_once(nodes: tuple[Api, Api, Path]) -> None:
    one, two, _ = nodes
    image_id = staged(one)
    headers = {"X-Glancetui-Passed-On": "1"}
    assert two.call("POST", f"/v2/images/{image_id}/import", DIRECT, headers=headers).status == 502


# -- other nodes that are not what they should be ----------------------------------------------------------------------
@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Callable[[str], tuple[Api, str]]]:
    """A node, and an image whose data are at the URL that is given."""
    with ExitStack() as stack:

        def build(url: str) -> tuple[Api, str]:
            staging_at, asking = port(), port()
            with node(tmp_path, "gone", url, staging_at) as gone:
                image_id = staged(gone)
            api = stack.enter_context(node(tmp_path, "asking", f"http://127.0.0.1:{asking}", asking))
            return api, image_id

        yield build


def test_a_node_that_refuses_is_a_504(beside: Callable[[str], tuple[Api, str]]) -> None:
    api, image_id = beside(f"http://127.0.0.1:{port()}")
    refused = api.call("POST", f"/v2/images/{image_id}/import", DIRECT)
    assert (refused.status, "Stage host is unavailable" in refused.raw.decode()) == (504, True)
    assert api.call("DELETE", f"/v2/images/{image_id}").status == 504
    assert api.show(image_id)["status"] == "uploading"


@pytest.mark.parametrize("words", [b"SSH-2.0-x\r\n\r\n", b""], ids=["rubbish", "hangs up"])
def test_a_node_that_answers_rubbish_is_a_502(beside: Callable[[str], tuple[Api, str]], words: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.recv(65536)
                connection.sendall(words)
                connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        api, image_id = beside(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert api.call("POST", f"/v2/images/{image_id}/import", DIRECT).status == 502
        assert api.show(image_id)["status"] == "uploading"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
