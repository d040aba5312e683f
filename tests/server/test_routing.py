"""Paths, methods, versions, and the shape of refusals, through the whole application in a real process."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from glancetui.errors import NotFound
from glancetui.server.errors import MethodNotAllowed, MethodUnknown
from glancetui.server.routing import Route, Router, segments_of
from tests.serving import Server, running_server

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = "[cors]\nallowed_origin = https://panel.example\n"
    with running_server(tmp_path_factory.mktemp("routing"), config=config) as running:
        yield running


def call(
    server: Server, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Answer:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 300), ("/versions", 200), ("/versions/", 200), ("/v3", 300), ("/v1/images", 300), ("/nope", 300),
        ("/v2.99/images", 300), ("/v2.8/images", 300), ("/images", 300), ("/v2/", 404), ("/v2/images/", 404),
        ("/v2/nope", 404), ("/v2/images", 200), ("/v2.0/images", 200), ("/v2.17/images", 200),
        ("/%762/images", 200), ("/v2/%69mages", 200), ("/v2/images/%2F", 404), ("/v2/images/%FF", 404),
        ("/v2/images/a%00b", 404), ("/ops/v1", 404), ("/healthcheck", 200), ("/readyz", 200), ("/healthcheck/", 200),
        ("//v2/images", 200), ("/v2//images", 200), ("//v2///images", 200), ("/v2//info//import", 200), ("//", 300),
        ("/v2//", 404), ("/v2/images//", 404), ("/v2//nope", 404), ("//nope", 300), ("//healthcheck", 200),
        ("/versions//", 200),
    ],
)  # fmt: skip
def test_path_is_answered_with_its_status(server: Server, path: str, status: int) -> None:
    assert call(server, "GET", path)[0] == status


def test_version_document_names_this_host_and_carries_no_request_id(server: Server) -> None:
    _, headers, body = call(server, "GET", "/", {"Host": "localhost:1234"})
    versions = json.loads(body)["versions"]
    assert headers["content-type"] == "application/json"
    assert "x-openstack-request-id" not in headers
    assert {"v2.0", "v2.7", "v2.9", "v2.15", "v2.17"} <= {version["id"] for version in versions}
    assert {v["status"] for v in versions if v["id"] == "v2.17"} == {"CURRENT"}
    assert {v["status"] for v in versions if v["id"] != "v2.17"} == {"SUPPORTED"}
    assert {link["href"] for v in versions for link in v["links"]} == {"http://localhost:1234/v2/"}


def test_bare_version_redirects(server: Server) -> None:
    status, headers, _ = call(server, "GET", "/v2")
    assert (status, headers["location"]) == (302, "/v2/")


@pytest.mark.parametrize(("wanted", "status"), [("v2.3", 200), ("v2", 200), ("v2.99", 300), ("v1", 300)])
def test_version_may_stand_in_accept(server: Server, wanted: str, status: int) -> None:
    accept = {"Accept": f"application/vnd.openstack.images-{wanted}"}
    assert call(server, "GET", "/images", accept)[0] == status


def test_health_is_told_without_identity_or_loopback_name(server: Server) -> None:
    assert call(server, "GET", "/healthcheck", {"Host": "node-7.example"})[::2] == (200, b"OK")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("HEAD", "/v2/images", 405, "GET, POST"), ("PUT", "/v2/images", 405, "GET, POST"),
        ("TRACE", "/v2/images", 405, "GET, POST"), ("HEAD", "/v2/images/x/file", 405, "GET, PUT"),
        ("GET", "/v2/images/x/tags/y", 405, "DELETE, PUT"), ("PATCH", "/v2/images/x/members", 405, "GET, POST"),
        ("BREW", "/v2/images", 405, "GET, POST"), ("BREW", "/v2/nope", 501, None),
        ("BREW", "/healthcheck", 405, "GET, HEAD"),
        ("HEAD", "/v2/nope", 404, None), ("TRACE", "/v2/nope", 501, None), ("PROPFIND", "/v2/nope", 501, None),
    ],
)  # fmt: skip
def test_wrong_methods(server: Server, method: str, path: str, status: int, allow: str | None) -> None:
    answer, headers, _ = call(server, method, path)
    assert (answer, headers.get("allow")) == (status, allow)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"), ("*/*", "text/html; charset=UTF-8"),
        ("text/html", "text/html; charset=UTF-8"), ("text/plain", "text/plain; charset=UTF-8"),
        ("application/octet-stream", "text/plain; charset=UTF-8"), ("", "text/plain; charset=UTF-8"),
        ("application/json, */*;q=0.1", "application/json"), ("text/*;q=0.2, application/*", "application/json"),
        ("application/json;q=nonsense", "text/plain; charset=UTF-8"), (";;,,;q=", "text/plain; charset=UTF-8"),
    ],
)  # fmt: skip
def test_error_looks_as_the_client_accepts_it(server: Server, accept: str, kind: str) -> None:
    status, headers, body = call(server, "GET", "/v2/images/nope", {"Accept": accept})
    assert (status, headers["content-type"]) == (404, kind)
    if kind == "application/json":
        document = json.loads(body)
        assert (document["code"], document["title"]) == ("404 Not Found", "Not Found")
        assert "nope" in document["message"]
    else:
        assert b"404 Not Found" in body


def test_what_a_caller_sent_is_escaped_in_html(server: Server) -> None:
    _, _, body = call(server, "GET", "/v2/images/%3Cscript%3Ealert(1)%3C%2Dscript%3E", {"Accept": "text/html"})
    assert b"<script" not in body


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_patch_of_a_foreign_type_names_those_that_are_known(server: Server, accept: str) -> None:
    headers = {"Content-Type": "text/xml", "Accept": accept}
    status, headers, _ = call(server, "PATCH", "/v2/images/nope", headers, b"<x/>")
    assert status == 415
    assert headers["accept-patch"].count("json-patch") == 2


def test_request_id_is_adopted_or_made(server: Server) -> None:
    pattern = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    own = call(server, "GET", "/v2/images")[1]["x-openstack-request-id"]
    assert pattern.fullmatch(own)
    for sent, answered in (("req-mine", "req-mine"), ("mine", "req-mine")):
        assert (
            call(server, "GET", "/v2/images", {"X-Openstack-Request-Id": sent})[1]["x-openstack-request-id"] == answered
        )
    forged = call(server, "GET", "/v2/images", {"X-Openstack-Request-Id": "a b"})[1]["x-openstack-request-id"]
    assert pattern.fullmatch(forged)


def test_overlong_request_id_is_refused(server: Server) -> None:
    assert call(server, "GET", "/v2/images", {"X-Openstack-Request-Id": "x" * 64})[0] == 200
    assert call(server, "GET", "/v2/images", {"X-Openstack-Request-Id": "x" * 65})[0] == 431


def test_options_is_answered_on_every_path_and_grants_only_to_listed_origins(server: Server) -> None:
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-auth-token"}
    for path in ("/v2/images", "/v2/nope", "/", "/healthcheck"):
        status, headers, body = call(server, "OPTIONS", path, asked | {"Origin": "https://evil.example"})
        assert (status, body) == (200, b"")
        assert not any(name.startswith("access-control") for name in headers)
    _, headers, _ = call(server, "OPTIONS", "/v2/images", asked | {"Origin": "https://panel.example"})
    assert headers["access-control-allow-origin"] == "https://panel.example"
    assert headers["access-control-allow-methods"] == "PUT"
    foreign = asked | {"Origin": "https://panel.example", "Access-Control-Request-Headers": "x-evil"}
    assert "access-control-allow-origin" not in call(server, "OPTIONS", "/v2/images", foreign)[1]


def test_page_of_a_listed_origin_may_read_answers(server: Server) -> None:
    _, headers, _ = call(server, "GET", "/", {"Origin": "https://panel.example"})
    assert headers["access-control-allow-origin"] == "https://panel.example"
    assert "access-control-allow-origin" not in call(server, "GET", "/", {"Origin": "https://evil.example"})[1]


# -- the router alone ------------------------------------------------------------------------------------------------
async def nothing(_request: object) -> Response:
    return Response()


ROUTER = Router(
    [
        Route("GET", "/v2/things", nothing), Route("POST", "/v2/things", nothing),
        Route("GET", "/v2/things/{id}", nothing),
        Route("PUT", "/v2/things/{id}/tags/{tag}", nothing), Route("DELETE", "/v2/things/special", nothing),
    ]
)  # fmt: skip
names = st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text)


@given(names, names)
def test_any_name_reaches_its_route_as_it_was_meant(thing: str, tag: str) -> None:
    path = (
        f"/v2/things/{quote(thing, safe='', errors='surrogatepass')}/tags/{quote(tag, safe='', errors='surrogatepass')}"
    )
    try:
        match = ROUTER.find("PUT", segments_of({"raw_path": path.encode()}))
    except NotFound:
        assert any("\ud800" <= character <= "\udfff" for character in thing + tag)
    else:
        assert match.parameters == {"id": thing, "tag": tag}


@given(st.binary(), st.sampled_from(["GET", "PUT", "BREW"]))
def test_no_path_surprises_the_router(path: bytes, method: str) -> None:
    with contextlib.suppress(NotFound, MethodNotAllowed, MethodUnknown):
        ROUTER.find(method, segments_of({"raw_path": b"/" + path}))


def test_literal_path_and_name_share_what_is_allowed() -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTER.find("PUT", ["v2", "things", "special"])
    assert refused.value.allowed == ["DELETE", "GET"]
