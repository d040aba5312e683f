"""Metadata definitions on the wire: bad input, paging, policy, enforcement, and what other processes change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.metadefs.running import db
from tests.server.api import Answer, Api
from tests.serving import running_server

pytestmark = pytest.mark.xdist_group("server-metadefs")

N = "/v2/metadefs/namespaces"
SIMPLE = {"title": "T", "type": "string"}
CONFIG = """\
[glancetui]
trusted_peers = 127.0.0.1
metadef_max_items = 600
metadef_refuse = Enforced
[oslo_policy]
policy_file = {policy}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metadefs")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Api]:
    (folder / "policy.yaml").write_text("{}\n")
    config = CONFIG.format(policy=folder / "policy.yaml")
    with running_server(folder, auth="headers", workers=2, config=config) as server:
        yield Api(server.endpoint)


def ask(api: Api, method: str, path: str, body: Any = None, caller: str = "admin", **headers: str) -> Answer:
    return api.call(method, path, body, caller=caller, headers={"Accept": "application/json", **headers})


@pytest.fixture
def name(api: Api, request: pytest.FixtureRequest) -> str:
    """An empty namespace of this test's own."""
    made = f"T{abs(hash(request.node.nodeid))}"
    assert ask(api, "POST", N, {"namespace": made}).status == 201
    return made


def names(api: Api) -> list[str]:
    return sorted(each["namespace"] for each in ask(api, "GET", f"{N}?limit=1000").json["namespaces"])


BAD: list[tuple[int, str, Any]] = [
    (400, "not JSON", b"{"),
    (400, "JSON", b""),
    (400, "object", []),
    (400, "nested deeper", b'{"namespace":' + b"[" * 200 + b"]" * 200 + b"}"),
    (413, "longer than", b'{"namespace": "' + b"x" * (1 << 20) + b'"}'),
    (413, "properties", {"namespace": "X", "properties": {f"p{n}": SIMPLE for n in range(601)}}),
    (
        413,
        "longer than",
        json.dumps({"namespace": "X", "properties": {f"p{n}": SIMPLE for n in range(100_000)}}).encode(),
    ),
    (400, "properties.p", {"namespace": "X", "properties": {"p": {**SIMPLE, "$ref": "#/properties/p"}}}),
    (400, "properties.p", {"namespace": "X", "properties": {"p": {**SIMPLE, "$ref": "http://127.0.0.1:9/x"}}}),
    (400, "properties.p.pattern", {"namespace": "X", "properties": {"p": {**SIMPLE, "pattern": "a{999}{999}"}}}),
    (400, "80", {"namespace": "x" * 81}),
    (400, "objects.1.name", {"namespace": "X", "objects": [{"name": "a"}, {"name": "x" * 81}]}),
    (400, "four bytes", {"namespace": "X", "tags": [{"name": "😀"}]}),
    (409, "tags: t", {"namespace": "X", "tags": [{"name": "t"}, {"name": "t"}]}),
    (400, "body is not JSON", b'{"namespace": "X", "description": "\\ud800"}'),
]


@pytest.mark.parametrize(("status", "said", "body"), BAD, ids=[f"{status} {said}" for status, said, _ in BAD])
def test_bad_document_is_refused_with_its_place_and_nothing_is_written(
    api: Api, status: int, said: str, body: Any
) -> None:
    before = names(api)
    answer = ask(api, "POST", N, body)
    assert answer.status == status
    assert said in answer.json["message"]
    assert names(api) == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/nope/resource_types", {"name": "OS::X"}, 404), ("POST", "/nope/objects", {"name": "o"}, 404),
        ("GET", "/nope", None, 404), ("POST", "/{}/tags", {}, 400), ("POST", "/{}/tags/a", {}, 400),
        ("GET", "?limit=x", None, 400), ("GET", "?sort_key=id", None, 400), ("GET", "?marker=nope", None, 404),
        ("GET", "/{}/objects?marker=nope", None, 404), ("GET", "/{}/tags?sort_dir=up", None, 400),
        ("PATCH", "/{}", {}, 405), ("DELETE", "", None, 405), ("GET", "/a%2Fb", None, 404), ("GET", "/", None, 404),
        ("GET", "?" + "&".join(f"a{n}=1" for n in range(65)), None, 400), ("PUT", "/{}", None, 400),
        ("GET", "?resource_types=" + ",".join(f"r{n}" for n in range(101)), None, 400),
    ],
)  # fmt: skip
def test_bad_request_is_refused(api: Api, name: str, method: str, path: str, body: Any, status: int) -> None:
    assert ask(api, method, N + path.replace("{}", name), body).status == status


def test_objects_properties_and_tags_are_paged_by_their_links(api: Api, name: str) -> None:
    for letter in "cabed":
        assert ask(api, "POST", f"{N}/{name}/objects", {"name": letter}).status == 201
        assert ask(api, "POST", f"{N}/{name}/properties", {"name": letter, **SIMPLE}).status == 201
        assert ask(api, "POST", f"{N}/{name}/tags/{letter}").status == 201
    for kind in ("objects", "properties", "tags"):
        seen: list[str] = []
        link: str | None = f"{N}/{name}/{kind}?limit=2&sort_key=name&sort_dir=asc"
        while link:
            page = ask(api, "GET", link).json
            seen += [each if isinstance(each, str) else each["name"] for each in page[kind]]
            link = page.get("next")
        assert seen == list("abcde"), kind
    listed = ask(api, "GET", f"{N}/{name}/properties").json["properties"]
    assert {key: each["name"] for key, each in listed.items()} == {letter: letter for letter in "abcde"}


