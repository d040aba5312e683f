"""What the operator's options and policy files change of the metadata routes, over running services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.api import Api
from tests.server.contract import add, drop, put
from tests.server.states import image_in
from tests.serving import running_server

TRUST = "[glancetui]\ntrusted_peers = 127.0.0.1\n"
STORES = """\
[DEFAULT]
enabled_backends = fast:file, slow:file
show_multiple_locations = true
show_image_direct_url = true
public_endpoint = https://images.example/glance/
limit_param_default = 2
api_limit_max = 3
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/fast
[slow]
filesystem_store_datadir = {folder}/slow
weight = 9
[image_format]
disk_formats = raw,qcow2,mine
"""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("options")
    schema = {"properties": {"colour": {"type": "string", "enum": ["red"]}}, "required": ["colour"]}
    (folder / "schema-image.json").write_text(json.dumps(schema))
    with running_server(folder, auth="headers", config=STORES.format(folder=folder) + TRUST) as server:
        yield Api(server.endpoint)


def test_created_answers_the_stores_and_the_public_endpoint(stores: Api) -> None:
    made = stores.call("POST", "/v2/images", {"colour": "red"})
    assert made.headers["openstack-image-store-ids"] == "fast,slow"
    assert made.headers["location"] == f"https://images.example/glance/v2/images/{made.json['id']}"
    assert made.json["locations"] == []
    assert "stores" not in made.json
    assert "direct_url" not in made.json


def test_locations_show_to_the_owner_and_not_to_everybody(stores: Api) -> None:
    image_id = stores.make(colour="red", disk_format="raw", container_format="bare")
    stores.upload(image_id)
    stores.patch(image_id, put("/visibility", "public"), caller="admin")
    mine, others = stores.show(image_id, caller="owner"), stores.show(image_id, caller="other")
    assert mine["stores"] == others["stores"] == "fast"
    assert [place["metadata"] for place in mine["locations"]] == [{"store": "fast"}]
    assert mine["direct_url"] == mine["locations"][0]["url"]
    assert mine["direct_url"].startswith("file://")
    assert others["locations"] == []
    assert "direct_url" not in others
    listed = stores.call("GET", f"/v2/images?id={image_id}", caller="other").json["images"][0]
    assert listed == others


def test_operators_schema_is_published_and_enforced(stores: Api) -> None:
    schema = stores.call("GET", "/v2/schemas/image").json
    assert schema["required"] == ["colour"]
    assert schema["properties"]["colour"] == {"type": "string", "enum": ["red"], "is_base": False}
    assert "mine" in schema["properties"]["disk_format"]["enum"]
    assert "iso" not in schema["properties"]["disk_format"]["enum"]
    assert stores.call("POST", "/v2/images", {}).status == 400
    assert stores.call("POST", "/v2/images", {"colour": "blue"}).status == 400
    image_id = stores.make(colour="red", disk_format="mine")
    assert stores.patch(image_id, put("/name", "n")).status == 200
    assert stores.patch(image_id, put("/colour", "blue")).status == 400


def test_pages_have_the_operators_sizes(stores: Api) -> None:
    for _ in range(4):
        stores.make(colour="red")
    assert len(stores.ids()) == 2
    assert len(stores.ids("limit=1000")) == 3


def test_policy_file_counts_from_the_next_request_of_every_worker(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    with running_server(tmp_path, auth="headers", workers=2, config=TRUST) as server:
        api = Api(server.endpoint)
        for text, status in (('publicize_image: "role:member"', 201), ("publicize_image: [broken", 201), ("{}", 403)):
            fresh = file.with_suffix(".new")
            fresh.write_text(text)
            fresh.replace(file)
            answers = {api.call("POST", "/v2/images", {"visibility": "public"}).status for _ in range(8)}
            assert answers == {status}, text
        assert "policy.yaml:1" in server.log.read_text()


HIDDEN = "get_image: \"rule:context_is_admin or not 'secret':%(name)s\"\n"


def test_image_that_the_operator_hides_is_absent_wherever_a_rule_refuses(tmp_path: Path) -> None:
    refused = ("delete_image", "modify_image", "get_members", "deactivate", "download_image", "upload_image")
    (tmp_path / "policy.yaml").write_text(HIDDEN + "".join(f'{rule}: "!"\n' for rule in refused))
    with running_server(tmp_path, auth="headers", config=TRUST) as server:
        api = Api(server.endpoint)
        secret, plain = api.make(name="secret"), api.make(name="plain")
        assert api.ids() == [plain]
        assert set(api.ids(caller="admin")) == {secret, plain}
        for method, path in (
            ("GET", ""), ("DELETE", ""), ("PUT", "/tags/t"), ("GET", "/members"), ("POST", "/actions/deactivate"),
            ("GET", "/file"),
        ):  # fmt: skip
            assert api.call(method, f"/v2/images/{secret}{path}").status == 404
        assert api.patch(secret, put("/name", "x")).status == 404
        assert api.patch(secret).status == 404


def test_who_passes_the_rule_of_a_call_needs_no_other(tmp_path: Path) -> None:
    """As in Glance, `get_image` is asked for looking at an image, and to choose between 403 and 404."""
    (tmp_path / "policy.yaml").write_text(HIDDEN)
    with running_server(tmp_path, auth="headers", config=TRUST) as server:
        api = Api(server.endpoint)
        secret = api.make(name="secret", disk_format="raw", container_format="bare")
        api.upload(secret, b"data")
        assert api.call("GET", f"/v2/images/{secret}/file").raw == b"data"
        for method, path in (("PUT", "/tags/t"), ("POST", "/actions/deactivate"), ("DELETE", "")):
            assert api.call(method, f"/v2/images/{secret}{path}").status == 204
        assert api.show(secret) is None


def test_another_projects_image_is_changed_by_nobody_else_however_open_the_rules_are(tmp_path: Path) -> None:
    rules = ("modify_image", "delete_image", "upload_image", "deactivate")
    (tmp_path / "policy.yaml").write_text("".join(f'{rule}: "@"\n' for rule in rules))
    with running_server(tmp_path, auth="headers", config=TRUST) as server:
        api = Api(server.endpoint)
        image = api.make(visibility="community", disk_format="raw", container_format="bare")
        octets = {"Content-Type": "application/octet-stream"}
        assert api.call("PUT", f"/v2/images/{image}/file", b"x", caller="other", headers=octets).status == 403
        for method, path in (("PUT", "/tags/t"), ("POST", "/actions/deactivate"), ("DELETE", "")):
            assert api.call(method, f"/v2/images/{image}{path}", caller="other").status == 403
        assert api.patch(image, put("/name", "x"), caller="other").status == 403
        assert api.show(image)["status"] == "queued"


def test_caller_without_a_project_lists_what_is_public(tmp_path: Path) -> None:
    with running_server(tmp_path, auth="headers", config=TRUST) as server:
        api = Api(server.endpoint)
        public = api.make(caller="admin", visibility="public")
        community = api.make(visibility="community")
        hidden = [api.make(visibility="private"), api.make(visibility="shared")]
        reader = {"X-Identity-Status": "Confirmed", "X-User-Id": "u", "X-Project-Id": "", "X-Roles": "reader"}
        for query, wanted in (("", {public}), ("visibility=community", {community}), ("visibility=shared", set())):
            listed = api.call("GET", f"/v2/images?{query}", headers=reader)
            assert (listed.status, {image["id"] for image in listed.json["images"]}) == (200, wanted)
        assert {api.call("GET", f"/v2/images/{image}", headers=reader).status for image in (public, community)} == {200}
        assert {api.call("GET", f"/v2/images/{image}", headers=reader).status for image in hidden} == {404}


def test_members_are_listed_as_far_as_get_member_lets_them_be_seen(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("get_member: \"'p2':%(member_id)s\"\n")
    with running_server(tmp_path, auth="headers", config=TRUST) as server:
        api = Api(server.endpoint)
        image = api.make()
        for member in ("p2", "p3"):
            assert api.call("POST", f"/v2/images/{image}/members", {"member": member}).status == 200
        listed = api.call("GET", f"/v2/images/{image}/members").json["members"]
        assert [member["member_id"] for member in listed] == ["p2"]


def test_anonymous_callers_see_public_images_and_change_nothing(tmp_path: Path) -> None:
    config = "[DEFAULT]\nallow_anonymous_access = true\n[oslo_policy]\nenforce_new_defaults = false\n" + TRUST
    with running_server(tmp_path, auth="headers", config=config) as server:
        api = Api(server.endpoint)
        public, private = image_in(api, "public"), image_in(api, "private")
        nobody = {"X-Identity-Status": "Invalid"}
        listed = api.call("GET", "/v2/images?visibility=all", headers=nobody).json["images"]
        assert [image["id"] for image in listed] == [public]
        assert api.call("GET", f"/v2/images/{public}", headers=nobody).status == 200
        assert api.call("GET", f"/v2/images/{private}", headers=nobody).status == 404
        for method, path, body in (
            ("POST", "/v2/images", {}),
            ("DELETE", f"/v2/images/{public}", None),
            ("PUT", f"/v2/images/{public}/tags/t", None),
            ("POST", f"/v2/images/{public}/members", {"member": "p2"}),
            ("POST", f"/v2/images/{public}/actions/deactivate", None),
        ):
            assert api.call(method, path, body, headers=nobody).status == 403


def test_quota_of_minus_one_is_no_quota_and_a_lowered_one_can_be_got_below(tmp_path: Path) -> None:
    names = ("image_property_quota", "image_tag_quota", "image_member_quota")
    projects = [f"m{n}" for n in range(130)]
    with running_server(tmp_path, auth="headers", config=quotas(names, -1)) as server:
        api = Api(server.endpoint)
        image_id = api.make(tags=projects, **dict.fromkeys(projects, "x"))
        for project in projects[:3]:
            assert api.call("POST", f"/v2/images/{image_id}/members", {"member": project}).status == 200
    with running_server(tmp_path, auth="headers", config=quotas(names, 2)) as server:
        api = Api(server.endpoint)
        for operation in (add("/new", "x"), put("/tags", [*projects, "new"])):
            assert api.patch(image_id, operation).status == 413
        assert api.call("PUT", f"/v2/images/{image_id}/tags/new").status == 413
        assert api.call("POST", f"/v2/images/{image_id}/members", {"member": "new"}).status == 413
        assert api.patch(image_id, drop("/m0"), put("/tags", projects[1:])).status == 200
        assert api.call("DELETE", f"/v2/images/{image_id}/tags/m1").status == 204
        assert api.call("DELETE", f"/v2/images/{image_id}/members/m0").status == 204
        assert len(api.show(image_id)["tags"]) == 128


def quotas(names: tuple[str, ...], number: int) -> str:
    return "[DEFAULT]\n" + "".join(f"{name} = {number}\n" for name in names) + TRUST


def test_broken_policy_stops_the_start_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text('fine: "@"\nbroken: [\n')
    with pytest.raises(AssertionError, match=r"policy\.yaml:3"), running_server(tmp_path, config=TRUST):
        pass
