"""Who is at the other end of the socket."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL_SOCKET = "glancetui.local_socket"  # ASGI extension: this request came through a unix socket


def is_local_socket(scope: Scope) -> bool:
    """Whether the request came through a unix socket; False with servers that do not tell."""
    return LOCAL_SOCKET in scope.get("extensions", ())


def is_among(host: str, networks: Iterable[Network]) -> bool:
    """Whether a peer's address lies in one of them. What is no address lies in none; an IPv4 address that a socket for
    both families gives as an IPv6 one is itself."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in networks)
