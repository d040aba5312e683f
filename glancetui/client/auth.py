"""Who we are to an endpoint: nobody in particular, an HTTP Basic user, the bearer of a token, a Keystone identity."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from glancetui.client.cancel import CancelToken
from glancetui.client.problems import ServerFault, error_of
from glancetui.client.transport import Address, Transport, address_of
from glancetui.client.values import moment, text
from glancetui.errors import ConfigError, NotFound, Unauthenticated

RENEW_BEFORE = timedelta(seconds=60)
API_SUFFIX = re.compile(r"/v\d+(\.\d+)?/?$")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the endpoint takes us for, as far as we can know."""

    user: str | None = None
    project_id: str | None = None
    project: str | None = None  # its name
    roles: tuple[str, ...] = ()


class Authentication(Protocol):
    """Callable from many threads."""

    def headers(self, transport: Transport, token: CancelToken | None = None) -> Mapping[str, str]:
        """What to send with a request. May ask for a token first; raises Unauthenticated or Unavailable."""

    def refused(self, sent: Mapping[str, str]) -> bool:
        """The endpoint answered 401 to `sent`. True: it is worth another try."""

    def endpoint(self, transport: Transport, token: CancelToken | None = None) -> Address:
        """Where the Image API is. Raises ConfigError or NotFound where that is not known."""

    def caller(self, transport: Transport, token: CancelToken | None = None) -> Caller: ...


class FixedHeaders:
    """No renewal: headers that are the same for every request, and an endpoint that was given."""

    def __init__(self, endpoint: Address | None, headers: Mapping[str, str], caller: Caller) -> None:
        self._endpoint, self._headers, self._caller = endpoint, dict(headers), caller

    def headers(self, transport: Transport, token: CancelToken | None = None) -> Mapping[str, str]:  # noqa: ARG002  # Protocol
        return self._headers

    def refused(self, sent: Mapping[str, str]) -> bool:  # noqa: ARG002  # Protocol
        return False

    def endpoint(self, transport: Transport, token: CancelToken | None = None) -> Address:  # noqa: ARG002  # Protocol
        if self._endpoint is None:
            raise ConfigError(
                "No endpoint is configured. Give --endpoint URL, or endpoint: under auth: in clouds.yaml."
            )
        return self._endpoint

    def caller(self, transport: Transport, token: CancelToken | None = None) -> Caller:  # noqa: ARG002  # Protocol
        return self._caller


def nobody(endpoint: Address | None) -> FixedHeaders:
    """No authentication at all."""
    return FixedHeaders(endpoint, {}, Caller())


def basic(endpoint: Address | None, user: str, password: str) -> FixedHeaders:
    """HTTP Basic."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return FixedHeaders(endpoint, {"Authorization": f"Basic {credentials}"}, Caller(user=user))


def bearer(endpoint: Address | None, token: str) -> FixedHeaders:
    """A token that somebody else took, and that we cannot renew."""
    return FixedHeaders(endpoint, {"X-Auth-Token": token.strip()}, Caller())


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A token and what came with it."""

    token: str
    expires_at: datetime | None
    caller: Caller
    catalog: Sequence[object]


class Keystone:
    """Tokens of a Keystone v3: kept in memory only, renewed before they end or when one is refused."""

    def __init__(
        self,
        auth_url: str,
        identity: Mapping[str, object],
        *,
        interface: str = "public",
        region: str | None = None,
        endpoint: Address | None = None,
    ) -> None:
        """`identity` is the value of `auth` in the request for a token; `endpoint` overrides the catalogue."""
        self._address = address_of(API_SUFFIX.sub("", auth_url))
        self._identity = identity
        self._interface = interface.removesuffix("URL").removesuffix("url")
        self._region = region
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._session: Session | None = None

    def headers(self, transport: Transport, token: CancelToken | None = None) -> Mapping[str, str]:
        return {"X-Auth-Token": self._current(transport, token).token}

    def refused(self, sent: Mapping[str, str]) -> bool:
        """Forget the token that was refused, unless another thread has replaced it already."""
        with self._lock:
            if self._session and self._session.token == sent.get("X-Auth-Token"):
                self._session = None
        return True

    def endpoint(self, transport: Transport, token: CancelToken | None = None) -> Address:
        if self._endpoint is not None:
            return self._endpoint
        catalog = self._current(transport, token).catalog
        return address_of(API_SUFFIX.sub("", image_endpoint(catalog, self._interface, self._region)))

    def caller(self, transport: Transport, token: CancelToken | None = None) -> Caller:
        return self._current(transport, token).caller

    def _current(self, transport: Transport, token: CancelToken | None) -> Session:
        with self._lock:  # held while asking, so that many threads ask once
            if self._session is None or is_ending(self._session):
                self._session = self._new_session(transport, token)
            return self._session

    def _new_session(self, transport: Transport, token: CancelToken | None) -> Session:
        answer = transport.request(
            "POST",
            self._address,
            "/v3/auth/tokens",
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=msgspec.json.encode({"auth": self._identity}),
            token=token,
            changes=False,
        )
        if answer.status != 201:
            raise error_of(answer.status, answer.headers, answer.body, "POST", f"{self._address}/v3/auth/tokens")
        subject = answer.headers.get("x-subject-token")
        if not subject:
            raise ServerFault(f"{self._address} answered without a token. Is OS_AUTH_URL the address of a Keystone?")
        return session_of(subject, answer.body)


