"""Notifications to a real RabbitMQ: Glance's kinds and payloads, and none is lost while the broker is away."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from glancetui.images.notifications import LEASE_NAME
from tests.backends.keeper import NotInstalled
from tests.backends.rabbitmq import RabbitMQ, running_rabbitmq
from tests.images.waiting import until
from tests.server.api import Api
from tests.serving import Server, end, running_server, start_server

pytestmark = [
    pytest.mark.xdist_group("rabbitmq"),
    pytest.mark.slow(seconds=10),
    pytest.mark.timeout(240, func_only=True),
]

CONFIG = """\
[DEFAULT]
default_publisher_id = image.test
disabled_notifications = metadef_tag,image.member.update
[oslo_messaging_notifications]
driver = messagingv2
transport_url = {url}
[oslo_messaging_rabbit]
rabbit_retry_interval = 1
[glancetui]
trusted_peers = 127.0.0.1
"""
OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}
INFO = "notifications.info"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    try:
        with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
            yield running
    except NotInstalled as error:
        pytest.skip(str(error))


def collected(broker: RabbitMQ, last: str, queue: str = INFO) -> list[dict[str, Any]]:
    """All that comes, until one of kind `last` has come."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found.extend(broker.received(queue))
        return any(each["event_type"] == last for each in found)

    until(there, 60)
    return found


def kinds(messages: list[dict[str, Any]], image_id: str) -> list[str]:
    """Of one image, in the order of their coming; those of its members too."""
    return [
        each["event_type"]
        for each in messages
        if isinstance(each["payload"], dict)
        and image_id in {each["payload"].get("id"), each["payload"].get("image_id")}
    ]


def rename(api: Api, image_id: str, name: str) -> None:
    operation = [{"op": "replace", "path": "/name", "value": name}]
    assert api.call("PATCH", f"/v2/images/{image_id}", operation, headers=PATCH).status == 200


