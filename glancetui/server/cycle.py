"""One request and its answer on a connection. Beside plain ASGI it offers that the kernel sends a file, and that a
thread receives the body by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Scope
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE

from glancetui.images.source import ByteSource
from glancetui.server.body import DIRECT
from glancetui.server.direct import SocketBody
from glancetui.server.errors import BLAND, rendered
from glancetui.server.files import ZERO_COPY
from glancetui.server.kernel import FileSender

if TYPE_CHECKING:
    from glancetui.server.protocol import ServiceProtocol

log = logging.getLogger(__name__)


class ClientGoneError(ConnectionError):
    """Raised by `send` once nobody listens; nothing is wrong with the application."""


class Cycle:
    """Lives from a parsed head to the last byte of the answer. `length`: the body's; None for a chunked one."""

    def __init__(
        self,
        connection: ServiceProtocol,
        scope: Scope,
        length: int | None,
        *,
        expect_100_continue: bool,
        keep_alive: bool,
    ) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._flow = connection.flow
        self._scope = scope
        self._wakes = asyncio.Event()  # whoever waits in receive(): bytes, the end, a fault

        self._length = length
        self._received = 0  # bytes of the body that came through the parser
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._more_body = True
        self._told_end = False
        self._fault: Message | None = None  # why the body will never be whole
        self._waits_since: float | None = None  # time.monotonic() since which receive() waits for bytes
        self._must_invite = expect_100_continue
        self.taken: SocketBody | None = None  # a thread receives the body by itself

        self._started = False
        self._head: list[bytes] = []  # of the answer, not yet written: it goes out together with the first bytes
        self._chunked = False
        self._owed: int | None = 0  # bytes that Content-Length still announces; None: the connection's end is the end
        self._sender: FileSender | None = None
        self.complete = False
        self.disconnected = False
        self.keep_alive = keep_alive
        self.lingers = False  # the client still sends although its answer is complete

        if connection.scheme == "http":
            scope["extensions"] = {ZERO_COPY: {}, DIRECT: {"take": self._take_body}, **connection.extensions}

    # -- the body, from the parser -----------------------------------------------------------------------------------
    def take_in(self, piece: bytes) -> None:
        self._received += len(piece)
        if self.complete:
            return
        self._pieces.append(piece)
        self._buffered += len(piece)
        if self._buffered > self._connection.limits.body_buffer_bytes:
            self._flow.pause_reading()
        self._wakes.set()

    def end_body(self) -> None:
        self._more_body = False
        self._wakes.set()

    @property
    def awaits_body(self) -> bool:
        return self._more_body

    def break_body(self, reason: str | None = None, *, stalled: bool = False) -> None:
        """The rest of the body will never come; an answer may still be sent."""
        self._fault = {"type": "http.disconnect", "reason": reason, "stalled": stalled}
        self.keep_alive = False
        self._wakes.set()

    def disconnect(self) -> None:
        """The connection is gone. Idempotent."""
        if not self.complete:
            self.disconnected = True
        self._wakes.set()
        if self._sender is not None:
            self._sender.give_up()
        if self.taken is not None:
            self.taken.close()

    # -- ASGI --------------------------------------------------------------------------------------------------------
    async def receive(self) -> Message:
        self._invite()
        while True:
            if self.disconnected or self.complete or self._fault is not None:
                return self._fault or {"type": "http.disconnect"}
            if self._pieces or not (self._more_body or self._told_end):
                return self._next_message()
            if self.taken is None and self._more_body:
                self._flow.resume_reading()
                self._waits_since = time.monotonic()
            self._wakes.clear()
            await self._wakes.wait()
            self._waits_since = None

    async def send(self, message: Message) -> None:
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            raise ClientGoneError("the client went away before its answer was complete")
        kind = message["type"]
        if kind == "http.response.start" and not self._started:
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and self._started and not self.complete:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == ZERO_COPY and self._started and not self.complete:
            await self._send_file(message)
        else:
            raise RuntimeError(f"The ASGI message {kind!r} came at the wrong time.")

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self.receive, self.send)
        except ClientGoneError as error:
            log.debug("%s %s: %s", self._scope["method"], self._scope["path"], error)
        except Exception:
            log.exception(
                "%s %s failed after its answer had begun, or in the server.", self._scope["method"], self._scope["path"]
            )
        finally:
            if self.taken is not None:
                self.taken.close()
            self._end()

    # -- receiving ---------------------------------------------------------------------------------------------------
    def _invite(self) -> None:
        if self._must_invite and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._must_invite = False

    def _next_message(self) -> Message:
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        self._told_end = not self._more_body
        return {"type": "http.request", "body": body, "more_body": self._more_body}

    def _take_body(self) -> ByteSource | None:
        """The extension `glancetui.body`: the rest of the body, to be received by a thread. None where that cannot be:
        the body is chunked, already here, or broken."""
        ready = self._length is not None and self._more_body and self._fault is None and not self._told_end
        if not ready or self.disconnected or self._transport.is_closing() or self._length is None:
            return None
        self._flow.pause_reading()
        descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
        loop, idle = asyncio.get_running_loop(), self._connection.limits.body_idle_seconds
        self.taken = SocketBody(
            descriptor, self._pieces, self._length, idle, partial(loop.call_soon_threadsafe, self._invite)
        )
        self._pieces.clear()
        self._buffered = 0
        return self.taken

    # -- answering ---------------------------------------------------------------------------------------------------
    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._started = True
        self._settle_body()
        head = [STATUS_LINE[status]]
        framed = status in (204, 304) or self._scope["method"] == "HEAD"
        for name, value in (*self._connection.server_state.default_headers, *headers):
            if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
                raise RuntimeError(f"The application answers with an impossible header {name!r}.")
            if name.lower() == b"content-length":
                self._owed, framed = int(value), True
            head += (name, b": ", value, b"\r\n")
        if not framed:
            head.append(self._frame_unknown_length())
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        head.append(b"\r\n")
        self._head = head

    def _frame_unknown_length(self) -> bytes:
        if self._scope["http_version"] == "1.0":
            self._owed = None
            self.keep_alive = False
            return b""
        self._chunked = True
        return b"transfer-encoding: chunked\r\n"

    def _settle_body(self) -> None:
        """Decides, before the head says so, whether the connection can go on after this answer."""
        if self.taken is not None and self.taken.taken_whole:
            self.end_body()
        if self._more_body and not self._rest_is_short():
            self.keep_alive = False
            self.lingers = self._fault is None or not self._fault["stalled"]
        if self._connection.stopping or self._fault is not None:
            self.keep_alive = False

    def _rest_is_short(self) -> bool:
        if self._length is None or self.taken is not None or self._must_invite:
            return False
        return self._length - self._received <= self._connection.limits.drop_bytes

    def _send_body(self, body: bytes | memoryview, *, more: bool) -> None:
        parts: list[bytes | memoryview] = [*self._head]
        self._head = []
        if self._scope["method"] == "HEAD":
            self._owed = 0
        elif self._chunked:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts.append(b"0\r\n\r\n")
        elif body:
            self._count(len(body))
            parts.append(body)
        if parts:
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))
        if not more:
            self._complete()

    async def _send_file(self, message: Message) -> None:
        self._count(message["count"])
        self._transport.write(b"".join(self._head))
        self._head = []
        descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
        self._sender = sender = FileSender(descriptor, self._connection.pools.slow)
        try:
            await self._flush(sender)
            await sender.send(message["file"], message["offset"], message["count"])
        except ConnectionError as error:
            self._transport.abort()
            raise ClientGoneError(str(error)) from error
        finally:
            self._sender = None
            sender.close()
        if not message.get("more_body", False):
            self._complete()

    async def _flush(self, sender: FileSender) -> None:
        """What was written through the transport must leave before anything may go past it."""
        await asyncio.sleep(0)
        while self._transport.get_write_buffer_size():
            await sender.writable()
            await asyncio.sleep(0)

    def _count(self, length: int) -> None:
        if self._owed is None:
            return
        if length > self._owed:
            raise RuntimeError("The answer is longer than its Content-Length.")
        self._owed -= length

    def _complete(self) -> None:
        if self._owed:
            raise RuntimeError("The answer is shorter than its Content-Length.")
        self.complete = True
        self._wakes.set()
        self._connection.answered(self)

    def _end(self) -> None:
        """The application has ended; an answer that it left open must not look whole."""
        if self.complete or self.disconnected:
            return
        if self._started:  # its promised length or its last chunk is missing, so the client notices
            self._transport.close()
            return
        self.keep_alive = False
        body, media_type = rendered("", 500, BLAND)
        headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
        self._start(500, headers)
        self._send_body(body, more=False)

    # -- watching ----------------------------------------------------------------------------------------------------
    def tick(self, now: float) -> None:
        waits_since, idle = self._waits_since, self._connection.limits.body_idle_seconds
        if waits_since is not None and now - waits_since > idle:
            self.break_body(f"No data came for {idle:g} seconds.", stalled=True)

    @property
    def sent(self) -> int | None:
        """Bytes of a file that have left, while the receiver takes none; None while nothing waits for it."""
        return self._sender.sent if self._sender is not None else None