def test_namespaces_are_paged_by_their_links_each_once(api: Api) -> None:
    for number in range(7):
        ask(api, "POST", N, {"namespace": f"page{number}", "visibility": "public"})
    seen: list[str] = []
    link: str | None = f"{N}?limit=3&visibility=public&sort_key=display_name"
    while link:
        page = ask(api, "GET", link, caller="other").json
        seen += [each["namespace"] for each in page["namespaces"]]
        assert page["first"] == f"{N}?limit=3&visibility=public&sort_key=display_name"
        link = page.get("next")
    assert len(seen) == len(set(seen))
    assert {f"page{number}" for number in range(7)} <= set(seen)


def test_namespace_takes_what_it_may_hold_and_no_more(api: Api, name: str) -> None:
    full = {"tags": [{"name": f"t{number}"} for number in range(600)]}
    assert ask(api, "POST", f"{N}/{name}/tags", full).status == 201
    assert ask(api, "POST", f"{N}/{name}/tags/more").status == 413
    assert len(ask(api, "GET", f"{N}/{name}/tags").json["tags"]) == 600


def test_shown_namespace_has_an_etag_and_is_not_sent_twice(api: Api, name: str) -> None:
    shown = ask(api, "GET", f"{N}/{name}")
    again = ask(api, "GET", f"{N}/{name}", **{"If-None-Match": shown.headers["etag"]})
    assert (again.status, again.raw) == (304, b"")


def test_what_another_process_changes_is_seen_at_once(api: Api, folder: Path) -> None:
    (folder / "new.json").write_text(json.dumps({"namespace": "FromOutside", "visibility": "public"}))
    db(folder / "data", "load-metadefs", "--path", str(folder / "new.json"))
    assert [ask(api, "GET", f"{N}/FromOutside").status for _ in range(4)] == [200] * 4
    db(folder / "data", "unload-metadefs", "FromOutside", "--yes")
    assert [ask(api, "GET", f"{N}/FromOutside").status for _ in range(4)] == [404] * 4


def test_operators_rules_are_asked_for_each_call(api: Api, folder: Path, name: str) -> None:
    ask(api, "PUT", f"{N}/{name}", {"namespace": name, "visibility": "public"})
    try:
        (folder / "policy.yaml").write_text(
            "add_metadef_tag: role:member\nget_metadef_objects: '!'\nget_metadef_namespace: role:member\n"
        )
        assert ask(api, "POST", f"{N}/{name}/tags/mine", caller="owner").status == 201
        assert ask(api, "DELETE", f"{N}/{name}/tags/mine", caller="owner").status == 403
        assert ask(api, "GET", f"{N}/{name}/objects", caller="owner").status == 403
        assert ask(api, "GET", f"{N}/{name}", caller="reader").status == 404
        listed = ask(api, "GET", f"{N}?limit=1000", caller="reader").json["namespaces"]
        assert name not in [each["namespace"] for each in listed]
    finally:
        (folder / "policy.yaml").write_text("{}\n")
    assert ask(api, "POST", f"{N}/{name}/tags/other", caller="owner").status == 403


def test_enforced_definition_refuses_images_that_break_it(api: Api) -> None:
    enforced = {
        "namespace": "Enforced",
        "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "hw_"}],
        "properties": {"bus": {**SIMPLE, "enum": ["ide", "scsi"]}, "count": {"title": "T", "type": "integer"}},
    }
    assert ask(api, "POST", N, enforced).status == 201
    image = api.make(hw_bus="ide", hw_count="2", free="x")
    refused = ask(api, "POST", "/v2/images", {"hw_bus": "idee"}, caller="owner")
    assert refused.status == 400
    assert all(word in refused.json["message"] for word in ("hw_bus", "idee", "enum", "Enforced"))
    for value, status in (("scsi", 200), ("usb", 400)):
        operation = {"op": "replace", "path": "/hw_bus", "value": value}
        assert api.patch(image, operation).status == status
    assert api.show(image)["hw_bus"] == "scsi"
    ask(api, "PUT", f"{N}/Enforced/properties/bus", {"name": "bus", **SIMPLE, "enum": ["sata"]})
    assert api.patch(image, {"op": "add", "path": "/free", "value": "y"}).status == 200, "what was there may stay"


def test_definition_in_the_database_that_is_none_is_told_of(api: Api, folder: Path, name: str) -> None:
    import sqlite3

    ask(api, "POST", f"{N}/{name}/properties", {"name": "p", **SIMPLE})
    with sqlite3.connect(folder / "data" / "glance.sqlite") as database:
        database.execute("UPDATE metadef_properties SET json_schema = 'no JSON' WHERE name = 'p'")
    answer = ask(api, "GET", f"{N}/{name}")
    assert (answer.status, "property p" in answer.json["message"]) == (503, True)
    assert ask(api, "DELETE", f"{N}/{name}/properties/p").status == 204
    assert ask(api, "GET", f"{N}/{name}").status == 200