def test_every_change_is_told_in_glances_words(broker: RabbitMQ, tmp_path: Path) -> None:
    cached = f"[paste_deploy]\nflavor = keystone+cachemanagement\n[DEFAULT]\nimage_cache_dir = {tmp_path}/cache\n"
    with running_server(tmp_path, auth="headers", config=CONFIG.format(url=broker.url) + cached) as server:
        api = Api(server.endpoint)
        image_id = api.make(name="one", colour="red", **FORMATS)
        api.upload(image_id)
        data = f"/v2/images/{image_id}/file"
        assert api.call("GET", data).raw == b"data"
        until(lambda: api.call("GET", "/v2/cache", caller="admin").json["cached_images"] != [])
        assert api.call("GET", data, caller="admin", headers={"Range": "bytes=1-2"}).raw == b"at"
        members = f"/v2/images/{image_id}/members"
        assert api.call("POST", members, {"member": "p2"}).status == 200
        assert api.call("PUT", f"{members}/p2", {"status": "accepted"}, caller="other").status == 200
        assert api.call("DELETE", f"{members}/p2").status == 204
        namespace = {"namespace": "N", "tags": [{"name": "t"}], "visibility": "public"}
        assert api.call("POST", "/v2/metadefs/namespaces", namespace, caller="admin").status == 201
        definition = {"name": "size", "title": "S", "type": "integer", "maximum": 3}
        path = "/v2/metadefs/namespaces/N/properties"
        assert api.call("POST", path, definition, caller="admin").status == 201
        assert api.call("DELETE", f"/v2/images/{image_id}").status == 204
        staged = api.make(**FORMATS)
        assert api.call("GET", f"/v2/images/{staged}/file").status == 204  # of nothing, nothing is told
        assert api.call("PUT", f"/v2/images/{staged}/stage", b"data", headers=OCTETS).status == 204
        method = {"method": {"name": "glance-direct"}}
        assert api.call("POST", f"/v2/images/{staged}/import", method).status == 202
        messages = collected(broker, "task.success")

        sent = [each for each in messages if each["event_type"] == "image.send"]
        assert [each["priority"] for each in sent] == ["INFO", "INFO"]
        whole, part = (each["payload"] for each in sent)
        assert (whole["image_id"], whole["bytes_sent"], whole["owner_id"]) == (image_id, 4, "p1")
        assert (whole["receiver_tenant_id"], "destination_ip" in whole) == ("p1", False)
        assert (part["bytes_sent"], part["owner_id"], part["destination_ip"]) == (2, "p1", "127.0.0.1")
        assert part["receiver_tenant_id"] != "p1"
        messages = [each for each in messages if each not in sent]  # they are told after their answers
        assert kinds(messages, image_id) == [
            "image.create", "image.update", "image.prepare", "image.upload", "image.activate", "image.update",
            "image.member.create", "image.member.delete", "image.delete",
        ]  # fmt: skip
        assert [kind for kind in kinds(messages, staged) if kind != "image.update"] == [
            "image.create", "image.prepare", "image.upload", "image.activate",
        ]  # fmt: skip
        others = [each["event_type"] for each in messages if each["event_type"].startswith(("task", "metadef"))]
        assert others == [
            "metadef_namespace.create", "metadef_property.create",
            "task.create", "task.run", "task.processing", "task.success",
        ]  # fmt: skip
        by_kind = {each["event_type"]: each for each in messages if staged not in str(each["payload"])}
        created, deleted = by_kind["image.create"], by_kind["image.delete"]["payload"]
        assert (created["publisher_id"], created["priority"]) == ("image.test", "INFO")
        payload = created["payload"]
        assert (payload["name"], payload["status"], payload["properties"]) == ("one", "queued", {"colour": "red"})
        assert (payload["is_public"], payload["deleted"]) == (False, False)
        assert (deleted["status"], deleted["deleted"], deleted["size"]) == ("deleted", True, 4)
        assert deleted["deleted_at"].endswith("Z")
        assert by_kind["metadef_property.create"]["payload"]["maximum"] == 3
        assert by_kind["image.upload"]["payload"]["os_glance_failed_import"] == []

        refused = api.make(disk_format="qcow2", container_format="bare")
        assert api.call("PUT", f"/v2/images/{refused}/file", b"no qcow2", headers=OCTETS).status == 415
        [told] = collected(broker, "image.upload", "notifications.error")
        assert refused in told["payload"]


def free_lease(server: Server) -> None:
    """As if half a minute had gone by; that it is waited for is shown by the tests of `images/notifications.py`."""
    with closing(sqlite3.connect(server.data_dir / "glance.sqlite", timeout=20)) as db, db:
        assert db.execute("UPDATE gt_leases SET owner = NULL WHERE name = ?", [LEASE_NAME]).rowcount == 1


def test_none_is_lost_while_the_broker_is_away_and_the_service_is_killed(broker: RabbitMQ, tmp_path: Path) -> None:
    config = CONFIG.format(url=broker.url)
    server = start_server(tmp_path, auth="headers", workers=2, config=config)
    try:
        api = Api(server.endpoint)
        before = api.make(name="before")
        until(lambda: kinds(broker.received(INFO), before) == ["image.create"], 30)  # others' come before it
        broker.stop()
        images = [api.make(name=f"n{number}") for number in range(5)]
        for number in range(10):
            for image_id in images:
                rename(api, image_id, str(number))
        until(lambda: "Notifications wait in the database" in server.log.read_text(), 30)
        server.kill()
        free_lease(server)
        broker.start()
    finally:
        end(server)
    with running_server(tmp_path, auth="headers", workers=2, config=config) as again:
        last = Api(again.endpoint).make(name="last")
        messages: list[dict[str, Any]] = []

        def all_there() -> bool:
            messages.extend(broker.received(INFO))
            return kinds(messages, last) == ["image.create"]

        until(all_there, 60)
    first_of = {each["message_id"]: each for each in reversed(messages)}  # what was sent twice counts once
    unique = [each for each in messages if first_of.pop(each["message_id"], None) is not None]
    for image_id in images:
        names = [each["payload"]["name"] for each in unique if each["payload"]["id"] == image_id]
        assert names[1:] == [str(number) for number in range(10)]
