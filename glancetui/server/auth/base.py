"""What every way of knowing callers offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request

from glancetui.model import Caller

IsAdmin = Callable[[Caller], bool]  # the policy rule context_is_admin

ANONYMOUS = Caller(read_only=True)


class Authenticator(Protocol):
    challenge: str | None  # WWW-Authenticate of a 401

    async def caller(self, request: Request, request_id: str) -> Caller:
        """Who sent this request. Raises Unauthenticated; Forbidden; Unavailable where it cannot be found out now."""