def is_ending(session: Session) -> bool:
    now = datetime.now(UTC).replace(tzinfo=None)
    return session.expires_at is not None and session.expires_at - RENEW_BEFORE < now


def session_of(subject: str, body: bytes) -> Session:
    """Read the answer to a request for a token."""
    try:
        document = msgspec.json.decode(body, type=dict[str, dict[str, object]])["token"]
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError) as error:
        raise ServerFault("Keystone's answer is not a token document.") from error
    user, project, roles, catalog = (document.get(key) for key in ("user", "project", "roles", "catalog"))
    names = [role.get("name") for role in roles if isinstance(role, dict)] if isinstance(roles, list) else []
    caller = Caller(
        user=text(user.get("name")) if isinstance(user, dict) else None,
        project_id=text(project.get("id")) if isinstance(project, dict) else None,
        project=text(project.get("name")) if isinstance(project, dict) else None,
        roles=tuple(name for name in names if isinstance(name, str)),
    )
    entries = catalog if isinstance(catalog, list) else []
    return Session(token=subject, expires_at=moment(document.get("expires_at")), caller=caller, catalog=entries)


def image_endpoint(catalog: Sequence[object], interface: str, region: str | None) -> str:
    """The Image API's URL in a catalogue. Raises NotFound with what there is instead."""
    offers = [
        endpoint
        for service in catalog
        if isinstance(service, dict) and service.get("type") == "image" and isinstance(service.get("endpoints"), list)
        for endpoint in service["endpoints"]
        if isinstance(endpoint, dict) and isinstance(endpoint.get("url"), str)
    ]
    for offer in offers:
        here = region is None or region in {offer.get("region_id"), offer.get("region")}
        if here and offer.get("interface") == interface:
            return str(offer["url"])
    known = sorted({f"{offer.get('interface')} in {offer.get('region_id') or offer.get('region')}" for offer in offers})
    wanted = f"{interface} endpoint" + (f" in region {region}" if region else "")
    raise NotFound(f"Keystone's catalogue has no image service with a {wanted}; it has: {', '.join(known) or 'none'}.")


# What to say to Keystone ----------------------------------------------------------------------------------------------


def password_identity(auth: Mapping[str, str]) -> Mapping[str, object]:
    """`auth` of a token request: a user's password. Keys are those of clouds.yaml."""
    user: dict[str, object] = {"password": needed(auth, "password")}
    if auth.get("user_id"):
        user["id"] = auth["user_id"]
    else:
        user |= {"name": needed(auth, "username"), "domain": domain(auth, "user_domain") or {"id": "default"}}
    return {"identity": {"methods": ["password"], "password": {"user": user}}, **scope(auth)}


def token_identity(auth: Mapping[str, str]) -> Mapping[str, object]:
    """Another token, perhaps for another scope."""
    return {"identity": {"methods": ["token"], "token": {"id": needed(auth, "token")}}, **scope(auth)}


def application_credential_identity(auth: Mapping[str, str]) -> Mapping[str, object]:
    """An application credential, which brings its scope along."""
    credential: dict[str, object] = {"secret": needed(auth, "application_credential_secret")}
    if auth.get("application_credential_id"):
        credential["id"] = auth["application_credential_id"]
    else:
        credential["name"] = needed(auth, "application_credential_name")
        by_id = {"id": auth["user_id"]} if auth.get("user_id") else None
        credential["user"] = by_id or {
            "name": needed(auth, "username"),
            "domain": domain(auth, "user_domain") or {"id": "default"},
        }
    return {"identity": {"methods": ["application_credential"], "application_credential": credential}}


def scope(auth: Mapping[str, str]) -> Mapping[str, object]:
    """The scope to ask for, or nothing: then Keystone takes the user's default project."""
    if auth.get("system_scope"):
        return {"scope": {"system": {"all": True}}}
    if auth.get("project_id"):
        return {"scope": {"project": {"id": auth["project_id"]}}}
    if auth.get("project_name"):
        where = domain(auth, "project_domain") or domain(auth, "user_domain") or {"id": "default"}
        return {"scope": {"project": {"name": auth["project_name"], "domain": where}}}
    by_domain = domain(auth, "domain")
    return {"scope": {"domain": by_domain}} if by_domain else {}


def domain(auth: Mapping[str, str], prefix: str) -> Mapping[str, str] | None:
    if auth.get(f"{prefix}_id"):
        return {"id": auth[f"{prefix}_id"]}
    if auth.get(f"{prefix}_name"):
        return {"name": auth[f"{prefix}_name"]}
    fallback = auth.get("default_domain") if prefix != "domain" else None
    return {"id": fallback} if fallback else None


def needed(auth: Mapping[str, str], key: str) -> str:
    value = auth.get(key)
    if not value:
        raise Unauthenticated(
            f"To sign in, {key} is missing: set OS_{key.upper()}, or {key}: under auth: in clouds.yaml."
        )
    return value
