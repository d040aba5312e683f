"""A real Keystone that goes away and comes back, and what only a real one proves of tokens."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.backends.keystone import Keystone
from tests.server.edge import until
from tests.serving import Server, running_server

pytestmark = [pytest.mark.xdist_group("keystone"), pytest.mark.slow(seconds=5), pytest.mark.timeout(300)]
TOKEN_SECONDS = 6


@pytest.fixture(scope="module")
def server(keystone: Keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = keystone.service_options() + "service_token_roles = service\n"
    with running_server(tmp_path_factory.mktemp("service"), auth="keystone", config=config) as running:
        yield running


def ask(server: Server, token: str, **more: str) -> http.client.HTTPResponse:
    headers = {"X-Auth-Token": token} | {name.replace("_", "-"): value for name, value in more.items()}
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=40)
    try:
        connection.request("GET", "/v2/images", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def questions(keystone: Keystone) -> int:
    """How often Keystone was asked whose a token is."""
    return len(re.findall(r"GET /v3/auth/tokens\?nocatalog", keystone.log.read_text(errors="replace")))


@pytest.mark.timeout(300)
def test_while_keystone_is_away_nobody_is_called_unauthenticated_and_known_tokens_work(
    keystone: Keystone, server: Server
) -> None:
    known, fresh = keystone.token("alice"), keystone.token("bob")
    assert ask(server, known).status == 200
    keystone.stop()
    try:
        assert ask(server, known).status == 200, "it was found out a moment ago"
        refused = ask(server, fresh)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    finally:
        keystone.start()
    assert ask(server, keystone.token("bob")).status == 200
    assert "Traceback" not in server.log.read_text()


def test_however_many_bring_a_new_token_keystone_is_asked_once(keystone: Keystone, server: Server) -> None:
    token, before = keystone.token("alice"), questions(keystone)
    with ThreadPoolExecutor(24) as threads:
        assert {answer.status for answer in threads.map(lambda _: ask(server, token), range(24))} == {200}
    assert questions(keystone) == before + 1


def test_no_token_reaches_the_log(keystone: Keystone, server: Server) -> None:
    token = keystone.token("alice")
    assert ask(server, token, X_Service_Token=keystone.token("glance")).status == 200
    assert token not in server.log.read_text()


@pytest.fixture
def brief_tokens(keystone: Keystone) -> Iterator[None]:
    """Those given out meanwhile end after TOKEN_SECONDS."""
    keystone.restart(expiration=TOKEN_SECONDS)
    yield
    keystone.restart()


@pytest.mark.usefixtures("brief_tokens")
def test_a_service_carries_an_expired_token_on_and_nobody_else_does(keystone: Keystone, server: Server) -> None:
    expired = keystone.token("alice")
    until(lambda: ask(server, expired).status == 401, TOKEN_SECONDS + 10)
    assert ask(server, expired, X_Service_Token=keystone.token("bob")).status == 401
    assert ask(server, expired, X_Service_Token=keystone.token("glance")).status == 200
    assert ask(server, expired, X_Service_Token="forged").status == 401
    assert ask(server, expired).status == 401
