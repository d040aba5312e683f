"""Who callers are: without authentication, by password, by a proxy's headers, by tokens."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from glancetui.config.settings import BasicAuthSettings, ServerSettings
from glancetui.errors import ConfigError, Forbidden, Unauthenticated, Unavailable
from glancetui.model import Caller
from glancetui.server.auth.base import Authenticator, Memory
from glancetui.server.auth.basic import BasicAuthentication, credentials
from glancetui.server.auth.headers import HeaderAuthentication
from glancetui.server.auth.keystone import KeystoneAuthentication
from glancetui.server.auth.none import NoAuthentication, is_loopback_name
from glancetui.server.bridge import Pools
from glancetui.server.peers import LOCAL_SOCKET
from glancetui.server.routing import SERVICE


@pytest.fixture
def pools() -> Iterator[Pools]:
    made = Pools(1)
    yield made
    made.close()


Ask = Callable[..., object]


@pytest.fixture
def ask(pools: Pools) -> Ask:
    async def asked(
        authenticator: Authenticator, headers: dict[str, str], client: str | None = "192.0.2.9", *, unix: bool = False
    ) -> Caller:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": None if client is None else (client, 1),
            "extensions": {LOCAL_SOCKET: {}} if unix else {},
            SERVICE: SimpleNamespace(pools=pools),
        }
        return await authenticator.caller(Request(scope), "req-1")

    return asked


def is_admin(caller: Caller) -> bool:
    return "admin" in caller.roles


# -- none ------------------------------------------------------------------------------------------------------------
async def test_without_authentication_everybody_on_this_machine_is_administrator(ask: Ask) -> None:
    caller = await ask(NoAuthentication(), {"Host": "localhost:9292"})
    assert (caller.is_admin, caller.project, caller.request_id) == (True, None, "req-1")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:9292", "127.9.9.9", "[::1]:9292", "a.localhost"]
)
def test_loopback_names_are_known(host: str) -> None:
    assert is_loopback_name(host.encode())


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "10.0.0.1", "[::2]:1", "127.0.0.1.evil"]
)
async def test_name_that_was_pointed_at_this_machine_is_refused(ask: Ask, host: str) -> None:
    with pytest.raises(Forbidden):
        await ask(NoAuthentication(), {"Host": host})


async def test_web_page_is_refused_even_under_a_loopback_name(ask: Ask) -> None:
    with pytest.raises(Forbidden):
        await ask(NoAuthentication(), {"Host": "localhost", "Origin": "http://localhost"})


async def test_any_host_name_will_do_on_a_unix_socket(ask: Ask) -> None:
    assert (await ask(NoAuthentication(), {"Host": "images"}, None, unix=True)).is_admin


# -- basic -----------------------------------------------------------------------------------------------------------
def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


class Accounts:
    def __init__(self, folder: Path) -> None:
        self.htpasswd, self.identities = folder / "htpasswd", folder / "identities"
        self.htpasswd.write_text(f"# people\nalice:{hashed('secret')}\nlost:{hashed('secret')}\n")
        self.identities.write_text("alice:research: Member , Extra\n")

    def authenticator(self, **more: object) -> BasicAuthentication:
        files = BasicAuthSettings(htpasswd_file=self.htpasswd, identity_file=self.identities)
        return BasicAuthentication(ServerSettings(basic=files, **more), is_admin)


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path)


async def test_right_password_gives_project_and_roles_with_those_they_imply(ask: Ask, accounts: Accounts) -> None:
    caller = await ask(accounts.authenticator(), basic("alice", "secret"))
    assert (caller.user, caller.project, caller.is_admin) == ("alice", "research", False)
    assert caller.roles == {"member", "extra", "reader"}


@pytest.mark.parametrize(
    "headers",
    [
        {}, basic("alice", "wrong"), basic("nobody", "secret"), basic("alice", ""), basic("alice", "secret\0"),
        {"Authorization": "Basic !!!"}, {"Authorization": "Basic"}, {"Authorization": "Bearer x"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()}, basic("alice", "x" * 5000),
    ],
)  # fmt: skip
async def test_everything_else_is_unauthenticated(ask: Ask, accounts: Accounts, headers: dict[str, str]) -> None:
    authenticator = accounts.authenticator()
    for _ in range(2):  # the second time from memory
        with pytest.raises(Unauthenticated):
            await ask(authenticator, headers)


async def test_known_user_without_a_project_is_told_so(ask: Ask, accounts: Accounts) -> None:
    with pytest.raises(Forbidden, match="identity file"):
        await ask(accounts.authenticator(), basic("lost", "secret"))


async def test_password_is_checked_once_and_then_remembered(
    ask: Ask, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *given: checks.append(given) or check(*given))
    authenticator = accounts.authenticator()
    for _ in range(5):
        await ask(authenticator, basic("alice", "secret"))
    assert len(checks) == 1


async def test_unknown_name_costs_a_check_like_a_known_one(
    ask: Ask, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = []
    monkeypatch.setattr(bcrypt, "checkpw", lambda *given: bool(checks.append(given)))
    for name in ("alice", "nobody"):
        with pytest.raises(Unauthenticated):
            await ask(accounts.authenticator(), basic(name, "guess"))
    assert len(checks) == 2
    assert checks[0][1][:7] == checks[1][1][:7], "the same algorithm and rounds"


async def test_changed_files_hold_at_once_and_broken_ones_do_not(ask: Ask, accounts: Accounts) -> None:
    authenticator = accounts.authenticator()
    await ask(authenticator, basic("alice", "secret"))
    accounts.htpasswd.write_text(f"alice:{hashed('changed')}\n")
    with pytest.raises(Unauthenticated):
        await ask(authenticator, basic("alice", "secret"))
    accounts.htpasswd.write_text("rubbish\n")
    assert (await ask(authenticator, basic("alice", "changed"))).project == "research"


@pytest.mark.parametrize("line", ["alice", "alice:$apr1$x$y", "alice:plain", ":$2y$04$" + "a" * 53])
def test_malformed_password_file_is_named_with_its_line(accounts: Accounts, line: str) -> None:
    accounts.htpasswd.write_text(f"# first\n{line}\n")
    with pytest.raises(ConfigError) as refused:
        accounts.authenticator()
    assert (refused.value.file, refused.value.line) == (str(accounts.htpasswd), 2)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="htpasswd_file"):
        BasicAuthentication(ServerSettings(), is_admin)


@given(st.text())
def test_no_authorization_header_surprises(header: str) -> None:
    credentials(header)


async def test_anonymous_callers_may_only_read_where_allowed(ask: Ask, accounts: Accounts) -> None:
    caller = await ask(accounts.authenticator(allow_anonymous_access=True), {})
    assert (caller.read_only, caller.is_admin, caller.project, caller.roles) == (True, False, None, frozenset())


# -- headers ---------------------------------------------------------------------------------------------------------
PROXY = HeaderAuthentication(ServerSettings(trusted_peers=("192.0.2.0/24", "2001:db8::7")), is_admin)
CONFIRMED = {"X-Identity-Status": "Confirmed"}


async def test_identity_comes_from_the_trusted_proxy(ask: Ask) -> None:
    headers = CONFIRMED | {
        "X-User-Id": "u", "X-Project-Id": "p", "X-Tenant-Id": "other", "X-Roles": " Admin,member ,, ",
        "X-Service-Roles": "Service", "X-User-Domain-Id": "ud", "X-Project-Domain-Id": "pd",
        "OpenStack-System-Scope": "all",
    }  # fmt: skip
    caller = await ask(PROXY, headers)
    assert (caller.user, caller.project, caller.is_admin) == ("u", "p", True)
    assert (caller.roles, caller.service_roles) == ({"admin", "member"}, {"service"})
    assert (caller.user_domain, caller.project_domain, caller.system_scope) == ("ud", "pd", "all")


async def test_older_name_of_the_project_counts_and_none_is_no_project(ask: Ask) -> None:
    assert (await ask(PROXY, CONFIRMED | {"X-Tenant-Id": "p"})).project == "p"
    assert (await ask(PROXY, CONFIRMED)).project is None


@pytest.mark.parametrize("peer", ["192.0.3.1", "2001:db8::8", "127.0.0.1", "nonsense", None])
async def test_nobody_else_is_believed(ask: Ask, peer: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await ask(PROXY, CONFIRMED | {"X-Roles": "admin"}, peer)


@pytest.mark.parametrize("peer", ["192.0.2.200", "2001:db8::7", "::ffff:192.0.2.1"])
async def test_listed_peers_and_unix_sockets_are_believed(ask: Ask, peer: str) -> None:
    assert (await ask(PROXY, CONFIRMED, peer)).user is None
    assert (await ask(PROXY, CONFIRMED, None, unix=True)).user is None


async def test_unconfirmed_identity_is_unauthenticated(ask: Ask) -> None:
    for status in ({}, {"X-Identity-Status": "Invalid"}):
        with pytest.raises(Unauthenticated):
            await ask(PROXY, status | {"X-Roles": "admin"})


async def test_header_that_a_client_slipped_past_the_proxy_is_noticed(pools: Pools) -> None:
    twice = [(b"x-identity-status", b"Confirmed"), (b"x-roles", b"admin"), (b"x-roles", b"reader")]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": twice, "client": ("192.0.2.1", 1)}
    with pytest.raises(Unauthenticated):
        await PROXY.caller(Request(scope), "req-1")


def test_peer_that_is_no_network_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="trusted_peers"):
        HeaderAuthentication(ServerSettings(trusted_peers=("proxy.example",)), is_admin)


# -- keystone, against an imitation that can be made to fail (the real one is in tests/conformance) -------------------
class FakeKeystone:
    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, bool]] = []
        self.fails_with = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def token(self, name: str) -> dict[str, object] | None:
        now = datetime.now(UTC)
        if name == "service":
            return {
                "user": {"id": "nova"},
                "roles": [{"name": "Service"}],
                "expires_at": stamp(now + timedelta(hours=1)),
            }
        if name not in {"alice", "old"}:
            return None
        return {
            "user": {"id": name, "domain": {"id": "default"}},
            "project": {"id": "research", "domain": {"id": "default"}},
            "roles": [{"name": "Member"}, {"name": "reader"}],
            "expires_at": stamp(now + timedelta(hours=-1 if name == "old" else 1)),
        }


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@contextmanager
def fake_keystone() -> Iterator[FakeKeystone]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in (
                {"Content-Length": str(len(body)), "Content-Type": "application/json"} | (headers or {})
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if "/auth/tokens" not in self.path:
                version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": keystone.url}]}
                self.answer(200, {"version": version})
                return
            name, expired = self.headers["X-Subject-Token"], "allow_expired" in self.path
            keystone.asked.append((name, expired))
            keystone.may_answer.wait(10)
            found = keystone.token(name)
            if keystone.fails_with:
                self.answer(keystone.fails_with, {"error": {}})
            elif found is None or (name == "old" and not expired):
                self.answer(404, {"error": {}})
            else:
                self.answer(200, {"token": found})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(201, {"token": keystone.token("service") | {"catalog": []}}, {"X-Subject-Token": "own"})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    keystone = FakeKeystone(f"http://127.0.0.1:{server.server_port}/v3")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield keystone
    finally:
        keystone.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def keystone() -> Iterator[FakeKeystone]:
    with fake_keystone() as running:
        yield running


def tokens_of(keystone: FakeKeystone, **more: object) -> KeystoneAuthentication:
    options = {
        "auth_url": keystone.url, "username": "glance", "password": "x", "project_name": "service",
        "user_domain_name": "Default", "project_domain_name": "Default",
    }  # fmt: skip
    return KeystoneAuthentication(ServerSettings(keystone=options, **more), is_admin)


async def test_token_becomes_a_caller_and_is_remembered(ask: Ask, keystone: FakeKeystone) -> None:
    authenticator = tokens_of(keystone)
    for _ in range(3):
        caller = await ask(authenticator, {"X-Auth-Token": "alice"})
        assert (caller.user, caller.project, caller.roles) == ("alice", "research", {"member", "reader"})
        assert (caller.user_domain, caller.project_domain) == ("default", "default")
    assert keystone.asked == [("alice", False)]


async def test_unknown_token_is_unauthenticated_and_not_asked_about_again_at_once(
    ask: Ask, keystone: FakeKeystone
) -> None:
    authenticator = tokens_of(keystone)
    for headers in ({}, {"X-Auth-Token": ""}, {"X-Auth-Token": "é"}, {"X-Auth-Token": "x" * 20_000}):
        with pytest.raises(Unauthenticated):
            await ask(authenticator, headers)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await ask(authenticator, {"X-Auth-Token": "forged"})
    assert keystone.asked == [("forged", False)]


async def test_many_requests_with_one_token_ask_once(ask: Ask, keystone: FakeKeystone) -> None:
    authenticator = tokens_of(keystone)
    keystone.may_answer.clear()
    tasks = [asyncio.create_task(ask(authenticator, {"X-Auth-Token": "alice"})) for _ in range(20)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0.05)
    keystone.may_answer.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, Caller) for result in done) == 19
    assert keystone.asked == [("alice", False)]


@pytest.mark.parametrize("status", [500, 503, 403, 401, 429])
async def test_keystone_that_cannot_answer_is_503_and_never_401(ask: Ask, keystone: FakeKeystone, status: int) -> None:
    authenticator = tokens_of(keystone)
    keystone.fails_with = status
    with pytest.raises(Unavailable):
        await ask(authenticator, {"X-Auth-Token": "alice"})
    keystone.fails_with = 0
    assert (await ask(authenticator, {"X-Auth-Token": "alice"})).user == "alice"


async def test_keystone_that_is_gone_is_503(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unavailable):
        await ask(tokens_of(FakeKeystone(url)), {"X-Auth-Token": "alice"})


async def test_service_token_gives_service_roles_and_lets_old_tokens_finish(ask: Ask, keystone: FakeKeystone) -> None:
    authenticator = tokens_of(keystone)
    with pytest.raises(Unauthenticated):
        await ask(authenticator, {"X-Auth-Token": "old"})
    caller = await ask(authenticator, {"X-Auth-Token": "old", "X-Service-Token": "service"})
    assert (caller.user, caller.service_roles) == ("old", {"service"})
    with pytest.raises(Unauthenticated):
        await ask(authenticator, {"X-Auth-Token": "alice", "X-Service-Token": "forged"})


async def test_token_of_no_service_gives_no_service_roles(ask: Ask, keystone: FakeKeystone) -> None:
    caller = await ask(tokens_of(keystone), {"X-Auth-Token": "alice", "X-Service-Token": "alice"})
    assert caller.service_roles == frozenset()


def test_refusal_says_where_to_log_in(keystone: FakeKeystone) -> None:
    assert tokens_of(keystone).challenge == f'Keystone uri="{keystone.url}"'
    assert (
        tokens_of(keystone, www_authenticate_uri="https://id.example").challenge == 'Keystone uri="https://id.example"'
    )


@pytest.mark.parametrize("options", [{}, {"auth_url": "http://x", "auth_type": "nonsense"}])
def test_incomplete_account_stops_the_start(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="keystone_authtoken"):
        KeystoneAuthentication(ServerSettings(keystone=options), is_admin)


# -- memory ----------------------------------------------------------------------------------------------------------
def test_memory_forgets_in_time_and_stays_within_its_bound() -> None:
    now = [0.0]
    memory: Memory[int] = Memory(3, clock=lambda: now[0])
    names = [memory.name(str(number).encode()) for number in range(5)]
    for number, name in enumerate(names):
        memory.keep(name, number, 10)
    assert [memory.recall(name) for name in names] == [None, None, 2, 3, 4]
    now[0] = 10.0
    assert memory.recall(names[4]) is None


def test_memory_does_not_hold_the_secret() -> None:
    memory: Memory[int] = Memory(3)
    memory.keep(memory.name(b"password-Xq"), 1, 10)
    assert "password-Xq" not in repr(vars(memory))
    assert memory.name(b"ab", b"c") != memory.name(b"a", b"bc")
