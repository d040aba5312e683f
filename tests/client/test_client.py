import urllib.parse

import pytest

from glancetui.client.client import Client
from glancetui.client.filters import Context, parse
from glancetui.client.problems import Ambiguous, ServerFault
from glancetui.client.query import Count, ImageQuery, SortKey, in_order, parse_sort
from glancetui.client.values import RemoteImage
from glancetui.errors import BadRequest, NotFound, Stale
from tests.client.scripted import Asked, Reply, scripted

IDS = [f"{n:08d}-0000-4000-8000-000000000000" for n in range(25)]


def listing(asked: Asked, images: list[dict]) -> Reply:
    """GET /v2/images as the contract words it, for name, os_hidden, limit and marker."""
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked.path).query))
    hidden = query.get("os_hidden") == "true"
    seen = [i for i in images if i.get("os_hidden", False) is hidden and query.get("name") in {None, i.get("name")}]
    start = next((n + 1 for n, i in enumerate(seen) if i["id"] == query.get("marker")), 0)
    page = seen[start : start + int(query["limit"])]
    # A stock endpoint's `next` loses repeated parameters: a client that follows it ends up elsewhere.
    full = page and len(page) == int(query["limit"])
    return Reply(body={"images": page} | ({"next": "/v2/nowhere"} if full else {}))


def test_all_pages_come_by_marker_and_each_image_once() -> None:
    images = [{"id": each} for each in IDS]
    with scripted(lambda asked: listing(asked, images)) as server, Client.at(server.url) as client:
        query = ImageQuery(params=(("tag", "a"), ("tag", "b")))
        assert [image.id for image in client.images(query, page_size=10)] == IDS
        paths = [asked.path for asked in server.asked]
    assert len(paths) == 3
    assert all("tag=a&tag=b&sort=created_at%3Adesc%2Cid%3Adesc&limit=10" in path for path in paths)


def test_an_endpoint_that_gives_less_than_asked_for_is_read_to_its_end() -> None:
    images = [{"id": each} for each in IDS]

    def capped(asked: Asked) -> Reply:
        return listing(
            Asked(asked.method, asked.path.replace("limit=1000", "limit=4"), asked.headers, asked.body), images
        )

    with scripted(capped) as server, Client.at(server.url) as client:
        assert [image.id for image in client.images(ImageQuery())] == IDS


def test_an_endpoint_that_repeats_itself_is_not_asked_for_ever() -> None:
    page = {"images": [{"id": each} for each in IDS[:10]]}
    with (
        scripted(lambda _: Reply(body=page)) as server,
        Client.at(server.url) as client,
        pytest.raises(ServerFault, match="repeats"),
    ):
        list(client.images(ImageQuery(), page_size=10))
    assert len(server.asked) == 2


def test_hidden_images_come_in_their_place() -> None:
    images = [
        {"id": each, "created_at": f"2026-01-{25 - n:02d}T00:00:00Z", "os_hidden": n % 3 == 0}
        for n, each in enumerate(IDS)
    ]
    with scripted(lambda asked: listing(asked, images)) as server, Client.at(server.url) as client:
        query = ImageQuery.of(parse("hidden=any").plan(Context()))
        assert [image.id for image in client.images(query, page_size=4)] == IDS


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        (Reply(body={"count": 3, "exact": True}), Count(number=6, exact=True)),
        (Reply(body={"count": 3, "exact": False}), Count(number=6, exact=False)),
        (Reply(300, {"versions": []}), None),  # a stock Glance, which takes the path for a version
        (Reply(404), None),
    ],
)
def test_an_endpoint_that_counts_is_asked_for_both_kinds_and_others_are_known(reply: Reply, count: Count) -> None:
    with scripted(lambda _: reply) as server, Client.at(server.url) as client:
        assert client.count(ImageQuery(params=(("tag", "a"),), hidden_too=True)) == count
    paths = {asked.path for asked in server.asked}
    assert paths == {f"/ops/v1/images/count?tag=a{more}" for more in ("", "&os_hidden=true")[: 2 if count else 1]}


@pytest.mark.parametrize("body", [b"", b"[]", {"count": "3", "exact": True}, {"count": 3}])
def test_a_count_that_is_none_is_a_fault_of_the_server(body: bytes | dict) -> None:
    reply = Reply(body=body, headers={"Content-Type": "application/json"})
    with scripted(lambda _: reply) as server, Client.at(server.url) as client, pytest.raises(ServerFault):
        client.count(ImageQuery())


def test_a_name_is_found_hidden_or_not_and_an_ambiguous_one_tells_its_candidates() -> None:
    images = [{"id": IDS[0], "name": "a"}, {"id": IDS[1], "name": "b"}, {"id": IDS[2], "name": "b"}]
    images += [{"id": IDS[3], "name": "c", "os_hidden": True}]

    def answer(asked: Asked) -> Reply:
        return listing(asked, images) if "?" in asked.path else Reply(404, {"message": "no"})

    with scripted(answer) as server, Client.at(server.url) as client:
        assert client.find_image("a").id == IDS[0]
        assert client.find_image("c").id == IDS[3]
        with pytest.raises(Ambiguous) as caught:
            client.find_image("b")
        assert caught.value.candidates == (IDS[1], IDS[2])
        for ref in ("zz", IDS[9], "../../etc"):
            with pytest.raises(NotFound):
                client.find_image(ref)
        with pytest.raises(BadRequest):
            client.find_image("")


