"""The body of a request as a stream that a thread reads."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.types import Message

from glancetui.errors import BadRequest, BodyBroken, BodyTimeout
from glancetui.images.source import ByteSource
from glancetui.server.routing import service_of

DIRECT = "glancetui.body"  # ASGI extension: its "take" gives a ByteSource that reads the socket, or None


def byte_source(request: Request) -> ByteSource:
    """The request's body, to be read by one thread. To be called once, on the event loop.

    Where the server offers it, the thread receives straight from the socket; else pieces come over the event loop.
    """
    offer = request.scope.get("extensions", {}).get(DIRECT)
    source: ByteSource | None = offer["take"]() if offer is not None else None
    if source is not None:
        return source
    return BridgedSource(request, content_length(request), service_of(request).settings.server.body_idle_seconds)


def content_length(request: Request) -> int | None:
    """Bytes that the framing announces; None where the body's end shows only when it comes."""
    if "transfer-encoding" in request.headers:
        return None
    text = request.headers.get("content-length", "0")
    if not (text.isascii() and text.isdecimal()):
        raise BadRequest("Content-Length is not a number.")
    return int(text)


class BridgedSource:
    """A body that the event loop receives: chunked ones, those under TLS, and all of other ASGI servers."""

    def __init__(self, request: Request, declared_size: int | None, idle_seconds: float) -> None:
        self.declared_size = declared_size
        self._receive = request.receive
        self._loop = asyncio.get_running_loop()
        self._idle_seconds = idle_seconds
        self._rest = memoryview(b"")
        self._ended = False

    def read_into(self, buffer: memoryview) -> int:
        while not self._rest:
            if self._ended:
                return 0
            self._rest = memoryview(asyncio.run_coroutine_threadsafe(self._next_piece(), self._loop).result())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def _next_piece(self) -> bytes:
        try:
            message: Message = await asyncio.wait_for(self._receive(), self._idle_seconds)
        except TimeoutError as error:
            raise stalled(self._idle_seconds) from error
        if message["type"] != "http.request":
            raise stalled(self._idle_seconds) if message.get("stalled") else broken(message.get("reason"))
        self._ended = not message.get("more_body", False)
        piece: Any = message.get("body", b"")
        return bytes(piece)


def broken(reason: str | None = None) -> BodyBroken:
    return BodyBroken(reason or "The sender went away in the middle of the body. Send the data again.")


def stalled(seconds: float) -> BodyTimeout:
    return BodyTimeout(f"No data came for {seconds:g} seconds. Send the data again.")
