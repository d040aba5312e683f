"""Answers that carry an image's bytes: from a local file, by the kernel where the server offers it, or in chunks."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from glancetui.errors import ShortRead
from glancetui.server.bridge import Threads
from glancetui.server.routing import service_of

ZERO_COPY = "http.response.zerocopysend"  # ASGI extension
PIECE = 1 << 20  # bytes; the usual 64 KiB costs seven times the time for each byte

Chunks = Generator[bytes, None, None]


def file_response(
    request: Request, file: BinaryIO, offset: int, count: int, headers: Mapping[str, str], status: int
) -> Response:
    """`count` bytes of `file` from `offset`. The answer closes the file, whatever becomes of it."""
    return _FileAnswer(file, offset, count, headers, status, service_of(request).pools.slow)


def chunk_response(request: Request, chunks: Chunks, headers: Mapping[str, str], status: int) -> Response:
    """What `chunks` yields; each step runs in a thread. The answer closes the generator, whatever becomes of it."""
    return _ChunkAnswer(chunks, headers, status, service_of(request).pools.slow)


class _Stream(Response):
    """An answer whose body is not in memory."""

    def __init__(self, headers: Mapping[str, str], status: int) -> None:
        self.status_code = status
        self.background = None
        self.raw_headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})


class _FileAnswer(_Stream):
    def __init__(
        self, file: BinaryIO, offset: int, count: int, headers: Mapping[str, str], status: int, threads: Threads
    ) -> None:
        super().__init__({"content-length": str(count), **headers}, status)
        self._file, self._offset, self._count, self._threads = file, offset, count, threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await self._start(send)
            if ZERO_COPY in scope.get("extensions", ()) and self._count:
                await send({"type": ZERO_COPY, "file": self._file, "offset": self._offset, "count": self._count})
            else:
                await self._send_pieces(send)
        finally:
            self._file.close()

    async def _send_pieces(self, send: Send) -> None:
        offset, end = self._offset, self._offset + self._count
        while offset < end:
            piece = await self._threads.run(os.pread, self._file.fileno(), min(PIECE, end - offset), offset)
            if not piece:
                raise ShortRead("of files", str(self._file.name), offset - self._offset, self._count)
            offset += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class _ChunkAnswer(_Stream):
    def __init__(self, chunks: Chunks, headers: Mapping[str, str], status: int, threads: Threads) -> None:
        super().__init__(headers, status)
        self._chunks, self._threads = chunks, threads

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await self._start(send)
            while chunk := await self._threads.run(next, self._chunks, b""):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self._threads.run(self._chunks.close)