@pytest.mark.parametrize("ref", ["a/b", "..", ".", "a?b=c", "a#b", "ü", "a b", "%2e%2e"])
def test_whatever_an_id_holds_it_stays_one_segment_of_the_path(ref: str) -> None:
    with scripted(lambda _: Reply(404)) as server, Client.at(server.url) as client, pytest.raises(NotFound):
        client.image(ref)
    path = server.asked[0].path
    assert path.count("/") == 3
    assert urllib.parse.unquote(path.removeprefix("/v2/images/")) == ref
    assert path.removeprefix("/v2/images/") not in {".", ".."}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"<html>", b'{"images": 3}'])
def test_answers_that_are_no_listing_are_a_fault_of_the_server(body: bytes) -> None:
    with scripted(lambda _: Reply(body=body)) as server, Client.at(server.url) as client, pytest.raises(ServerFault):
        client.page(ImageQuery())


def test_a_patch_can_be_bound_to_what_was_seen() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(412 if asked.headers.get("if-match") else 200, {"id": "x"})

    with scripted(answer) as server, Client.at(server.url) as client:
        assert client.patch("x", []).id == "x"
        with pytest.raises(Stale):
            client.patch("x", [], etag='"1"')
    assert server.asked[0].headers["content-type"] == "application/openstack-images-v2.1-json-patch"


def test_an_unchanged_page_is_none() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == '"1"':
            return Reply(304)
        return Reply(body={"images": [{"id": IDS[0]}]}, headers={"ETag": '"1"'})

    with scripted(answer) as server, Client.at(server.url) as client:
        page = client.page(ImageQuery())
        assert page is not None
        assert client.page(ImageQuery(), etag=page.etag) is None


def test_odd_documents_become_unknowns_not_failures() -> None:
    odd = {
        "id": 3,
        "name": ["x"],
        "size": "big",
        "tags": [1, "a"],
        "created_at": "yesterday",
        "protected": "yes",
        "p": {"a": 1},
    }
    image = RemoteImage.from_document(odd)
    assert (image.id, image.name, image.size, image.tags, image.created_at) == ("3", '["x"]', None, ("a",), None)
    assert (image.protected, image.properties["p"], image.document) == (False, '{"a":1}', odd)


def test_orders_put_what_is_missing_first_and_end_in_the_id() -> None:
    images = [RemoteImage(id=i, name=n, size=s) for i, n, s in (("b", None, 1), ("a", None, 1), ("c", "x", None))]
    query = ImageQuery(sort=(SortKey("name"),))
    assert [image.id for image in in_order(query, images)] == ["a", "b", "c"]
    assert [image.id for image in in_order(query.reversed(), images)] == ["c", "b", "a"]
    assert ("sort", "size:desc,created_at:desc,id:desc") in ImageQuery(sort=parse_sort("size:desc")).parameters(5, None)


@pytest.mark.parametrize("text", ["", "nope", "name:up", "name,name:desc", ","])
def test_sorts_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_sort(text)


def test_a_change_names_the_version_that_was_seen_and_nothing_else() -> None:
    image = {"id": IDS[0], "name": "seen", "tags": ["a", "b"]}

    def answer(asked: Asked) -> Reply:
        return (
            Reply(body={**image, "tags": ["b", "a"]}, headers={"ETag": '"1"'}) if asked.method == "GET" else Reply(204)
        )

    with scripted(answer) as server, Client.at(server.url) as client:
        now = client.unchanged(RemoteImage.from_document(image))
        client.delete(now.id, etag=now.etag)
        assert server.asked[-1].headers["if-match"] == '"1"'
        client.delete(now.id)
        assert "if-match" not in server.asked[-1].headers
        with pytest.raises(Stale, match="changed since"):
            client.unchanged(RemoteImage.from_document({**image, "name": "other"}))


@pytest.mark.parametrize(
    ("status", "body", "parts"),
    [
        (200, {"parts": [{"name": "registry", "ready": True, "error": None}]}, [("registry", True, "")]),
        (503, {"parts": [{"name": "registry", "ready": False, "error": "gone"}]}, [("registry", False, "gone")]),
        (503, {"parts": [{"error": 3}, "x"]}, [("a part without a name", False, "3")]),
        (503, b"<html>busy</html>", []),
        (404, {"parts": [{"name": "registry"}]}, []),
        (503, {"message": "down"}, []),
    ],
)  # fmt: skip
def test_the_parts_of_an_endpoint_are_what_it_says_of_them(status: int, body: object, parts: list) -> None:
    with scripted(lambda asked: Reply(status, body)) as server, Client.at(server.url) as client:
        assert [(part.name, part.ready, part.error) for part in client.parts()] == parts
        assert server.asked[0].path == "/readyz"
