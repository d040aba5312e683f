"""Who is at the other end of the socket."""

from __future__ import annotations

from starlette.types import Scope

LOCAL_SOCKET = "glancetui.local_socket"  # ASGI extension: this request came through a unix socket


def is_local_socket(scope: Scope) -> bool:
    """Whether the request came through a unix socket; False with servers that do not tell."""
    return LOCAL_SOCKET in scope.get("extensions", ())
