"""Tokens of a real Keystone, validated with the service's own credentials and remembered for a short while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from keystoneauth1 import exceptions, loading
from keystoneauth1.session import Session
from starlette.requests import Request

from glancetui.config.settings import ServerSettings
from glancetui.errors import ConfigError, Unavailable
from glancetui.model import Caller
from glancetui.server.auth.base import Admission, IsAdmin, Memory
from glancetui.server.auth.catalog import Catalog
from glancetui.server.bridge import in_slow_thread

log = logging.getLogger(__name__)

REMEMBERED = 20_000  # tokens
REFUSED_SECONDS = 10.0  # a token that Keystone did not know is not asked about again for so long
LONGEST_TOKEN = 16_384  # characters
SECONDS = 30.0  # for an answer of Keystone
DOWN = "Keystone cannot say now whose token this is. Try again in a moment."


class Domain(msgspec.Struct, frozen=True):
    id: str | None = None


class Named(msgspec.Struct, frozen=True):
    id: str
    domain: Domain = Domain()


class Role(msgspec.Struct, frozen=True):
    name: str


class Token(msgspec.Struct, frozen=True):
    """What Keystone says of a token; only what is used."""

    expires_at: datetime
    user: Named
    project: Named | None = None
    domain: Domain | None = None
    system: dict[str, Any] | None = None  # {"all": true}
    roles: tuple[Role, ...] = ()

    @property
    def role_names(self) -> frozenset[str]:
        return frozenset(role.name.lower() for role in self.roles)


class Answer(msgspec.Struct, frozen=True):
    token: Token


class KeystoneAuthentication:
    def __init__(self, server: ServerSettings, is_admin: IsAdmin) -> None:
        """Raises ConfigError where [keystone_authtoken] is incomplete. Keystone is asked only when tokens come."""
        self._keystone = Keystone(server.keystone)
        self.challenge: str | None = f'Keystone uri="{server.www_authenticate_uri or self._keystone.url}"'
        self._service_token_roles = frozenset(role.lower() for role in server.service_token_roles)
        self._seconds = server.token_cache_seconds
        self._admission = Admission(is_admin, allow_anonymous=server.allow_anonymous_access)
        self._known: Memory[Token] = Memory(REMEMBERED)
        self._refused: Memory[bool] = Memory(REMEMBERED)
        self._asking: dict[bytes, asyncio.Task[Token | None]] = {}

    async def caller(self, request: Request, request_id: str) -> Caller:
        token = request.headers.get("x-auth-token")
        if token is None:
            return self._admission.unknown("Send a token of Keystone in X-Auth-Token.", request_id)
        service_roles = frozenset[str]()
        service_token = request.headers.get("x-service-token")
        if service_token is not None:
            service = await self._token(request, service_token, allow_expired=False)
            if service is None:
                return self._admission.unknown("The service token is not valid. Get a new one.", request_id)
            service_roles = service.role_names
        # A service that acts for a user may take longer than the user's token lives.
        trusted = bool(service_roles & self._service_token_roles)
        found = await self._token(request, token, allow_expired=trusted)
        if found is None:
            return self._admission.unknown("The token is not valid or has expired. Get a new one.", request_id)
        return self._admission.admit(caller_of_token(found, service_roles if trusted else frozenset()), request_id)

    def catalog(self, request: Request) -> Catalog:
        return Catalog(self._keystone.catalog(request.headers.get("x-auth-token", "")))

    async def _token(self, request: Request, token: str, *, allow_expired: bool) -> Token | None:
        """None for a token that Keystone does not know. Raises Unavailable."""
        if not token or len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        name = self._known.name(token.encode(), b"expired" if allow_expired else b"")
        known = self._known.recall(name)
        if known is not None and (allow_expired or seconds_left(known) > 0):
            return known
        if self._refused.recall(name):
            return None
        # However many requests bring the same token, Keystone is asked once. No request's own end cancels the question.
        asking = self._asking.get(name)
        if asking is None:
            asking = asyncio.create_task(self._ask(request, token, name, allow_expired=allow_expired))
            self._asking[name] = asking
            asking.add_done_callback(lambda _: self._asking.pop(name, None))
        return await asyncio.shield(asking)

    async def _ask(self, request: Request, token: str, name: bytes, *, allow_expired: bool) -> Token | None:
        found = await in_slow_thread(request, self._keystone.validate, token, allow_expired)
        if found is None or not (allow_expired or seconds_left(found) > 0):
            self._refused.keep(name, value=True, seconds=min(REFUSED_SECONDS, self._seconds))
            return None
        lives = self._seconds if allow_expired else min(self._seconds, seconds_left(found))
        self._known.keep(name, found, lives)
        return found


class Keystone:
    """The service's own account at Keystone. Callable from many threads."""

    def __init__(self, options: Mapping[str, str]) -> None:
        """`options`: [keystone_authtoken]. Raises ConfigError."""
        self.url = v3_url(options)
        self._session = session_of(options)

    def validate(self, token: str, allow_expired: bool) -> Token | None:
        """None: Keystone does not know it. Raises Unavailable for everything that is not the caller's fault."""
        query = "?nocatalog&allow_expired=1" if allow_expired else "?nocatalog"
        try:
            response = self._session.get(
                f"{self.url}/auth/tokens{query}",
                headers={"X-Subject-Token": token, "Accept": "application/json"},
                raise_exc=False,
                connect_retries=1,
                log=False,  # it would hold tokens
            )
        except exceptions.ClientException as error:
            log.error("Keystone at %s cannot be asked: %s", self.url, error)  # noqa: TRY400 - an expected failure
            raise Unavailable(DOWN) from error
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            log.error(
                "Keystone at %s answered %d when asked about a token. Check the account in [keystone_authtoken].",
                self.url,
                response.status_code,
            )
            raise Unavailable(DOWN)
        return decode(response.content)

    def catalog(self, token: str) -> list[Any]:  # Any: JSON
        """The catalogue that belongs to a caller's token. Raises Unavailable."""
        try:
            response = self._session.get(
                f"{self.url}/auth/catalog",
                headers={"X-Auth-Token": token, "Accept": "application/json"},
                authenticated=False,
                raise_exc=False,
                connect_retries=1,
                log=False,  # it would hold tokens
            )
            entries = response.json().get("catalog") if response.status_code == 200 else None
        except (exceptions.ClientException, ValueError, AttributeError) as error:
            raise Unavailable(DOWN) from error
        return entries if isinstance(entries, list) else []


