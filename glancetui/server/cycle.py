"""One request and its answer on a connection: uvicorn's cycle, with bodies that do not copy themselves, files that the
kernel sends, and bodies that a thread receives by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from glancetui.images.source import ByteSource
from glancetui.server.body import DIRECT
from glancetui.server.direct import SocketBody
from glancetui.server.errors import BLAND, rendered
from glancetui.server.files import ZERO_COPY
from glancetui.server.kernel import FileSender

if TYPE_CHECKING:
    from glancetui.server.protocol import ServiceProtocol

log = logging.getLogger(__name__)

Message = Any  # ASGI's messages are dictionaries of many shapes; uvicorn's own types for them are private


class ClientGoneError(ConnectionError):
    """Raised by `send` once nobody listens; nothing is wrong with the application."""


class Cycle(RequestResponseCycle):
    """`length`: the body's, from Content-Length; None for chunked ones."""

    def __init__(self, connection: ServiceProtocol, scope: Any, length: int | None, **of_uvicorn: Any) -> None:
        super().__init__(
            scope=scope,
            transport=connection.transport,
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=False,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            on_response=_nothing,
            **of_uvicorn,
        )
        self._connection = connection
        self._length = length
        self._received = 0  # bytes of the body that came through the parser
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._told_end = False
        self._fault: Message = None  # why the body will never be whole
        self._waits_since: float | None = None  # time.monotonic() since which receive() waits for bytes
        self._head: list[bytes] = []  # of the answer, not yet written: it goes out together with the first bytes
        self._sender: FileSender | None = None
        self.taken: SocketBody | None = None
        self.lingers = False  # the client still sends although its answer is complete
        if connection.scheme == "http":
            scope["extensions"] = {ZERO_COPY: {}, DIRECT: {"take": self._take_body}, **connection.extensions}

    # -- the body, from the parser -----------------------------------------------------------------------------------
    def take_in(self, piece: bytes) -> None:
        self._received += len(piece)
        if self.response_complete:
            return
        self._pieces.append(piece)
        self._buffered += len(piece)
        if self._buffered > self._connection.limits.body_buffer_bytes:
            self.flow.pause_reading()
        self.message_event.set()

    def end_body(self) -> None:
        self.more_body = False
        self.message_event.set()

    def break_body(self, reason: str | None = None, *, stalled: bool = False) -> None:
        """The rest of the body will never come; an answer may still be sent."""
        self._fault = {"type": "http.disconnect", "reason": reason, "stalled": stalled}
        self.keep_alive = False
        self.message_event.set()

    def disconnect(self) -> None:
        """The connection is gone. Idempotent."""
        if not self.response_complete:
            self.disconnected = True
        self.message_event.set()
        if self._sender is not None:
            self._sender.give_up()
        if self.taken is not None:
            self.taken.close()

    # -- ASGI --------------------------------------------------------------------------------------------------------
    async def receive(self) -> Message:
        self._invite()
        while True:
            if self.disconnected or self.response_complete or self._fault is not None:
                return self._fault or {"type": "http.disconnect"}
            if self._pieces or not (self.more_body or self._told_end):
                return self._next_message()
            if self.taken is None:
                self.flow.resume_reading()
                self._waits_since = time.monotonic()
            self.message_event.clear()
            await self.message_event.wait()
            self._waits_since = None

    async def send(self, message: Message) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            raise ClientGoneError("the client went away before its answer was complete")
        kind = message["type"]
        if kind == "http.response.start" and not self.response_started:
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and self.response_started and not self.response_complete:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == ZERO_COPY and self.response_started and not self.response_complete:
            await self._send_file(message)
        else:
            raise RuntimeError(f"The ASGI message {kind!r} came at the wrong time.")

    async def run_asgi(self, app: Any) -> None:
        try:
            await app(self.scope, self.receive, self.send)
        except ClientGoneError as error:
            log.debug("%s %s: %s", self.scope["method"], self.scope["path"], error)
        except Exception:
            log.exception(
                "%s %s failed after its answer had begun, or in the server.", self.scope["method"], self.scope["path"]
            )
        finally:
            if self.taken is not None:
                self.taken.close()
            self._end()

    # -- receiving ---------------------------------------------------------------------------------------------------
    def _invite(self) -> None:
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False

    def _next_message(self) -> Message:
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        self._told_end = not self.more_body
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def _take_body(self) -> ByteSource | None:
        """The extension `glancetui.body`: the rest of the body, to be received by a thread. None where that cannot be:
        the body is chunked, already here, or broken."""
        ready = self._length is not None and self.more_body and self._fault is None and not self._told_end
        if not ready or self.disconnected or self.transport.is_closing() or self._length is None:
            return None
        self._invite()
        self.flow.pause_reading()
        descriptor = os.dup(self.transport.get_extra_info("socket").fileno())
        self.taken = SocketBody(descriptor, self._pieces, self._length, self._connection.limits.body_idle_seconds)
        self._pieces.clear()
        self._buffered = 0
        return self.taken

    # -- answering ---------------------------------------------------------------------------------------------------
    def _start(self, status: int, headers: Any) -> None:
        self.response_started = True
        self._settle_body()
        head = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *headers):
            if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
                raise RuntimeError(f"The application answers with an impossible header {name!r}.")
            self._note_header(name.lower(), value)
            head += (name, b": ", value, b"\r\n")
        if self.chunked_encoding is None and status not in (204, 304) and self.scope["method"] != "HEAD":
            head.append(self._frame_unknown_length())
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        head.append(b"\r\n")
        self._head = head

    def _note_header(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self.expected_content_length = int(value)
            self.chunked_encoding = False

    def _frame_unknown_length(self) -> bytes:
        if self.scope["http_version"] == "1.0":
            self.chunked_encoding = False
            self.expected_content_length = -1  # the end of the connection is the end of the answer
            return b""
        self.chunked_encoding = True
        return b"transfer-encoding: chunked\r\n"

    def _settle_body(self) -> None:
        """Decides, before the head says so, whether the connection can go on after this answer."""
        if self.taken is not None and self.taken.taken_whole:
            self.end_body()
        if self.more_body and not self._rest_is_short():
            self.keep_alive = False
            self.lingers = self._fault is None or not self._fault["stalled"]
        if self._connection.stopping or self._fault is not None:
            self.keep_alive = False

    def _rest_is_short(self) -> bool:
        if self._length is None or self.taken is not None or self.waiting_for_100_continue:
            return False
        return self._length - self._received <= self._connection.limits.drop_bytes

    def _send_body(self, body: Any, *, more: bool) -> None:
        parts, self._head = self._head, []
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
        elif self.chunked_encoding:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts.append(b"0\r\n\r\n")
        elif body:
            self._count(len(body))
            parts.append(body)
        if parts:
            self.transport.write(parts[0] if len(parts) == 1 else b"".join(parts))
        if not more:
            self._complete()

    async def _send_file(self, message: Message) -> None:
        self._count(message["count"])
        self.transport.write(b"".join(self._head))
        self._head = []
        descriptor = os.dup(self.transport.get_extra_info("socket").fileno())
        self._sender = sender = FileSender(descriptor, self._connection.pools.slow)
        try:
            await self._flush(sender)
            await sender.send(message["file"], message["offset"], message["count"])
        except ConnectionError as error:
            self.transport.abort()
            raise ClientGoneError(str(error)) from error
        finally:
            self._sender = None
            sender.close()
        if not message.get("more_body", False):
            self._complete()

    async def _flush(self, sender: FileSender) -> None:
        """What was written through the transport must leave before anything may go past it."""
        await asyncio.sleep(0)
        while self.transport.get_write_buffer_size():
            await sender.writable()
            await asyncio.sleep(0)

    def _count(self, length: int) -> None:
        if self.expected_content_length < 0:
            return
        if length > self.expected_content_length:
            raise RuntimeError("The answer is longer than its Content-Length.")
        self.expected_content_length -= length

    def _complete(self) -> None:
        if self.expected_content_length > 0:
            raise RuntimeError("The answer is shorter than its Content-Length.")
        if self.expected_content_length < 0:
            self.keep_alive = False
        self.response_complete = True
        self.message_event.set()
        self._connection.answered(self)

    def _end(self) -> None:
        """The application has ended; an answer that it left open must not look whole."""
        if self.response_complete or self.disconnected:
            return
        if self.response_started:
            self.transport.close() if not self._head else self.transport.abort()
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


def _nothing() -> None:
    """uvicorn's callback, whose part `ServiceProtocol.answered` plays."""
