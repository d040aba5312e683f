"""No identity: every caller is an administrator. Only for a service that nobody but its own machine can reach."""

from __future__ import annotations

import functools
import ipaddress

import msgspec
from starlette.requests import Request

from glancetui.errors import Forbidden
from glancetui.model import Caller
from glancetui.server.auth.catalog import Catalog
from glancetui.server.peers import is_local_socket

ADMINISTRATOR = Caller(roles=frozenset({"admin", "member", "reader"}), is_admin=True)


class NoAuthentication:
    """Refuses what a web page in the user's own browser could send: a foreign Host (a name that was pointed at this
    machine) and anything with an Origin."""

    challenge: str | None = None

    async def caller(self, request: Request, request_id: str) -> Caller:
        host = None
        for name, value in request.scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                raise Forbidden("This service has no authentication, so it answers no web pages.")
        if not is_local_socket(request.scope) and not is_loopback_name(host):
            raise Forbidden("This service has no authentication, so it answers only to its loopback names: localhost.")
        return msgspec.structs.replace(ADMINISTRATOR, request_id=request_id)

    def catalog(self, request: Request) -> Catalog:  # noqa: ARG002 - as the others have it
        """Nobody tells of other services here."""
        return Catalog(())


@functools.lru_cache(maxsize=64)  # a client names the same host in each request
def is_loopback_name(host: bytes | None) -> bool:
    """Whether a Host header names this machine's loopback: localhost, 127.0.0.0/8 or ::1, with any port."""
    if host is None:
        return False
    name = host.decode("latin-1").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return name.rstrip(".") == "localhost" or name.endswith(".localhost") or is_loopback_address(name)


def is_loopback_address(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
