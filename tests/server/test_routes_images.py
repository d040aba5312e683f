"""The metadata routes of images as clients use them, over a running service."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.server.api import Answer, Api
from tests.server.contract import V20, add, drop, put
from tests.server.states import QUOTAS, image_in
from tests.serving import running_server

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIELDS = [
    "mine", "name", "disk_format", "container_format", "visibility", "size", "virtual_size", "status", "checksum",
    "protected", "min_ram", "min_disk", "owner", "os_hidden", "os_hash_algo", "os_hash_value", "id", "created_at",
    "updated_at", "tags", "self", "file", "schema",
]  # fmt: skip


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_server(tmp_path_factory.mktemp("images"), auth="headers", config=QUOTAS) as server:
        yield Api(server.endpoint)


# -- create and show -----------------------------------------------------------------------------------------------
def test_an_empty_object_is_an_image(api: Api) -> None:
    made = api.call("POST", "/v2/images", {})
    image = made.json
    assert made.status == 201
    assert UUID.fullmatch(image["id"])
    assert (image["status"], image["visibility"], image["owner"]) == ("queued", "shared", "p1")
    assert (image["tags"], image["min_ram"], image["protected"], image["name"]) == ([], 0, False, None)


def test_created_image_shows_all_fields_in_their_order(api: Api) -> None:
    made = api.call("POST", "/v2/images", {"mine": "x", "name": "n", "tags": ["b", "a", "b"]})
    assert list(made.json) == FIELDS
    assert sorted(made.json["tags"]) == ["a", "b"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made.json["created_at"])
    assert api.call("GET", made.json["self"]).json == made.json


def test_created_answers_where_the_image_is_and_how_it_may_be_filled(api: Api) -> None:
    made = api.call("POST", "/v2/images", {}, headers={"Host": "glance.example:9292"})
    assert made.headers["location"] == f"http://glance.example:9292/v2/images/{made.json['id']}"
    assert made.headers["openstack-image-import-methods"] == "glance-direct,web-download,copy-image"
    assert "openstack-image-store-ids" not in made.headers


def test_client_may_choose_the_id_once_and_for_ever(api: Api) -> None:
    chosen = "AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    assert api.call("POST", "/v2/images", {"id": chosen}).json["id"] == chosen
    assert api.call("DELETE", f"/v2/images/{chosen}").status == 204
    assert api.show(chosen) is None
    assert api.call("POST", "/v2/images", {"id": chosen}).status == 409


def test_null_is_kept_where_the_shipped_schema_allows_it(api: Api) -> None:
    image = api.call("POST", "/v2/images", {"kernel_id": None, "os_distro": "debian"}).json
    assert (image["kernel_id"], image["os_distro"]) == (None, "debian")


def test_names_beyond_ascii_come_back_as_they_were(api: Api) -> None:
    name = "Bild 🐧 <b>\x1b[31m\u202e"
    image_id = api.make(name=name, mine=name, tags=[name])
    assert api.show(image_id)["name"] == api.show(image_id)["mine"] == api.show(image_id)["tags"][0] == name


def test_administrator_creates_for_another_project(api: Api) -> None:
    assert api.show(api.make("admin", owner="p9"))["owner"] == "p9"


def test_refusals_have_the_words_that_others_tests_look_for(api: Api) -> None:
    refused = api.call("POST", "/v2/images", {"owner": "p2"}, caller="owner")
    assert (refused.status, "You are not permitted to create images owned by 'p2'." in refused.raw.decode()) == (
        403,
        True,
    )
    public = api.make(caller="admin", owner="p1", visibility="public")
    refused = api.call("POST", f"/v2/images/{public}/members", {"member": "p2"}, caller="admin")
    assert (refused.status, "Only shared images have members" in refused.raw.decode()) == (403, True)


def test_single_image_has_a_tag_that_changes_with_it(api: Api) -> None:
    image_id = api.make(name="tagged")
    first = api.call("GET", f"/v2/images/{image_id}")
    assert api.call("GET", f"/v2/images/{image_id}", headers={"If-None-Match": first.headers["etag"]}).status == 304
    api.patch(image_id, put("/name", "other"))
    again = api.call("GET", f"/v2/images/{image_id}", headers={"If-None-Match": first.headers["etag"]})
    assert again.status == 200
    assert again.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "deactivate"])
def test_a_change_is_made_only_to_what_if_match_names(api: Api, method: str) -> None:
    image_id = api.make(name="seen")
    api.patch(image_id, put("/disk_format", "raw"), put("/container_format", "bare"))
    api.upload(image_id)
    seen = api.call("GET", f"/v2/images/{image_id}").headers["etag"]
    api.patch(image_id, put("/name", "changed since"))
    now = api.call("GET", f"/v2/images/{image_id}")
    path, body, others = f"/v2/images/{image_id}", None, {}
    if method == "PATCH":
        body, others = [put("/name", "mine")], {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    elif method == "deactivate":
        path, method = f"{path}/actions/deactivate", "POST"
    for tag in (seen, f"W/{now.headers['etag']}"):
        refused = api.call(method, path, body, caller="admin", headers={"If-Match": tag, **others})
        assert refused.status == 412
        assert "Read it again" in refused.raw.decode()
        assert api.show(image_id, caller="owner") == now.json
    tag = api.call("GET", f"/v2/images/{image_id}", caller="admin").headers["etag"]
    made = api.call(method, path, body, caller="admin", headers={"If-Match": f'"other", {tag}', **others})
    assert made.status in {200, 204}
    assert api.show(image_id, caller="owner") != now.json


def test_any_version_will_do_for_a_star(api: Api) -> None:
    image_id = api.make()
    assert api.call("DELETE", f"/v2/images/{image_id}", headers={"If-Match": "*"}).status == 204
    assert api.call("DELETE", f"/v2/images/{image_id}", headers={"If-Match": "*"}).status == 404


def test_any_minor_version_is_the_same(api: Api) -> None:
    image_id = api.make()
    assert api.call("GET", f"/v2.5/images/{image_id}").json == api.show(image_id)


# -- list ----------------------------------------------------------------------------------------------------------
def test_list_has_its_links_and_schema(api: Api) -> None:
    ids = [api.make(name="linked", tags=["a", "b"]) for _ in range(3)]
    page = api.call("GET", "/v2/images?name=linked&tag=a&tag=b&limit=2&sort_key=name&sort_key=size&sort_dir=asc").json
    kept = "name=linked&tag=a&tag=b&limit=2&sort_key=name&sort_key=size&sort_dir=asc"
    assert page["first"] == f"/v2/images?{kept}"
    assert page["schema"] == "/v2/schemas/images"
    assert page["next"] == f"/v2/images?{kept}&marker={page['images'][-1]['id']}"
    rest = api.call("GET", page["next"]).json
    assert "next" not in rest
    assert {image["id"] for image in page["images"] + rest["images"]} == set(ids)


def test_limit_of_nothing_is_an_empty_list(api: Api) -> None:
    api.make()
    page = api.call("GET", "/v2/images?limit=0").json
    assert page["images"] == []
    assert "next" not in page


def test_list_answers_304_only_to_who_asks_for_it(api: Api) -> None:
    api.make(name="etag")
    plain = api.call("GET", "/v2/images?name=etag")
    assert "etag" not in plain.headers
    asked = api.call("GET", "/v2/images?name=etag", headers={"If-None-Match": '"x"'})
    known = {"If-None-Match": f'W/{asked.headers["etag"]}, "y"'}
    assert api.call("GET", "/v2/images?name=etag", headers=known).status == 304
    assert api.call("GET", "/v2/images?name=etag", headers=known, caller="other").status == 200
    api.make(name="etag")
    assert api.call("GET", "/v2/images?name=etag", headers=known).status == 200


def test_who_sees_what_in_a_list(api: Api) -> None:
    owner = {kind: api.make(name="seen", visibility=kind) for kind in ("private", "shared")}
    public = api.make("admin", owner="p1", name="seen", visibility="public")
    community = api.make(name="seen", visibility="community")
    api.call("POST", f"/v2/images/{owner['shared']}/members", {"member": "p2"})
    everything = {public, community, *owner.values()}
    assert set(api.ids("name=seen")) == everything
    assert set(api.ids("name=seen", caller="reader")) == everything
    assert set(api.ids("name=seen", caller="stranger")) == {public}
    assert set(api.ids("name=seen&visibility=community", caller="stranger")) == {community}
    assert set(api.ids("name=seen&visibility=all", caller="stranger")) == {public, community}
    assert set(api.ids("name=seen", caller="admin")) == everything - {community}
    assert set(api.ids("name=seen", caller="other")) == {public}
    assert set(api.ids("name=seen&member_status=pending", caller="other")) == {public, owner["shared"]}
    api.call("PUT", f"/v2/images/{owner['shared']}/members/p2", {"status": "accepted"}, caller="other")
    assert set(api.ids("name=seen", caller="other")) == {public, owner["shared"]}


def test_hidden_images_are_listed_only_when_asked_for(api: Api) -> None:
    hidden, plain = api.make(name="veil", os_hidden=True), api.make(name="veil")
    assert api.ids("name=veil") == [plain]
    assert api.ids("name=veil&os_hidden=True") == [hidden]


def test_a_count_is_of_what_the_list_with_the_same_parameters_holds(api: Api) -> None:
    for number in range(3):
        api.make(name=f"counted-{number}", visibility="private", tags=["counted"])
    for asked in ("tag=counted", "tag=counted&limit=1", "q=COUNTED-1", "name=counted-9"):
        there = len(api.ids(asked.replace("limit=1", "")))
        answer = api.call("GET", f"/ops/v1/images/count?{asked}")
        assert (answer.status, answer.json) == (200, {"count": there, "exact": True})
    assert api.call("GET", "/ops/v1/images/count?tag=counted", caller="other").json["count"] == 0
    assert api.call("GET", "/ops/v1/images/count?size_min=x").status == 400
    assert api.call("POST", "/ops/v1/images/count").status == 405
    assert api.call("GET", "/ops/v1/nothing").status == 404


def test_a_whole_number_may_be_written_with_a_point(api: Api) -> None:
    made = api.call("POST", "/v2/images", b'{"min_ram": 512.0, "min_disk": 1e1}').json
    assert (str(made["min_ram"]), str(made["min_disk"])) == ("512", "10")


def test_virtual_size_is_an_attribute_to_filter_by_and_no_property(api: Api) -> None:
    sized = api.make(name="inside", disk_format="raw", container_format="bare")
    api.upload(sized, b"12345")
    api.make(name="inside")
    for query, found in (("virtual_size=5", [sized]), ("virtual_size_min=5&virtual_size_max=5", [sized])):
        assert api.ids(f"name=inside&{query}") == found
    assert api.ids("name=inside&virtual_size_min=6") == []


def test_filters_narrow_and_search_finds(api: Api) -> None:
    wanted = api.make(name="Needle-1", min_ram=7, colour="red", tags=["x", "y"], disk_format="qcow2")
    api.make(name="needle-2", min_ram=8, colour="red", tags=["x"], disk_format="raw")
    queries = (
        "name=Needle-1",
        "name=in:Needle-1,nobody",
        "colour=red&tag=x&tag=y",
        "colour=red&min_ram_max=7&min_ram_min=7",
        "colour=red&disk_format=qcow2",
        f"id={wanted}",
        f"q={wanted[:13]}",
        "q=NEEDLE-1",
    )
    for query in queries:
        assert api.ids(query) == [wanted], query
    assert len(api.ids("q=needle")) == 2
    assert api.ids("colour=red&created_at=lt:2020-01-01T00:00:00Z") == []


# -- patch ---------------------------------------------------------------------------------------------------------
def test_patch_answers_the_whole_image_as_it_is_now(api: Api) -> None:
    image_id = image_in(api, "queued")
    answer = api.patch(image_id, put("/name", "new"), add("/colour", "red"), drop("/mine"), put("/tags", ["t", "t"]))
    image = answer.json
    assert answer.status == 200
    assert (image["name"], image["colour"], image["tags"]) == ("new", "red", ["t"])
    assert "mine" not in image
    assert api.show(image_id) == image


def test_empty_patch_changes_nothing(api: Api) -> None:
    image_id = api.make(name="same")
    before = api.show(image_id)
    assert api.patch(image_id).json == before


def test_both_dialects_patch(api: Api) -> None:
    image_id = api.make(name="old")
    body = [{"replace": "/name", "value": "n"}, {"add": "/a~1b", "value": "x"}]
    answer = api.call("PATCH", f"/v2/images/{image_id}", body, headers={"Content-Type": f"{V20}; charset=utf-8"})
    assert (answer.json["name"], answer.json["a/b"]) == ("n", "x")
    answer = api.call("PATCH", f"/v2/images/{image_id}", [{"remove": "/a~1b"}], headers={"Content-Type": V20})
    assert "a/b" not in answer.json


def test_administrator_patches_what_a_member_may_not(api: Api) -> None:
    image_id = image_in(api, "queued")
    answer = api.patch(image_id, put("/visibility", "public"), put("/owner", "p2"), caller="admin")
    assert (answer.json["visibility"], answer.json["owner"]) == ("public", "p2")
    assert api.patch(image_id, put("/name", "mine now"), caller="other").status == 200
    assert api.patch(image_id, put("/name", "not mine"), caller="owner").status == 403


def at_once(calls: int, call: object) -> list[Answer]:
    answers: list[Answer] = []
    gate = threading.Barrier(calls)

    def run(number: int) -> None:
        gate.wait()
        answers.append(call(number))  # type: ignore[operator]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_no_confirmed_patch_is_lost_in_a_race(api: Api) -> None:
    image_id = api.make("admin", owner="p1")
    quota_free = [f"p{number}" for number in range(5)]
    answers = at_once(5, lambda number: api.patch(image_id, add(f"/{quota_free[number]}", "x")))
    confirmed = {name for name in quota_free if name in api.show(image_id)}
    assert {answer.status for answer in answers} <= {200, 409}
    assert len(confirmed) == sum(answer.status == 200 for answer in answers) >= 1


def test_quota_holds_in_a_race(api: Api) -> None:
    image_id = api.make()
    answers = at_once(8, lambda number: api.call("PUT", f"/v2/images/{image_id}/tags/t{number}"))
    assert len(api.show(image_id)["tags"]) == sum(answer.status == 204 for answer in answers) == 4


def test_one_of_many_deletes_wins(api: Api) -> None:
    image_id = api.make()
    answers = at_once(6, lambda _number: api.call("DELETE", f"/v2/images/{image_id}"))
    assert sorted(answer.status for answer in answers) == [204] + [404] * 5


# -- delete, deactivate, tags --------------------------------------------------------------------------------------
def test_protected_image_is_deleted_once_unprotected(api: Api) -> None:
    image_id = image_in(api, "protected")
    assert api.call("DELETE", f"/v2/images/{image_id}").status == 403
    api.patch(image_id, put("/protected", False))
    assert api.call("DELETE", f"/v2/images/{image_id}").status == 204
    assert api.call("DELETE", f"/v2/images/{image_id}").status == 404


@pytest.mark.parametrize("state", ["queued", "active", "deactivated", "shared", "public"])
def test_owner_deletes_in_any_state(api: Api, state: str) -> None:
    image_id = image_in(api, state)
    assert api.call("DELETE", f"/v2/images/{image_id}").status == 204
    assert api.show(image_id) is None


def test_deactivated_and_reactivated_again_and_again(api: Api) -> None:
    image_id = image_in(api, "active")
    for action, status in (("deactivate", "deactivated"), ("reactivate", "active")):
        for _ in range(2):
            assert api.call("POST", f"/v2/images/{image_id}/actions/{action}").status == 204
            assert api.show(image_id)["status"] == status


def test_attributes_but_the_formats_change_in_any_state(api: Api) -> None:
    for state in ("active", "deactivated"):
        image_id = image_in(api, state)
        assert (
            api.patch(image_id, put("/name", "n"), put("/min_disk", 3), add("/p", "x"), put("/tags", ["t"])).status
            == 200
        )


def test_tags_are_a_set_of_any_characters(api: Api) -> None:
    image_id = api.make()
    for _ in range(2):
        assert api.call("PUT", f"/v2/images/{image_id}/tags/%C3%A9%20%3F%25").status == 204
    assert api.show(image_id)["tags"] == ["é ?%"]
    assert api.call("DELETE", f"/v2/images/{image_id}/tags/%C3%A9%20%3F%25").status == 204
    assert api.show(image_id)["tags"] == []


def test_image_at_its_tag_quota_takes_a_tag_that_it_has(api: Api) -> None:
    image_id = image_in(api, "tagged")
    assert api.call("PUT", f"/v2/images/{image_id}/tags/a").status == 204


# -- members -------------------------------------------------------------------------------------------------------
def test_sharing_from_offer_to_acceptance(api: Api) -> None:
    image_id = api.make(name="shared")
    offered = api.call("POST", f"/v2/images/{image_id}/members", {"member": "p2"})
    assert offered.status == 200
    assert list(offered.json) == ["member_id", "image_id", "status", "created_at", "updated_at", "schema"]
    assert (offered.json["member_id"], offered.json["image_id"], offered.json["status"]) == ("p2", image_id, "pending")
    assert api.show(image_id, caller="other")["name"] == "shared"
    answer = api.call("PUT", f"/v2/images/{image_id}/members/p2", {"status": "accepted"}, caller="other")
    assert (answer.status, answer.json["status"]) == (200, "accepted")
    assert image_id in api.ids(caller="other")
    assert api.call("DELETE", f"/v2/images/{image_id}/members/p2").status == 204
    assert api.show(image_id, caller="other") is None


def test_owner_sees_all_members_and_a_member_itself(api: Api) -> None:
    image_id = image_in(api, "shared")
    listed = api.call("GET", f"/v2/images/{image_id}/members").json
    assert ({member["member_id"] for member in listed["members"]}, listed["schema"]) == (
        {"p2", "p3"},
        "/v2/schemas/members",
    )
    seen = api.call("GET", f"/v2/images/{image_id}/members", caller="other").json["members"]
    assert [member["member_id"] for member in seen] == ["p2"]
    assert api.call("GET", f"/v2/images/{image_id}/members/p3").json["member_id"] == "p3"
    assert api.call("GET", f"/v2/images/{image_id}/members/p2", caller="other").json["member_id"] == "p2"


def test_administrator_answers_for_a_member(api: Api) -> None:
    image_id = image_in(api, "shared")
    answer = api.call("PUT", f"/v2/images/{image_id}/members/p2", {"status": "rejected"}, caller="admin")
    assert answer.json["status"] == "rejected"


def test_members_come_back_when_an_image_is_shared_again(api: Api) -> None:
    image_id = image_in(api, "shared")
    api.patch(image_id, put("/visibility", "private"))
    assert api.show(image_id, caller="other") is None
    api.patch(image_id, put("/visibility", "shared"))
    assert api.show(image_id, caller="other") is not None


def test_one_of_many_equal_offers_wins(api: Api) -> None:
    image_id = api.make()
    answers = at_once(6, lambda _number: api.call("POST", f"/v2/images/{image_id}/members", {"member": "p2"}))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5


# -- schemas -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("caller", ["owner", "reader", "nobody"])
@pytest.mark.parametrize("name", ["image", "images", "member", "members"])
def test_schemas_are_open_to_every_caller(api: Api, name: str, caller: str) -> None:
    answer = api.call("GET", f"/v2/schemas/{name}", caller=caller)
    assert (answer.status, answer.json["name"]) == (200, name)


def test_image_schema_describes_every_field_that_an_image_shows(api: Api) -> None:
    schema = api.call("GET", "/v2/schemas/image").json
    assert set(api.show(api.make())) <= set(schema["properties"])
    assert schema["additionalProperties"] == {"type": "string"}
    assert [link["rel"] for link in schema["links"]] == ["self", "enclosure", "describedby"]
    assert schema["properties"]["kernel_id"]["is_base"] is False
    assert "is_base" not in schema["properties"]["name"]
    assert schema["properties"]["status"]["readOnly"] is True


def test_collection_schemas_hold_the_single_ones(api: Api) -> None:
    images, members = (api.call("GET", f"/v2/schemas/{name}").json for name in ("images", "members"))
    assert images["properties"]["images"]["items"] == api.call("GET", "/v2/schemas/image").json
    assert [link["rel"] for link in images["links"]] == ["first", "next", "describedby"]
    assert members["properties"]["members"]["items"] == api.call("GET", "/v2/schemas/member").json
    assert [link["rel"] for link in members["links"]] == ["describedby"]


def test_page_links_lead_through_everything_once(api: Api) -> None:
    made = {api.make(name=None if n % 3 else f"n{n}", walk="yes") for n in range(7)}
    seen: list[str] = []
    path: str | None = "/v2/images?walk=yes&limit=2&sort=name:asc,size:desc"
    while path is not None:
        page = api.call("GET", path).json
        seen += [image["id"] for image in page["images"]]
        path = page.get("next")
        assert path is None or urlsplit(path).netloc == ""
    assert sorted(seen) == sorted(made)
