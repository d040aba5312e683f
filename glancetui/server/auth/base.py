"""What every way of knowing callers offers, and what they share."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec
from starlette.requests import Request

from glancetui.errors import Unauthenticated
from glancetui.model import Caller
from glancetui.server.auth.catalog import Catalog

T = TypeVar("T")

IsAdmin = Callable[[Caller], bool]  # the policy rule context_is_admin


class Authenticator(Protocol):
    challenge: str | None  # WWW-Authenticate of a 401

    async def caller(self, request: Request, request_id: str) -> Caller:
        """Who sent this request. Raises Unauthenticated; Forbidden; Unavailable where it cannot be found out now."""

    def catalog(self, request: Request) -> Catalog:
        """Where other services are, as the caller's token tells. May wait for Keystone. Raises Unavailable."""


class Admission:
    """Turns what was found out about a caller into the caller of one request."""

    def __init__(self, is_admin: IsAdmin, *, allow_anonymous: bool) -> None:
        self._is_admin = is_admin
        self._allow_anonymous = allow_anonymous

    def admit(self, known: Caller, request_id: str) -> Caller:
        # Asked anew for each request: the policy may have changed since the caller was found out.
        return msgspec.structs.replace(known, request_id=request_id, is_admin=self._is_admin(known))

    def unknown(self, why: str, request_id: str) -> Caller:
        """An anonymous caller, who may read what is public, where the operator allows that. Raises Unauthenticated."""
        if self._allow_anonymous:
            return Caller(request_id=request_id, read_only=True)
        raise Unauthenticated(why)


class Memory(Generic[T]):
    """What was found out about secrets, for a while. Holds no secret: a keyed hash, with a key that dies with us."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._entries: dict[bytes, tuple[float, T]] = {}  # in the order in which they were kept

    def name(self, *parts: bytes) -> bytes:
        """The name under which a secret is remembered."""
        whole = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, whole, hashlib.sha256)

    def recall(self, name: bytes) -> T | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._entries[name]
            return None
        return entry[1]

    def keep(self, name: bytes, value: T, seconds: float) -> None:
        if seconds <= 0:
            return
        self._entries.pop(name, None)
        while len(self._entries) >= self._most:
            del self._entries[next(iter(self._entries))]
        self._entries[name] = (self._clock() + seconds, value)

    def forget_all(self) -> None:
        self._entries.clear()
