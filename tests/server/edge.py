"""The protocol under a small application, in this process: for what a real service cannot be made to do at will."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.server import ServerState

from glancetui.config.settings import DatabaseSettings, ServerSettings, Settings
from glancetui.errors import Conflict, GlancetuiError
from glancetui.server import errors
from glancetui.server.body import byte_source
from glancetui.server.bridge import Pools, in_stream_thread
from glancetui.server.files import chunk_response, file_response
from glancetui.server.limits import WireLimits
from glancetui.server.protocol import ServiceProtocol
from glancetui.server.routing import SERVICE


class Edge:
    """What tests look at: the port, the open connections, what handlers did."""

    def __init__(self, folder: Path, limits: WireLimits) -> None:
        self.folder = folder
        self.limits = limits
        self.state = ServerState()
        self.pools = Pools(8)
        self.seen: list[object] = []  # in order: what bodies came to, which generators were closed
        self.port = 0
        settings = Settings(
            data_dir=folder,
            database=DatabaseSettings(connection="sqlite://"),
            stores=(),
            default_store="none",
            server=ServerSettings(body_idle_seconds=limits.body_idle_seconds),
        )
        self.service = SimpleNamespace(settings=settings, pools=self.pools)

    # -- the application ---------------------------------------------------------------------------------------------
    async def __call__(self, scope, receive, send) -> None:
        scope[SERVICE] = self.service
        request = Request(scope, receive)
        try:
            response = await getattr(self, request.url.path.strip("/") or "root")(request)
        except GlancetuiError as error:
            self.seen.append(error)
            response = errors.answer(request, error)
        await response(scope, receive, send)

    async def root(self, request: Request) -> Response:
        return Response(b"ok")

    async def method(self, request: Request) -> Response:
        return Response(f"{request.method} {await request.body()!r}")

    async def collect(self, request: Request) -> Response:
        """Reads the body through ASGI."""
        return Response(digest(await request.body()))

    async def upload(self, request: Request) -> Response:
        """Reads the body in a thread, by whatever way the server offers."""
        source = byte_source(request)
        took = await in_stream_thread(request, drained, source)
        self.seen.append(type(source).__name__)
        return Response(took)

    async def early(self, request: Request) -> Response:
        """Refuses a body without having looked at it."""
        raise Conflict("There is data already.")

    async def halfway(self, request: Request) -> Response:
        """Refuses a body after its first bytes."""
        source = byte_source(request)
        await in_stream_thread(request, source.read_into, memoryview(bytearray(1000)))
        raise Conflict("This is not what it claims to be.")

    async def file(self, request: Request) -> Response:
        name, offset, count = (request.query_params.get(key) for key in ("name", "offset", "count"))
        file = (self.folder / str(name)).open("rb", buffering=0)
        self.seen.append(file)
        return file_response(request, file, int(offset or 0), int(count or 0), {}, 200)

    async def chunks(self, request: Request) -> Response:
        def produce():
            try:
                for _ in range(64):
                    yield b"x" * (1 << 20)
            finally:
                self.seen.append("closed")

        return chunk_response(request, produce(), {}, 200)

    async def broken(self, request: Request) -> Response:
        def produce():
            yield b"x" * 1000
            raise OSError("the store went away")

        return chunk_response(request, produce(), {"content-length": "2000"}, 200)

    async def address(self, request: Request) -> Response:
        scope = request.scope
        return Response(
            scope["raw_path"] + b"|" + scope["query_string"] + b"|" + b",".join(sorted(dict(scope["headers"])))
        )

    # -- running -----------------------------------------------------------------------------------------------------
    async def serve(self, started: Callable[[], None], stop: asyncio.Event) -> None:
        config = uvicorn.Config(
            self, interface="asgi3", http=ServiceProtocol, ws="none", lifespan="off", log_config=None
        )
        config.load()
        protocol = functools.partial(ServiceProtocol, config, self.state, {}, limits=self.limits, pools=self.pools)
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started()
        while not stop.is_set():
            for connection in tuple(self.state.connections):
                connection.tick(time.monotonic())
            await asyncio.sleep(0.02)
        server.close()
        for connection in tuple(self.state.connections):
            connection.cut()
        await asyncio.sleep(0.05)
        self.pools.close()


@contextmanager
def running_edge(folder: Path, limits: WireLimits | None = None) -> Iterator[Edge]:
    edge = Edge(folder, limits or WireLimits())
    started = threading.Event()
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        try:
            loop.run_until_complete(edge.serve(started.set, stop))
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="edge")
    thread.start()
    assert started.wait(10)
    try:
        yield edge
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive()


def digest(data: bytes) -> str:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}"


def drained(source) -> str:
    """Reads to the end, in odd pieces."""
    whole, length = hashlib.sha256(), 0
    buffer = memoryview(bytearray(300_001))
    while count := source.read_into(buffer):
        whole.update(buffer[:count])
        length += count
    assert source.read_into(buffer) == 0, "the end stays the end"
    return f"{length} {whole.hexdigest()}"


class Answer(http.client.HTTPResponse):
    """Read from a stream that several answers come through."""

    def __init__(self, stream: io.BufferedReader, method: str) -> None:
        super().__init__(SimpleNamespace(makefile=lambda _mode: stream), method=method)
        self.begin()

    def _close_conn(self) -> None:
        self.fp = None


class Client:
    """A connection that sends exactly the bytes it is given."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.stream = self.socket.makefile("rb")

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower-case name, body."""
        answer = Answer(self.stream, method)
        body = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    def ended(self) -> bool:
        """Whether the server ended the connection; waits for it."""
        try:
            return self.stream.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def head(method: str, path: str, *headers: str, host: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(["Host: localhost"] if host else []), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for a condition. Raises AssertionError at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
