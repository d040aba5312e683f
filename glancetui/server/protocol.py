"""A connection: uvicorn's httptools protocol with bounds on heads, patience and silence, and an orderly end.

The parser (llhttp) refuses ambiguous framing; what it lets pass and must not come through is refused here.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from collections import deque
from typing import Any

import httptools
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from glancetui.server.bridge import Pools
from glancetui.server.cycle import Cycle
from glancetui.server.errors import rendered
from glancetui.server.limits import WireLimits
from glancetui.server.peers import LOCAL_SOCKET

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 62  # a Content-Length beyond this cannot be meant
# A request line in good order but for its method. Those that the parser knows are not at fault when one stands first.
_FOREIGN_METHOD = re.compile(
    rb"(?!(?:GET|HEAD|PUT|POST|PATCH|DELETE|OPTIONS) )([A-Z][A-Z_-]{0,31}) /[!-~]* HTTP/1\.[01]\r?\n"
)
_STAND_IN = b"UNLINK"  # of a method that the parser does not know: one that it knows, and that nothing here answers
_HOP_BY_HOP = frozenset({b"upgrade", b"connection", b"http2-settings"})


class _RefusedError(Exception):
    """Leaves the parser's callbacks; `ServiceProtocol._refusal` says why."""


class ServiceProtocol(HttpToolsProtocol):
    cycle: Cycle  # type: ignore[assignment]  # ours in the place of uvicorn's

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: WireLimits,
        pools: Pools,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits = limits
        self.pools = pools
        self.stopping = False
        self.extensions: dict[str, dict[str, object]] = {}
        self._running: Cycle | None = None  # the request that is being answered; `cycle` is the newest one parsed
        self._application: Any = self.app  # uvicorn's type for it is private
        self._waiting: deque[Cycle] = deque()  # pipelined requests behind the running one
        self._since = time.monotonic()  # of the last step: connected, head begun, answered
        self._in_head = False
        self._begun = False  # a head, or more of a body, was in the bytes that are being parsed
        self._steps = 0  # of the parser, in these bytes
        self._foreign: bytes | None = None  # the method that _STAND_IN stands for, in the head that is being parsed
        self._head_bytes = 0
        self._head_fed = 0
        self._upgrading = False
        self._refusal: tuple[int, str] | None = None
        self._lingers_until: float | None = None
        self._output: tuple[int, int | None] | None = None  # what had not left at the last tick
        self._output_since = 0.0

    # -- connection --------------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if transport.get_extra_info("socket").family == socket.AF_UNIX:
            self.extensions = {LOCAL_SOCKET: {}}

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        for cycle in self._open_cycles():
            cycle.disconnect()
        self.flow.resume_writing()
        self.parser = None  # type: ignore[assignment]  # as uvicorn: breaks the cycle of references
        if exc is None:
            self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio allows it; uvicorn's never keeps it open
        """True keeps our side open: some clients say that they send no more and then wait for the answer."""
        running = self._running
        if running is None or self._lingers_until is not None:
            return False
        if self.cycle.awaits_body:
            self.cycle.break_body()
        running.keep_alive = False
        return True

    def shutdown(self) -> None:
        """The service ends: close now if idle, else after the answers that are owed."""
        self.stopping = True
        if self._running is None:
            self.transport.close()

    def cut(self) -> None:
        """The service does not wait any longer."""
        self.transport.abort()

    def _open_cycles(self) -> list[Cycle]:
        return [cycle for cycle in (self._running, *self._waiting) if cycle is not None]

    # -- bytes in ----------------------------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        if self._lingers_until is not None:
            self._since = time.monotonic()
            return
        if self._refusal is None:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._begun = False
        self._steps = 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._on_parser_error(error, data)
        else:
            self._bound_what_is_no_body(len(data))

    def _bound_what_is_no_body(self, fed: int) -> None:
        """Heads, and in a chunked body extensions and trailers, which the parser keeps until they end."""
        if not self._begun:
            self._head_fed += fed
        if self._head_fed <= self.limits.head_bytes:
            return
        if self._in_head:
            self._refusal = self._too_large()
            self._refuse_when_free()
        elif self.cycle is not None and self.cycle.awaits_body:
            self._break_framing()

    def _on_parser_error(self, error: httptools.HttpParserError, data: bytes) -> None:
        if self._refusal is None:
            body_was_coming = not self._in_head and self.cycle is not None and self.cycle.awaits_body
            if body_was_coming:
                self._break_framing()
                return
            foreign = isinstance(error, httptools.HttpParserInvalidMethodError) and _FOREIGN_METHOD.match(data)
            if foreign and self._in_head and self._steps == 1:
                self._feed_under_stand_in(foreign[1], data)
                return
            log.debug("A request of %s is refused: %s", self.client, error)
            self._refusal = (
                (501, "This service does not know the method.") if foreign else (400, "This is no valid HTTP request.")
            )
        self._refuse_when_free()

    def _feed_under_stand_in(self, method: bytes, data: bytes) -> None:
        """Which methods a path has is the application's to say. `data` begins with the head: were it the end of another
        request, a part of that could pass for one."""
        self._renew_parser()
        self._foreign = method
        self._feed(_STAND_IN + data.removeprefix(method))

    def _break_framing(self) -> None:
        self._refusal = (400, "The framing of the body is broken.")
        self.cycle.break_body("The framing of the body is broken. Send the data again.")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """A server may ignore an offer to upgrade; the parser, which stops there, is fed the request without it."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refusal = (501, "This service is no proxy.")
            self._refuse_when_free()
            return
        lines = [b"%s: %s\r\n" % header for header in self.headers if header[0] not in _HOP_BY_HOP]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self.headers):
            lines.append(b"connection: close\r\n")
        head = b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, self.parser.get_http_version().encode(), b"".join(lines))
        self._renew_parser()
        self._upgrading = False
        self._feed(head + rest)

    def _renew_parser(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    # -- parser's callbacks ------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._steps += 1
        self._in_head = self._begun = True
        self._head_bytes = self._head_fed = 0
        self._since = time.monotonic()

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self.limits.line_bytes:
            self._refuse(414, f"The address is longer than {self.limits.line_bytes} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            self._drop_trailer(name, value)
            return
        name, value = name.lower(), value.rstrip(b" \t")
        self._head_bytes += len(name) + len(value) + 4
        self.headers.append((name, value))
        if self._head_bytes > self.limits.head_bytes or len(self.headers) > self.limits.headers:
            self._refuse(*self._too_large())
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def _drop_trailer(self, name: bytes, value: bytes) -> None:
        """A field behind the last chunk. None means anything here, and what a proxy keeps out of heads, such as roles,
        must not come in by this door."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self.limits.head_bytes:
            raise _RefusedError

    def on_headers_complete(self) -> None:
        self._steps += 1
        self._in_head = False
        self._head_bytes = self._head_fed = 0  # from here on a trailer's
        if self.parser.should_upgrade():
            self._upgrading = True
            return
        version = self.parser.get_http_version()
        scope: Any = self.scope  # uvicorn's type for it is private
        self._fill_scope(scope, version)
        self.cycle = Cycle(
            self,
            scope,
            self._body_length(version),
            expect_100_continue=self.expect_100_continue and version != "1.0",
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
        )
        if self._running is None:
            self._run(self.cycle)
        else:
            # Pipelined: answered in order. Reading goes on when they are.
            self.flow.pause_reading()
            self._waiting.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._steps += 1
        self._begun = True
        self._head_fed = 0
        self.cycle.take_in(body)

    def on_message_complete(self) -> None:
        self._steps += 1
        if not self._upgrading:
            self.cycle.end_body()

    def _fill_scope(self, scope: Scope, version: str) -> None:
        raw_path, _, query = self.url.partition(b"?")
        if not raw_path.startswith(b"/"):
            raw_path = self._path_of_other_form(raw_path)
        if not self.url.isascii() or b"#" in self.url:
            self._refuse(400, "The address holds characters that must be percent-encoded.")
        scope["method"] = (self._foreign or self.parser.get_method()).decode("ascii")
        self._foreign = None
        scope["http_version"] = version
        scope["raw_path"] = raw_path
        scope["path"] = raw_path.decode("ascii")  # decoded segment by segment where it is routed
        scope["query_string"] = query

    def _path_of_other_form(self, target: bytes) -> bytes:
        """`*`, or http://host/path as proxies write it."""
        if target == b"*":
            return b"/*"
        scheme, separator, rest = target.partition(b"://")
        if not separator or scheme.lower() not in (b"http", b"https"):
            self._refuse(400, "The address of the request is no path.")
        return b"/" + rest.partition(b"/")[2]

    def _body_length(self, version: str) -> int | None:
        """None: chunked. The parser has refused most of what is checked here; that must not depend on its release."""
        lengths = [value for name, value in self.headers if name == b"content-length"]
        encodings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and version != "1.0"):
            self._refuse(400, "The request needs exactly one Host header.")
        if encodings:
            if lengths or encodings != [b"chunked"] or version == "1.0":
                self._refuse(400, "A body is framed by Content-Length or by chunks, not by both or by anything else.")
            return None
        if len(lengths) > 1 or any(not length.isdigit() or int(length[:30]) > MOST_BYTES for length in lengths):
            self._refuse(400, "Content-Length must be given once, as a number of bytes.")
        return int(lengths[0]) if lengths else 0

    def _refuse(self, status: int, message: str) -> None:
        self._refusal = (status, message)
        raise _RefusedError

    def _too_large(self) -> tuple[int, str]:
        limits = self.limits
        return 431, f"The head of the request has more than {limits.head_bytes} bytes or {limits.headers} headers."

    # -- answers -----------------------------------------------------------------------------------------------------
    def _run(self, cycle: Cycle) -> None:
        self._running = cycle
        task = self.loop.create_task(cycle.run(self._application))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def answered(self, cycle: Cycle) -> None:
        """`cycle` has handed over the last byte of its answer."""
        self.server_state.total_requests += 1
        self._running = None
        self._since = time.monotonic()
        if self.transport.is_closing():
            return
        if cycle.lingers:
            self._linger()
        elif not cycle.keep_alive:
            self.transport.close()
        else:
            self._go_on(cycle)

    def _go_on(self, cycle: Cycle) -> None:
        if cycle.taken is not None:
            self._renew_parser()  # the old one still waits for the body that a thread has read
        if self._waiting:
            self._run(self._waiting.popleft())
        elif self._refusal is not None:
            self._refuse_when_free()
        elif self.stopping:
            self.transport.close()
        else:
            self.flow.resume_reading()

    def _refuse_when_free(self) -> None:
        """Answers the refused head, unless earlier requests must be answered first."""
        self.flow.pause_reading()
        if self._running is not None or self._refusal is None or self.transport.is_closing():
            return
        status, message = self._refusal
        body, media_type = rendered("", status, message)
        head = b"%scontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (
            STATUS_LINE[status], media_type.encode(), len(body),
        )  # fmt: skip
        self.transport.write(head + body)
        self._linger()

    def _linger(self) -> None:
        """Ends our side, and drops what still comes until the client has ended its own or time is up."""
        self._since = time.monotonic()
        self._lingers_until = self._since + self.limits.linger_seconds
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    # -- watching ----------------------------------------------------------------------------------------------------
    def tick(self, now: float) -> None:
        """Called about once a second: ends what has waited too long."""
        if self._lingers_until is not None:
            if now > self._lingers_until or now - self._since > self.limits.linger_idle_seconds or self.stopping:
                self.transport.abort()
        elif self._output_is_stuck(now):
            log.info("A client that took nothing for %g s is cut off.", self.limits.send_idle_seconds)
            self.transport.abort()
        elif self._running is not None:
            self._running.tick(now)
        else:
            self._watch_idle(now)

    def _watch_idle(self, now: float) -> None:
        if self._in_head and now - self._since > self.limits.head_seconds:
            self._refusal = (408, f"The head of the request did not come within {self.limits.head_seconds:g} seconds.")
            self._in_head = False
            self._refuse_when_free()
        elif now - self._since > self.limits.keep_alive_seconds:
            self.transport.close()

    def _output_is_stuck(self, now: float) -> bool:
        """Whether bytes have been waiting for the client all through `send_idle_seconds`."""
        sent = self._running.sent if self._running is not None else None
        output = (self.transport.get_write_buffer_size(), sent)
        if output != self._output or output == (0, None):
            self._output, self._output_since = output, now
            return False
        return now - self._output_since > self.limits.send_idle_seconds
