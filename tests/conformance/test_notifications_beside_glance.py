"""An image's life on the real Glance and here, both telling the same real RabbitMQ: the same notifications."""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.glance import new_glance
from tests.backends.keeper import NotInstalled
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.backends.rabbitmq import RabbitMQ, running_rabbitmq
from tests.images.waiting import until
from tests.serving import running_server

pytestmark = [
    pytest.mark.xdist_group("rabbitmq"),
    pytest.mark.slow(seconds=10),
    pytest.mark.timeout(300, func_only=True),
]

PATCH = "application/openstack-images-v2.1-json-patch"
MOVING = {"id", "image_id", "created_at", "updated_at", "deleted_at", "backend"}  # what no two services have alike


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    try:
        with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
            yield running
    except NotInstalled as error:
        pytest.skip(str(error))


def call(url: str, method: str, path: str, body: Any = None, media_type: str = "application/json") -> Any:
    connection = http.client.HTTPConnection(url.removeprefix("http://").rstrip("/"), timeout=60)
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(method, path, sent, {} if sent is None else {"Content-Type": media_type})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, (method, path, answer.status, text)
        return json.loads(text) if text else None
    finally:
        connection.close()


def fetch(url: str, path: str) -> None:
    with urllib.request.urlopen(url.rstrip("/") + path, timeout=60) as answer:
        assert answer.read() == b"data"


def live(url: str) -> None:
    attributes = {"disk_format": "raw", "container_format": "bare", "name": "x", "colour": "red"}
    image = f"/v2/images/{call(url, 'POST', '/v2/images', attributes)['id']}"
    call(url, "PUT", f"{image}/file", b"data", "application/octet-stream")
    fetch(url, f"{image}/file")
    call(url, "PATCH", image, [{"op": "replace", "path": "/name", "value": "y"}], PATCH)
    call(url, "PUT", f"{image}/tags/t")
    call(url, "POST", f"{image}/members", {"member": "q"})
    call(url, "PUT", f"{image}/members/q", {"status": "accepted"})
    call(url, "DELETE", f"{image}/members/q")
    call(url, "POST", f"{image}/actions/deactivate")
    call(url, "POST", f"{image}/actions/reactivate")
    call(url, "DELETE", image)


def told(broker: RabbitMQ) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, priority and payload of all that came up to the image's end."""
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        found.extend(broker.received("notifications.info"))
        return {"image.delete", "image.send"} <= {each["event_type"] for each in found}

    until(ended, 60)
    found.sort(key=lambda each: each["event_type"] == "image.send")  # ours is told when the answer has left
    return [(each["event_type"], each["priority"], comparable(each["payload"])) for each in found]


def comparable(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: type(value).__name__ if name in MOVING else value for name, value in payload.items()}


def test_an_images_life_is_told_as_glance_tells_it(broker: RabbitMQ, tmp_path: Path) -> None:
    config = f"[oslo_messaging_notifications]\ndriver = messagingv2\ntransport_url = {broker.url}\n"
    try:
        glance = new_glance(tmp_path / "glance", peer_venv(), flavor="")
    except PeerUnavailable as error:
        pytest.skip(f"Glance cannot be installed: {error}")
    glance.configure(more=config)
    with glance.running():
        live(glance.url)
        theirs = told(broker)
    (tmp_path / "ours").mkdir()
    with running_server(tmp_path / "ours", config=config) as server:
        live(server.endpoint)
        ours = told(broker)
    assert [kind for kind, _, _ in ours] == [kind for kind, _, _ in theirs]
    assert ours == theirs
