from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from glancetui.client import auth
from glancetui.client.client import Client
from glancetui.client.clouds import Cloud, connect
from glancetui.client.problems import ServerFault
from glancetui.client.transport import Transport
from glancetui.errors import ConfigError, NotFound, Unauthenticated
from tests.client.scripted import Asked, Reply, Scripted, scripted

PASSWORD = {"username": "ana", "password": "pw", "project_name": "demo"}
IMAGE = {"id": "3f2a6c1e-9d0b-4c52-8f1e-0c7a2b9d4e11", "status": "active"}


class Cloudlet:
    """A Keystone and an image service in one, which forget tokens when told to."""

    def __init__(self) -> None:
        self.issued = 0
        self.valid: set[str] = set()
        self.lifetime = timedelta(hours=1)
        self.url = ""

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/v3/auth/tokens":
            return self.issue(asked)
        if asked.headers.get("x-auth-token") not in self.valid:
            return Reply(401, {"error": {"message": "The request you have made requires authentication.", "code": 401}})
        return Reply(body=IMAGE)

    def issue(self, asked: Asked) -> Reply:
        if '"wrong"' in asked.body.decode():
            return Reply(401, {"error": {"message": "The password is wrong.", "code": 401}})
        self.issued += 1
        token = f"token-{self.issued}"
        self.valid.add(token)
        ends = (datetime.now(UTC) + self.lifetime).isoformat()
        catalog = [
            {"type": "identity", "endpoints": [{"interface": "public", "url": "http://nowhere"}]},
            {
                "type": "image",
                "endpoints": [
                    {"interface": "public", "region_id": "one", "url": f"{self.url}/image/v2/"},
                    {"interface": "internal", "region_id": "two", "url": f"{self.url}/internal"},
                ],
            },
        ]
        document = {
            "expires_at": ends,
            "user": {"name": "ana"},
            "project": {"id": "p1", "name": "demo"},
            "roles": [{"name": "member"}],
            "catalog": catalog,
        }
        return Reply(201, {"token": document}, {"X-Subject-Token": token})


@pytest.fixture
def cloudlet() -> Iterator[tuple[Cloudlet, Scripted]]:
    keystone = Cloudlet()
    with scripted(keystone) as server:
        keystone.url = server.url
        yield keystone, server


