"""What stands between clients and the service: proxies, balancers that ask for its health, request ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.config.load import examine
from tests.backends.processes import free_port
from tests.server.api import Api
from tests.serving import running_server

HEADERS = "[glancetui]\ntrusted_peers = 127.0.0.1\n"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    config = f"[oslo_middleware]\nenable_proxy_headers_parsing = true\n{HEADERS}"
    with running_server(tmp_path_factory.mktemp("behind"), auth="headers", config=config) as server:
        yield Api(server.endpoint)


def place(api: Api, **headers: str) -> str:
    """Where the service says that a new image is."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.call("POST", "/v2/images", {}, headers=sent).headers["location"].partition("/v2/")[0]


def test_links_are_as_the_proxys_clients_see_the_service(behind: Api) -> None:
    told = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "images.example.org", "X_Forwarded_Prefix": "/image/"}
    assert place(behind, **told) == "https://images.example.org/image"
    assert place(behind, X_Forwarded_Host="a.example.org, b.example.org") == "http://a.example.org"
    standard = 'for=192.0.2.1;Proto=https;host="a.example.org:8443", for=192.0.2.2;host=b'
    assert place(behind, Forwarded=standard, X_Forwarded_Host="other") == "https://a.example.org:8443"


def test_what_can_be_no_host_or_scheme_is_not_put_into_links(behind: Api) -> None:
    own = place(behind)
    assert own.startswith("http://127.0.0.1:")
    assert place(behind, X_Forwarded_Host="a/b?c", X_Forwarded_Proto="javascript") == own


def test_without_the_option_proxies_are_not_believed_and_public_endpoint_wins(tmp_path: Path) -> None:
    config = f"[DEFAULT]\npublic_endpoint = https://public.example.org/\n{HEADERS}"
    with running_server(tmp_path, auth="headers", config=config) as server:
        api = Api(server.endpoint)
        assert place(api, X_Forwarded_Host="evil", Forwarded="host=evil") == "https://public.example.org"
        [current] = [each for each in api.call("GET", "/").json["versions"] if each["status"] == "CURRENT"]
        assert current["links"][0]["href"] == "https://public.example.org/v2/"


def test_a_request_id_is_taken_over_or_given(behind: Api) -> None:
    def answered(**headers: str) -> str:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return behind.call("GET", "/v2/images", headers=sent).headers["x-openstack-request-id"]

    assert answered(X_OpenStack_Request_ID="req-mine") == "req-mine"
    assert answered(X_OpenStack_Request_ID="mine") == "req-mine"
    assert answered().startswith("req-")
    assert answered() != answered()
    long = behind.call("GET", "/v2/images", headers={"X-OpenStack-Request-ID": "r" * 65})
    assert (long.status, long.headers["x-openstack-request-id"].startswith("req-")) == (431, True)


def test_files_take_a_node_or_a_port_of_it_out(tmp_path: Path) -> None:
    whole, ported, needed = tmp_path / "whole", tmp_path / "ported", tmp_path / "needed"
    needed.touch()
    config = (
        f"[healthcheck]\nbackends = disable_by_files_ports,enable_by_files\ndisable_by_file_path = {whole}\n"
        f"disable_by_file_paths = 1:{whole},{{port}}:{ported}\nenable_by_file_paths = {needed}\n"
    )
    port = free_port()
    listen = [f"127.0.0.1:{port}"]
    with running_server(tmp_path, config=config.replace("{port}", str(port)), listen=listen) as server:
        api = Api(server.endpoint)

        def health() -> tuple[int, str]:
            answer = api.call("GET", "/healthcheck")
            return answer.status, answer.raw.decode()

        assert health() == (200, "OK")
        for file in (whole, ported):
            file.touch()
            assert health() == (503, "DISABLED BY FILE")
            file.unlink()
        needed.unlink()
        assert health() == (503, "FILE PATH MISSING")


def test_the_operator_says_who_may_ask_for_the_health(tmp_path: Path) -> None:
    config = "[healthcheck]\nallowed_source_ranges = 192.0.2.0/24\n"
    with running_server(tmp_path, config=config) as server:
        assert Api(server.endpoint).call("GET", "/healthcheck").status == 403
    config = "[healthcheck]\nallowed_source_ranges = 127.0.0.0/8\nignore_proxied_requests = true\n"
    with running_server(tmp_path, config=config) as server:
        api = Api(server.endpoint)
        assert api.call("GET", "/healthcheck").status == 200
        assert api.call("GET", "/healthcheck", headers={"X-Forwarded-For": "192.0.2.1"}).status == 403


BAD = [
    ("backends = nothing", "none of disable_by_file"),
    ("backends = disable_by_files_ports\ndisable_by_file_paths = /a/file", "write PORT:FILE"),
    ("allowed_source_ranges = everywhere", "no address or network"),
]


@pytest.mark.parametrize(("lines", "reason"), BAD)
def test_health_options_that_make_no_sense_are_named(tmp_path: Path, lines: str, reason: str) -> None:
    (tmp_path / "glance.conf").write_text(f"[healthcheck]\n{lines}\n")
    [problem] = examine([tmp_path / "glance.conf"], env={}).problems
    assert reason in str(problem)
