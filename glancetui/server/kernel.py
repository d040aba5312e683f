"""A file's bytes from the page cache to a socket, by the kernel, on the event loop, without blocking it."""

from __future__ import annotations

import asyncio
import os
from typing import BinaryIO

from glancetui.server.bridge import Threads

PIECE = 2 << 20  # bytes handed to the kernel in one call; others get their turn after it
AHEAD = 8 << 20  # bytes that the kernel is asked to read while a cold piece is sent
_NOWAIT = getattr(os, "RWF_NOWAIT", None)


class FileSender:
    """Sends one file to one socket. `sent` counts bytes, so that a receiver that stalls can be noticed."""

    def __init__(self, descriptor: int, threads: Threads) -> None:
        """Takes `descriptor` over: a duplicate of the connection's, whose write buffer must be empty."""
        self._loop = asyncio.get_running_loop()
        self._socket = descriptor
        self._threads = threads
        self._waiter: asyncio.Future[None] | None = None
        self._gone = False
        self._warm_until = 0  # byte up to which the file was found in memory: asking for each piece would show
        self.sent = 0

    async def send(self, file: BinaryIO, offset: int, count: int) -> None:
        """Raises ConnectionError when the receiver goes away or after `give_up`; EOFError if the file is shorter."""
        source, end = file.fileno(), offset + count
        while offset < end:
            piece = min(PIECE, end - offset)
            sent = await self._send_piece(source, offset, piece, end)
            if sent == 0:
                raise EOFError(f"{file.name} ends at byte {offset}.")
            offset += sent or 0
            self.sent += sent or 0
            if sent == piece:
                await asyncio.sleep(0)  # a fast receiver must not keep the loop from everybody else
            else:
                await self.writable()

    def give_up(self) -> None:
        """The connection is gone or is to go: `send` ends at its next step."""
        self._gone = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        os.close(self._socket)

    async def _send_piece(self, source: int, offset: int, count: int, end: int) -> int | None:
        """How many bytes went; None: the socket takes none now."""
        if self._gone:
            raise ConnectionAbortedError("the receiver is gone")
        if offset + count > self._warm_until and is_warm(source, offset, ahead := min(AHEAD, end - offset)):
            self._warm_until = offset + ahead
        if offset + count <= self._warm_until:
            return _sendfile(self._socket, source, offset, count)
        return await self._threads.run(_send_cold, self._socket, source, offset, count)

    async def writable(self) -> None:
        """Returns when the socket takes bytes. Raises ConnectionError."""
        if self._gone:
            raise ConnectionAbortedError("the receiver is gone")
        waiter = self._waiter = self._loop.create_future()
        self._loop.add_writer(self._socket, _wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._socket)
            self._waiter = None


def is_warm(file: int, offset: int, count: int) -> bool:
    """Whether the first and the last byte of a piece are in memory; the kernel reads ahead in order, so the rest is.

    Where the system cannot tell, nothing counts as warm.
    """
    if _NOWAIT is None:
        return False
    byte = bytearray(1)
    try:
        os.preadv(file, [byte], offset, _NOWAIT)
        os.preadv(file, [byte], offset + count - 1, _NOWAIT)
    except OSError:  # BlockingIOError: cold; ENOTSUP: this filesystem does not tell
        return False
    return True


def _sendfile(to: int, source: int, offset: int, count: int) -> int | None:
    try:
        return os.sendfile(to, source, offset, count)
    except BlockingIOError:
        return None


def _send_cold(to: int, source: int, offset: int, count: int) -> int | None:
    """In a thread: the call sleeps until the disk has read the piece. What follows is asked for first."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(source, offset, AHEAD, os.POSIX_FADV_WILLNEED)
    return _sendfile(to, source, offset, count)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
