"""Property protections and enforced definitions over a running service, wherever properties are set or shown."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.images.waiting import until
from tests.server.api import Answer, Api
from tests.serving import Server, running_server

pytestmark = pytest.mark.xdist_group("server-protections")

RULES = """\
[^secret]
create = admin
read = admin
update = admin
delete = admin
[^instance_uuid$]
create = @
read = admin
update = admin
delete = admin
[^licence]
create = @
read = @
update = admin
delete = admin
[.*]
create = @
read = @
update = @
delete = @
"""
CONFIG = """\
[DEFAULT]
property_protection_file = {folder}/protections.conf
enabled_import_methods = [glance-direct,web-download,glance-download]
image_property_quota = 3
[image_import_opts]
image_import_plugins = [inject_image_metadata]
[inject_metadata_properties]
ignore_user_roles = nobody
inject = secret_origin:import,limited:{limited}
[import_filtering_opts]
allowed_hosts = [127.0.0.1]
[glancetui]
trusted_peers = 127.0.0.1
metadef_refuse = Enforced
"""
OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}


@dataclass
class Place:
    server: Server
    api: Api
    folder: Path

    def patch(self, image_id: str, *operations: dict[str, str], caller: str = "owner") -> Answer:
        return self.api.call("PATCH", f"/v2/images/{image_id}", list(operations), caller=caller, headers=PATCH)

    def shown(self, image_id: str, caller: str = "owner") -> Any:
        return self.api.call("GET", f"/v2/images/{image_id}", caller=caller).json

    def staged(self, **attributes: str) -> str:
        image_id = self.api.make(**FORMATS, **attributes)
        assert self.api.call("PUT", f"/v2/images/{image_id}/stage", b"data", headers=OCTETS).status == 204
        return image_id

    def bring_in(self, image_id: str) -> Answer:
        return self.api.call("POST", f"/v2/images/{image_id}/import", {"method": {"name": "glance-direct"}})

    def ended(self, image_id: str) -> Any:
        """The image's newest task, once it has ended."""
        path = f"/v2/images/{image_id}/tasks"
        until(lambda: self.api.call("GET", path).json["tasks"][0]["status"] in {"success", "failure"}, 20)
        return self.api.call("GET", path).json["tasks"][0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("protections")
    (folder / "protections.conf").write_text(RULES)
    with running_server(folder, auth="headers", config=CONFIG.format(folder=folder, limited="5")) as server:
        api = Api(server.endpoint)
        namespace = {"namespace": "Enforced", "visibility": "public"}
        assert api.call("POST", "/v2/metadefs/namespaces", namespace, caller="admin").status == 201
        limited = {"name": "limited", "title": "L", "type": "integer", "maximum": 10}
        path = "/v2/metadefs/namespaces/Enforced/properties"
        assert api.call("POST", path, limited, caller="admin").status == 201
        association = {"name": "OS::Glance::Image"}
        path = "/v2/metadefs/namespaces/Enforced/resource_types"
        assert api.call("POST", path, association, caller="admin").status == 201
        yield Place(server, api, folder)


def test_only_who_may_creates_a_property(place: Place) -> None:
    refused = place.api.call("POST", "/v2/images", {"secret_a": "x"})
    assert (refused.status, "secret_a is protected" in refused.raw.decode()) == (403, True)
    image_id = place.api.make(licence="x")
    assert place.patch(image_id, {"op": "add", "path": "/secret_a", "value": "x"}).status == 403
    assert place.patch(image_id, {"op": "replace", "path": "/licence", "value": "y"}).status == 403
    assert place.patch(image_id, {"op": "remove", "path": "/licence"}).status == 403
    assert place.patch(image_id, {"op": "add", "path": "/free", "value": "y"}).status == 200
    assert place.patch(image_id, {"op": "replace", "path": "/licence", "value": "y"}, caller="admin").status == 200
    assert {name: place.shown(image_id).get(name) for name in ("licence", "free")} == {"licence": "y", "free": "y"}


def test_what_may_not_be_read_is_as_if_it_were_not_there_and_outlives_changes_of_others(place: Place) -> None:
    image_id = place.api.make("admin", owner="p1", secret_a="needle", licence="x")
    assert place.shown(image_id, "admin")["secret_a"] == "needle"
    assert "secret_a" not in place.shown(image_id)
    for path, found in (("secret_a=needle", 0), ("licence=x", 1)):
        listed = place.api.call("GET", f"/v2/images?{path}&id={image_id}").json["images"]
        assert len(listed) == found
        assert all("secret_a" not in each for each in listed)
        counted = place.api.call("GET", f"/ops/v1/images/count?{path}&id={image_id}").json
        assert counted["count"] == found, "a count tells no more than the list"
    for operation in ({"op": "remove", "path": "/secret_a"}, {"op": "replace", "path": "/secret_a", "value": "z"}):
        assert place.patch(image_id, operation).status == 409
    assert place.patch(image_id, {"op": "add", "path": "/secret_a", "value": "z"}).status == 403
    changed = place.patch(image_id, {"op": "add", "path": "/free", "value": "y"})
    assert (changed.status, "secret_a" in changed.json) == (200, False)
    assert place.shown(image_id, "admin")["secret_a"] == "needle"


def test_schemas_do_not_speak_of_what_the_caller_may_not_read(place: Place) -> None:
    def described(caller: str) -> tuple[bool, bool]:
        image = place.api.call("GET", "/v2/schemas/image", caller=caller).json["properties"]
        images = place.api.call("GET", "/v2/schemas/images", caller=caller).json["properties"]["images"]["items"]
        assert "os_distro" in image
        return "instance_uuid" in image, "instance_uuid" in images["properties"]

    assert (described("owner"), described("admin")) == ((False, False), (True, True))


def test_an_import_injects_what_the_operator_says_into_anybodys_image(place: Place) -> None:
    image_id = place.staged()
    assert place.bring_in(image_id).status == 202
    assert place.ended(image_id)["status"] == "success"
    shown = place.shown(image_id, "admin")
    assert (shown["status"], shown["secret_origin"], shown["limited"]) == ("active", "import", "5")
    assert "secret_origin" not in place.shown(image_id)


def test_an_import_keeps_to_the_quota_of_properties(place: Place) -> None:
    image_id = place.staged(a="1", b="2")
    assert place.bring_in(image_id).status == 202
    assert "at most 3 custom properties" in place.ended(image_id)["message"]
    assert place.shown(image_id)["status"] == "uploading"


def test_an_import_of_an_image_that_breaks_a_definition_is_refused(place: Place, tmp_path: Path) -> None:
    path = "/v2/metadefs/namespaces/Enforced/properties/limited"
    loose = {"name": "limited", "title": "L", "type": "integer", "maximum": 1000}
    assert place.api.call("PUT", path, loose, caller="admin").status == 200
    until(lambda: place.api.call("POST", "/v2/images", {"limited": "500"}).status == 201, 20)
    image_id = place.staged(limited="500")
    strict = {**loose, "maximum": 10}
    assert place.api.call("PUT", path, strict, caller="admin").status == 200
    until(lambda: place.api.call("POST", "/v2/images", {"limited": "500"}).status == 400, 20)
    refused = place.bring_in(image_id)
    assert (refused.status, "limited" in refused.raw.decode()) == (400, True)
    assert place.patch(image_id, {"op": "replace", "path": "/limited", "value": "7"}).status == 200
    assert place.bring_in(image_id).status == 202
    assert place.ended(image_id)["status"] == "success"


def test_injected_properties_that_break_a_definition_fail_the_import(place: Place) -> None:
    path = "/v2/metadefs/namespaces/Enforced/properties/limited"
    strict = {"name": "limited", "title": "L", "type": "integer", "maximum": 3}
    assert place.api.call("PUT", path, strict, caller="admin").status == 200
    until(lambda: place.api.call("POST", "/v2/images", {"limited": "5"}).status == 400, 20)
    image_id = place.staged()
    assert place.bring_in(image_id).status == 202
    task = place.ended(image_id)
    assert (task["status"], "limited" in task["message"]) == ("failure", True)
    assert place.shown(image_id)["status"] == "uploading"
    assert place.api.call("PUT", path, {**strict, "maximum": 10}, caller="admin").status == 200
    until(lambda: place.api.call("POST", "/v2/images", {"limited": "5"}).status == 201, 20)
    assert place.bring_in(image_id).status == 202
    assert place.ended(image_id)["status"] == "success"


def test_sighup_reads_the_protections_again(place: Place) -> None:
    (place.folder / "protections.conf").write_text(RULES.replace("^secret", "^never"))
    try:
        place.server.process.send_signal(signal.SIGHUP)
        until(lambda: place.api.call("POST", "/v2/images", {"secret_a": "x"}).status == 201, 20)
    finally:
        (place.folder / "protections.conf").write_text(RULES)
        place.server.process.send_signal(signal.SIGHUP)
    until(lambda: place.api.call("POST", "/v2/images", {"secret_a": "x"}).status == 403, 20)


def test_broken_protections_stop_the_start_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "protections.conf").write_text("[a]\ncreate = @\n")
    with (
        pytest.raises(AssertionError, match=r"protections\.conf:1: \[a\] does not say who may read"),
        running_server(tmp_path, config=CONFIG.format(folder=tmp_path, limited="5")),
    ):
        pass
