"""Answers that carry an image's bytes: from a local file, by the kernel where the server offers it, or in chunks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator, Mapping
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from glancetui.errors import ShortRead
from glancetui.images.deliver import Growing
from glancetui.server.bridge import Threads
from glancetui.server.routing import service_of

ZERO_COPY = "http.response.zerocopysend"  # ASGI extension
PIECE = 1 << 20  # bytes; the usual 64 KiB costs seven times the time for each byte

# Seconds between two looks at a file that grows: the longer nothing came, the more, for a store may stall many readers.
SHORT_NAP, LONG_NAP = 0.01, 0.16

Chunks = Generator[bytes, None, None]


def file_response(
    request: Request, file: BinaryIO, offset: int, count: int, headers: Mapping[str, str], status: int
) -> Response:
    """`count` bytes of `file` from `offset`. The answer closes the file, whatever becomes of it."""
    return _FileAnswer(file, offset, count, headers, status, service_of(request).pools.slow)


def chunk_response(request: Request, chunks: Chunks, headers: Mapping[str, str], status: int) -> Response:
    """What `chunks` yields; each step runs in a thread. The answer closes the generator, whatever becomes of it."""
    return _ChunkAnswer(chunks, headers, status, service_of(request).pools.slow)


def growing_response(
    request: Request, growing: Growing, offset: int, count: int, headers: Mapping[str, str], status: int
) -> Response:
    """`count` bytes from `offset` of a file that somebody still writes, as they come; from elsewhere if they do not.
    The answer closes it, whatever becomes of it."""
    return _GrowingAnswer(growing, offset, count, headers, status, service_of(request).pools.slow)


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
            if self._count:
                await _send_part(scope, send, self._threads, self._file, self._offset, self._count, more=False)
            else:
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._file.close()


class _GrowingAnswer(_Stream):
    def __init__(
        self, growing: Growing, offset: int, count: int, headers: Mapping[str, str], status: int, threads: Threads
    ) -> None:
        super().__init__(headers, status)
        self._growing, self._offset, self._end, self._threads = growing, offset, offset + count, threads
        self._nap = SHORT_NAP

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_until_gone(receive))  # while nothing can be sent, nothing else would tell
        try:
            await self._start(send)
            while self._offset < self._end and not gone.done():
                if not await self._follow(scope, send, gone):
                    await self._send_rest(send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self._growing.close()

    async def _follow(self, scope: Scope, send: Send, gone: asyncio.Future[None]) -> bool:
        """Sends what is there, or waits for a moment. False: no more will come."""
        reach = self._growing.reach(self._offset)
        if reach is None:
            return False
        count = min(reach, self._end) - self._offset
        if count:
            await _send_part(scope, send, self._threads, self._growing.file, self._offset, count, more=True)
            self._offset += count
            self._nap = SHORT_NAP
        else:
            await asyncio.wait({gone}, timeout=self._nap)
            self._nap = min(2 * self._nap, LONG_NAP)
        return True

    async def _send_rest(self, send: Send) -> None:
        count = self._end - self._offset
        chunks = self._growing.rest(self._offset, count)
        try:
            while chunk := await self._threads.run(next, chunks, b""):
                self._offset += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            await self._threads.run(chunks.close)
        if self._offset < self._end:
            raise ShortRead("of its copies", "being sent", count - (self._end - self._offset), count)


async def _send_part(
    scope: Scope, send: Send, threads: Threads, file: BinaryIO, offset: int, count: int, *, more: bool
) -> None:
    """`count` bytes of `file` from `offset`, at least one; the answer's last unless `more` follow. Raises ShortRead."""
    if ZERO_COPY in scope.get("extensions", ()):
        await send({"type": ZERO_COPY, "file": file, "offset": offset, "count": count, "more_body": more})
        return
    begin, end = offset, offset + count
    while offset < end:
        piece = await threads.run(os.pread, file.fileno(), min(PIECE, end - offset), offset)
        if not piece:
            raise ShortRead("of files", str(file.name), offset - begin, count)
        offset += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": more or offset < end})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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