def client_for(url: str, **fields: object) -> Client:
    return connect(Cloud(name="t", source="test", auth={"auth_url": url, **PASSWORD}, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["", "/", "/v3", "/v3/", "/v2.0"])
def test_a_password_becomes_a_token_and_the_catalogue_an_endpoint(
    cloudlet: tuple[Cloudlet, Scripted], suffix: str
) -> None:
    _, server = cloudlet
    with client_for(server.url + suffix) as client:
        assert client.image("x").id == IMAGE["id"]
        assert client.caller() == auth.Caller(user="ana", project_id="p1", project="demo", roles=("member",))
    identity = server.asked[0].json["auth"]
    assert identity["identity"]["password"]["user"]["domain"] == {"id": "default"}
    assert identity["scope"] == {"project": {"name": "demo", "domain": {"id": "default"}}}
    assert [asked.path for asked in server.asked] == ["/v3/auth/tokens", "/image/v2/images/x"]


def test_interface_and_region_choose_among_endpoints(cloudlet: tuple[Cloudlet, Scripted]) -> None:
    _, server = cloudlet
    with client_for(server.url, interface="internal", region="two") as client:
        assert str(client.address()).endswith("/internal")
    with (
        client_for(server.url, region="three") as client,
        pytest.raises(NotFound, match="internal in two, public in one"),
    ):
        client.address()


def test_a_token_that_is_refused_is_renewed_once(cloudlet: tuple[Cloudlet, Scripted]) -> None:
    keystone, server = cloudlet
    with client_for(server.url) as client:
        client.image("x")
        keystone.valid.clear()
        client.image("x")
        assert keystone.issued == 2
        keystone.issue = lambda _: Reply(201, {"token": {}}, {"X-Subject-Token": "never-valid"})  # type: ignore[method-assign]
        keystone.valid.clear()
        with pytest.raises(Unauthenticated):
            client.image("x")


def test_a_token_about_to_end_is_renewed_before_it_is_sent(cloudlet: tuple[Cloudlet, Scripted]) -> None:
    keystone, server = cloudlet
    keystone.lifetime = timedelta(seconds=30)
    with client_for(server.url) as client:
        client.image("x")
        client.image("x")
    assert keystone.issued >= 2


def test_a_wrong_password_is_keystones_own_sentence(cloudlet: tuple[Cloudlet, Scripted]) -> None:
    _, server = cloudlet
    cloud = Cloud(name="t", source="test", auth={"auth_url": server.url, **PASSWORD, "password": "wrong"})
    with connect(cloud) as client, pytest.raises(Unauthenticated, match="password is wrong"):
        client.image("x")


@pytest.mark.parametrize(
    "reply", [Reply(201, b"no json", {"X-Subject-Token": "t"}), Reply(201, {"token": {}}), Reply(200, b"")]
)
def test_a_server_that_is_no_keystone_is_told_apart(reply: Reply) -> None:
    with scripted(lambda _: reply) as server, client_for(server.url) as client, pytest.raises(ServerFault):
        client.image("x")


IDENTITIES: list[tuple[Callable[..., object], dict[str, str], dict[str, object]]] = [
    (
        auth.password_identity,
        {"user_id": "u", "password": "p", "project_id": "i"},
        {
            "identity": {"methods": ["password"], "password": {"user": {"id": "u", "password": "p"}}},
            "scope": {"project": {"id": "i"}},
        },
    ),
    (
        auth.password_identity,
        {"username": "u", "user_domain_name": "D", "password": "p", "system_scope": "all"},
        {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "u", "password": "p", "domain": {"name": "D"}}},
            },
            "scope": {"system": {"all": True}},
        },
    ),
    (
        auth.application_credential_identity,
        {"application_credential_id": "i", "application_credential_secret": "s"},
        {"identity": {"methods": ["application_credential"], "application_credential": {"id": "i", "secret": "s"}}},
    ),
    (
        auth.application_credential_identity,
        {"application_credential_name": "n", "application_credential_secret": "s", "user_id": "u"},
        {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": {"name": "n", "secret": "s", "user": {"id": "u"}},
            }
        },
    ),
    (
        auth.token_identity,
        {"token": "t", "domain_id": "d"},
        {"identity": {"methods": ["token"], "token": {"id": "t"}}, "scope": {"domain": {"id": "d"}}},
    ),
]


@pytest.mark.parametrize(("build", "given", "wanted"), IDENTITIES)
def test_each_way_to_sign_in_says_what_keystone_expects(
    build: Callable[..., object], given: dict[str, str], wanted: dict[str, object]
) -> None:
    assert build(given) == wanted


def test_what_is_missing_is_named_without_its_value() -> None:
    with pytest.raises(Unauthenticated, match="OS_PASSWORD"):
        auth.password_identity({"username": "ana"})


def test_basic_and_bearer_send_their_header_and_cannot_renew() -> None:
    with scripted(lambda asked: Reply(401)) as server:
        for kind, given, header in (
            ("http_basic", {"username": "ana", "password": "pw"}, ("authorization", "Basic YW5hOnB3")),
            ("admin_token", {"token": "t0"}, ("x-auth-token", "t0")),
        ):
            cloud = Cloud(name="", source="test", auth_type=kind, auth={**given, "endpoint": server.url})
            with connect(cloud) as client, pytest.raises(Unauthenticated):
                client.image("x")
            assert server.asked[-1].headers[header[0]] == header[1]
        assert len(server.asked) == 2


def test_no_endpoint_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="--endpoint"):
        auth.nobody(None).endpoint(Transport())


def test_an_unknown_way_to_sign_in_is_named() -> None:
    with pytest.raises(ConfigError, match="v3kerberos"):
        connect(Cloud(name="c", source="test", auth_type="v3kerberos"))