def decode(body: bytes) -> Token:
    try:
        return msgspec.json.decode(body, type=Answer).token
    except msgspec.MsgspecError as error:
        log.error("Keystone's answer about a token makes no sense: %s", error)  # noqa: TRY400 - the sentence says it all
        raise Unavailable(DOWN) from error


def caller_of_token(token: Token, service_roles: frozenset[str]) -> Caller:
    return Caller(
        user=token.user.id,
        project=token.project.id if token.project else None,
        roles=token.role_names,
        service_roles=service_roles,
        user_domain=token.user.domain.id,
        project_domain=token.project.domain.id if token.project else None,
        domain=token.domain.id if token.domain else None,
        system_scope="all" if token.system and token.system.get("all") else None,
    )


def seconds_left(token: Token) -> float:
    expires = token.expires_at if token.expires_at.tzinfo else token.expires_at.replace(tzinfo=UTC)
    return (expires - datetime.now(UTC)).total_seconds()


def v3_url(options: Mapping[str, str], section: str = "keystone_authtoken") -> str:
    url = options.get("auth_url", "").rstrip("/")
    if not url:
        raise ConfigError(f"[{section}] needs auth_url, Keystone's address.")
    return url if url.endswith("/v3") else f"{url}/v3"


def session_of(options: Mapping[str, str], section: str = "keystone_authtoken") -> Session:
    """The service's own account as a section of the configuration describes it. Raises ConfigError."""
    return Session(
        auth=load_account(options, section),
        verify=not is_true(options.get("insecure", "")) and (options.get("cafile") or True),
        cert=client_certificate(options),
        timeout=SECONDS,
        user_agent="glancetui",
    )


def load_account(options: Mapping[str, str], section: str) -> Any:  # noqa: ANN401 - keystoneauth1 has no types
    """The plug-in that logs the service in. Raises ConfigError."""
    kind = options.get("auth_type") or options.get("auth_plugin") or "password"
    try:
        loader: Any = loading.get_plugin_loader(kind)
    except exceptions.NoMatchingPlugin as error:
        raise ConfigError(f"[{section}] auth_type: {kind!r} is none that keystoneauth1 knows.") from error
    values = {}
    for option in loader.get_options():
        spellings = [option.dest, *(old.dest for old in option.deprecated)]
        value = next((options[name] for name in spellings if options.get(name)), None)
        if value is not None:
            values[option.dest] = value
    try:
        return loader.load_from_options(**values)
    except (exceptions.ClientException, TypeError, ValueError) as error:
        raise ConfigError(f"[{section}] does not say how to log in: {error}.") from error


def client_certificate(options: Mapping[str, str]) -> Any:  # noqa: ANN401 - as requests takes it
    certificate, key = options.get("certfile"), options.get("keyfile")
    return (certificate, key) if certificate and key else certificate or None


def is_true(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}
