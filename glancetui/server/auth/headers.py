"""Identity headers, set by a proxy that has done the authentication. Believed only from where the proxy speaks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import Scope

from glancetui.config.settings import ServerSettings
from glancetui.errors import ConfigError, Unauthenticated
from glancetui.model import Caller
from glancetui.server.auth.base import Admission, IsAdmin
from glancetui.server.auth.catalog import Catalog
from glancetui.server.peers import Network, is_among, is_local_socket


class HeaderAuthentication:
    challenge: str | None = None

    def __init__(self, server: ServerSettings, is_admin: IsAdmin) -> None:
        """Raises ConfigError for a trusted peer that is no address and no network."""
        self._peers = networks(server.trusted_peers)
        self._admission = Admission(is_admin, allow_anonymous=server.allow_anonymous_access)

    async def caller(self, request: Request, request_id: str) -> Caller:
        if not self._is_trusted(request.scope):
            return self._admission.unknown("Identity headers are believed only from the trusted proxy.", request_id)
        headers = single_headers(request.scope)
        if headers.get("x-identity-status", "").lower() != "confirmed":
            return self._admission.unknown("The proxy has not confirmed who you are. Log in there first.", request_id)
        return self._admission.admit(caller_of_headers(headers), request_id)

    def catalog(self, request: Request) -> Catalog:
        return Catalog.of_header(request.headers.get("x-service-catalog"))

    def _is_trusted(self, scope: Scope) -> bool:
        if is_local_socket(scope):
            return True
        client = scope.get("client")
        return client is not None and is_among(client[0], self._peers)


def networks(peers: Sequence[str]) -> tuple[Network, ...]:
    return tuple(_network(peer) for peer in peers)


def _network(peer: str) -> Network:
    try:
        return ipaddress.ip_network(peer)
    except ValueError as error:
        raise ConfigError(
            f"trusted_peers: {peer!r} is no address and no network ({error}). Write 192.0.2.7 or 192.0.2.0/24."
        ) from error


def single_headers(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name. Raises Unauthenticated where one that speaks of identity is there twice: a proxy that
    adds to the client's own instead of replacing it cannot be believed."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        if name in found and (name.startswith("x-") or name == "openstack-system-scope"):
            raise Unauthenticated(f"The header {name} is there twice. The proxy must remove what clients send.")
        found[name] = raw_value.decode("latin-1").strip()
    return found


def caller_of_headers(headers: dict[str, str]) -> Caller:
    return Caller(
        user=headers.get("x-user-id") or None,
        project=headers.get("x-project-id") or headers.get("x-tenant-id") or None,
        roles=names(headers.get("x-roles", "")),
        service_roles=names(headers.get("x-service-roles", "")),
        user_domain=headers.get("x-user-domain-id") or None,
        project_domain=headers.get("x-project-domain-id") or None,
        domain=headers.get("x-domain-id") or None,
        system_scope=headers.get("openstack-system-scope") or None,
    )


def names(text: str) -> frozenset[str]:
    """Of a comma-separated list, in lower case."""
    return frozenset(name for part in text.split(",") if (name := part.strip().lower()))
