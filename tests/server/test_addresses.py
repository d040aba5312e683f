"""The address matrix: what nobody may send the service to, in every spelling, by every way in which one is named.

The service runs in a network of its own, in which all these addresses answer: a web server notes where it was reached.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.backends import island
from tests.backends.island import DATA, Zone
from tests.fetch.test_filter import spellings
from tests.images.waiting import until
from tests.server.api import Answer, Api
from tests.serving import running_server

PUBLIC, PUBLIC_V6 = "93.184.216.34", "2606:2800::1"
#: Private networks are not refused by default: images of a company lie there.
PRIVATE, PRIVATE_V6 = "10.0.0.1", "fd12::1"
V4 = ("127.0.0.1", "127.1.2.3", "169.254.169.254", "169.254.1.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
      "198.18.0.1")  # fmt: skip
NO_HOST = ("0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255")  # which nobody can have
V6 = ("fd00:ec2::254", "fd20:ce::254", "2002:7f00:1::", "2001:0:53aa:64c::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
      "64:ff9b:1::7f00:1", "fec0::1", "::7f00:1", "100::1")  # fmt: skip
NO_HOST_V6 = ("::1", "::", "fe80::1", "ff02::1")
FORBIDDEN = (*V4, *NO_HOST, *V6, *NO_HOST_V6)
ADDRESSES = (PUBLIC, PUBLIC_V6, PRIVATE, PRIVATE_V6, *[each for each in V4 if not each.startswith("127.")], *V6)

ZONE: Zone = {
    "public.test": [[PUBLIC]],
    "public6.test": [[PUBLIC_V6]],
    "private.test": [[PRIVATE]],
    "alias.test": ["alias2.test"],
    "alias2.test": ["public.test"],
    "both.test": [[PUBLIC, "127.0.0.1"]],
    "both-reversed.test": [["127.0.0.1", PUBLIC]],
    "both-kinds.test": [[PUBLIC, "::1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "chain.test": ["chain2.test"],
    "chain2.test": ["chain3.test"],
    "chain3.test": ["127.test"],
    "127.test": [["127.0.0.1"]],
    # The first look-up is that of the request, the second that of the work.
    "second.test": [[PUBLIC], ["127.0.0.1"]],
    "second-alias.test": [[PUBLIC], "127.test"],
    "third.test": [[PUBLIC], [PUBLIC], ["127.0.0.1"]],
    **{f"n{number}.test": [[address]] for number, address in enumerate(FORBIDDEN)},
}
TRICKY_NAMES = (
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "both.test", "both-reversed.test",
    "both-kinds.test", "mapped.test", "chain.test", "chain2.test", "127.test", "127.TEST.", "127。test",
    "１２７.test", "127．test", "second.test", "second-alias.test",
)  # fmt: skip
BAD_NAMES = (*TRICKY_NAMES, *[name for name in ZONE if name[0] == "n"])
TRICKS = (
    f"http://{PUBLIC}@127.0.0.1/", f"http://127.0.0.1@{PUBLIC}/", f"http://u:p@{PUBLIC}/", "http://public.test:80@127.0.0.1/",
    f"http://127.0.0.1\\@{PUBLIC}/", f"http://{PUBLIC}\\@127.0.0.1/", f"http://{PUBLIC}#@127.0.0.1:80\\/",
    "http://127%2e0%2e0%2e1/", "http://%31%32%37.0.0.1/", "http://%6cocalhost/", "http://[fe80::1%25lo]/",
    "http://[fe80::1%lo]/", "http://[::1%25lo]/", "http://[v1.127.0.0.1]/", "http:127.0.0.1/", "http:/127.0.0.1/",
    "http:///127.0.0.1/", "//127.0.0.1/", "http://127.0.0.1:080/", "http://①②⑦.⓪.⓪.①/", "http://127.0.0.1%00.public.test/",
    "http://127.0.0.1%0d%0a.public.test/", "http://127.0.0.1\t/", "http://[::ffff:7f00:1]:80/", "HTTP://127.0.0.1/",
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:80/x", "dict://127.0.0.1/",
    "unix:///run/x.sock", f"http://{PUBLIC}:22/", "http://public.test:8080/",
)  # fmt: skip
GOOD = (
    f"http://{PUBLIC}/", f"http://[{PUBLIC_V6}]/", f"http://{PRIVATE}/", f"http://[{PRIVATE_V6}]/", "http://public.test/",
    "http://PUBLIC.test./", "http://public6.test/", "http://private.test/", "http://alias.test/", "http://third.test/",
)  # fmt: skip


#: Which name a path where they stand in a redirect: at the host that sent it.
RELATIVE = frozenset({"http:127.0.0.1/", "http:/127.0.0.1/", "http:///127.0.0.1/"})


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def bad_urls() -> list[str]:
    hosts = [host for address in (*V4, *NO_HOST) for host in spellings(address)]
    hosts += [f"[{address}]" for address in (*V6, *NO_HOST_V6)]
    return [*(f"http://{host}/" for host in (*hosts, *BAD_NAMES)), *TRICKS]


class Shore(NamedTuple):
    api: Api
    folder: Path

    def download(self, image_id: str, uri: str) -> str | None:
        """Why it is not brought in; None: it is."""
        body = {"method": {"name": "web-download", "uri": uri}}
        return self.outcome(image_id, self.api.call("POST", f"/v2/images/{image_id}/import", body, headers=JSON))

    def outcome(self, image_id: str, answer: Answer) -> str | None:
        if answer.status == 400:
            return str(answer.json["message"])
        assert answer.status == 202, answer
        tasks: list[dict[str, Any]] = []

        def is_over() -> bool:
            tasks[:] = self.api.call("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
            return all(task["status"] in {"success", "failure"} for task in tasks)

        until(is_over)
        task = max(tasks, key=lambda task: task["created_at"])
        return None if task["status"] == "success" else str(task["message"])

    def reached(self) -> set[str]:
        return {each.address for each in island.reached(self.folder)}


JSON = {"Accept": "application/json"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}
CONFIG = """\
[DEFAULT]
enabled_import_methods = [glance-direct,web-download,glance-download,copy-image]
enabled_backends = fast:file, web:http
show_multiple_locations = true
http_retries = 1
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/fast
"""
#: Were one of these obeyed, the web server would be reached at loopback.
PROXIES = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"), "http://127.0.0.1:80")
HARMLESS = {PUBLIC, PUBLIC_V6, PRIVATE, PRIVATE_V6}


@pytest.fixture(scope="module")
def shore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shore]:
    if not island.is_possible():
        pytest.skip(
            "no network of its own can be had here: `unshare -r -m -n` and `ip` are needed (util-linux, iproute2)"
        )
    folder = tmp_path_factory.mktemp("island")
    with running_server(
        folder, auth="headers", config=CONFIG.format(folder=folder), listen=(f"unix:{folder}/api.sock",),
        environment=PROXIES, inside=island.command(folder, ZONE, ADDRESSES),
    ) as server:  # fmt: skip
        yield Shore(Api(server.endpoint), folder)


FIGURE = "addresses × ways to name them"
together = pytest.mark.xdist_group("addresses")


@together
@pytest.mark.parametrize("uri", GOOD)
def test_addresses_that_may_be_read_are_read_directly(shore: Shore, uri: str) -> None:
    image_id = shore.api.make(**FORMATS)
    assert shore.download(image_id, uri) is None
    assert shore.api.call("GET", f"/v2/images/{image_id}/file").raw == DATA
    assert shore.reached() <= HARMLESS


@together
@pytest.mark.slow(seconds=10)
def test_web_download_reaches_none_that_is_forbidden(
    shore: Shore, record_property: Callable[[str, object], None]
) -> None:
    image_id, urls = shore.api.make(**FORMATS), bad_urls()
    reasons = {url: shore.download(image_id, url) for url in urls}
    assert [url for url, reason in reasons.items() if reason is None] == []
    assert [url for url, reason in reasons.items() if len(str(reason).split()) < 4] == []
    assert shore.reached() <= HARMLESS
    assert shore.api.show(image_id)["status"] == "queued"
    record_property(FIGURE, len(urls))


@together
def test_tasks_reach_none_that_is_forbidden(shore: Shore, record_property: Callable[[str, object], None]) -> None:
    urls = bad_urls()
    for url in urls:
        body = {
            "type": "import",
            "input": {"import_from": url, "import_from_format": "raw", "image_properties": {"name": "t", **FORMATS}},
        }
        answer = shore.api.call("POST", "/v2/tasks", body, caller="admin", headers=JSON)
        if answer.status == 201:  # its host is unknown, or was another one a moment ago
            address = f"/v2/tasks/{answer.json['id']}"
            until(lambda a=address: shore.api.call("GET", a, caller="admin").json["status"] == "failure")  # type: ignore[misc]
        else:
            assert answer.status == 400, (url, answer)
    assert shore.api.ids("name=t&visibility=all", caller="admin") == []
    assert shore.reached() <= HARMLESS
    record_property(FIGURE, len(urls))


def redirected(target: str) -> str:
    return f"http://public.test/?to={quote(target, safe='')}"


@together
@pytest.mark.slow(seconds=10)
def test_redirects_reach_none_that_is_forbidden(shore: Shore, record_property: Callable[[str, object], None]) -> None:
    image_id = shore.api.make(**FORMATS)
    targets = [f"http://{bracketed(address)}/" for address in FORBIDDEN]
    targets += [f"http://{host}/" for host in (*spellings("169.254.169.254"), *TRICKY_NAMES)]
    targets += [target for target in TRICKS if target not in RELATIVE]
    targets += [
        "//127.0.0.1/",
        "//localhost/",
        redirected("http://127.0.0.1/"),
        redirected(redirected("http://[::1]/")),
    ]
    followed = [target for target in targets if shore.download(image_id, redirected(target)) is None]
    assert followed == []
    assert shore.reached() <= HARMLESS
    assert shore.api.show(image_id)["status"] == "queued"
    record_property(FIGURE, len(targets))


@together
def test_a_redirect_to_a_public_address_is_followed(shore: Shore) -> None:
    image_id = shore.api.make(**FORMATS)
    assert shore.download(image_id, redirected(f"http://[{PUBLIC_V6}]/")) is None


@together
def test_another_glance_cannot_send_its_reader_elsewhere(
    shore: Shore, record_property: Callable[[str, object], None]
) -> None:
    """The endpoint is the catalogue's; wherever it redirects to, the caller's token does not follow."""
    image_id, remote = shore.api.make(**FORMATS), "00000000-0000-4000-8000-000000000000"
    method = {"name": "glance-download", "glance_region": "r", "glance_image_id": remote}
    targets = [f"http://{bracketed(address)}/" for address in (*FORBIDDEN, PUBLIC_V6)]
    targets += [f"http://{host}/" for host in (*spellings("127.0.0.1"), *TRICKY_NAMES)]
    targets += [target for target in TRICKS if target not in RELATIVE]
    for target in targets:
        url = f"http://public.test/to/{target.encode().hex()}"
        catalog = [{"type": "image", "endpoints": [{"region": "r", "interface": "public", "url": url}]}]
        headers = JSON | {"X-Auth-Token": "t", "X-Service-Catalog": json.dumps(catalog)}
        body = {"method": method}
        answer = shore.api.call("POST", f"/v2/images/{image_id}/import", body, headers=headers)
        assert shore.outcome(image_id, answer) is not None, target
    assert shore.reached() <= HARMLESS
    assert shore.api.show(image_id)["status"] == "queued"
    record_property(FIGURE, len(targets))


@together
@pytest.mark.slow(seconds=10)
def test_locations_reach_none_that_is_forbidden(shore: Shore, record_property: Callable[[str, object], None]) -> None:
    """Neither those that a service adds, nor those of a patch, nor where they redirect to."""
    image_id, urls = shore.api.make(**FORMATS), bad_urls()
    urls += [redirected(f"http://{bracketed(address)}/") for address in FORBIDDEN]
    hashed = {"validation_data": {"os_hash_algo": "sha256", "os_hash_value": "0" * 64}}
    for url in urls:
        path = f"/v2/images/{image_id}/locations"
        answer = shore.api.call("POST", path, {"url": url, **hashed}, caller="service", headers=JSON)
        assert shore.outcome(image_id, answer) is not None, url
        patched = shore.api.patch(
            image_id, {"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}}}
        )
        assert patched.status == 400, (url, patched)
    assert shore.reached() <= HARMLESS
    shown = shore.api.show(image_id)
    assert (shown["status"], shown["locations"]) == ("queued", [])
    record_property(FIGURE, 2 * len(urls))
