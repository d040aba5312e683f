"""A file's bytes from the page cache to a socket, by the kernel, on the event loop, without blocking it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
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
        self.sent = 0

    async def send(self, file: BinaryIO, offset: int, count: int) -> None:
        """Raises ConnectionError when the receiver goes away or after `give_up`; EOFError if the file is shorter."""
        part = _Part(file.fileno(), offset, offset + count)
        while part.left:
            self._check()
            if part.is_warm():
                await self._send_warm(part)
            else:
                asked = part.piece
                sent = await self._threads.run(_send_cold, self._socket, part.file, part.offset, asked)
                self._take(part, sent)
                if sent != asked:
                    await self.writable()

    def give_up(self) -> None:
        """The connection is gone or is to go: `send` ends at its next step."""
        self._gone = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        os.close(self._socket)

    async def writable(self) -> None:
        """Returns when the socket takes bytes. Raises ConnectionError."""
        self._check()
        await self._watch(_wake)
        self._check()

    async def _send_warm(self, part: _Part) -> None:
        """Until the part ends or its next piece is not in memory: a piece now, then one whenever the socket takes it.

        The loop calls for each piece, once in each of its turns: others get theirs, and no task has to be woken.
        """
        self._take(part, _sendfile(self._socket, part.file, part.offset, part.piece))
        if part.left and part.is_warm():
            await self._watch(partial(self._push, part))

    def _push(self, part: _Part, waiter: asyncio.Future[None]) -> None:
        if waiter.done():
            return
        try:
            self._take(part, _sendfile(self._socket, part.file, part.offset, part.piece))
        except (OSError, EOFError) as error:
            waiter.set_exception(error)
        else:
            if not part.left or not part.is_warm():
                waiter.set_result(None)

    def _take(self, part: _Part, sent: int | None) -> None:
        """Counts what went; None: the socket took none."""
        if sent == 0:
            raise EOFError(f"The file ends at byte {part.offset}.")
        part.offset += sent or 0
        self.sent += sent or 0

    async def _watch(self, step: Callable[[asyncio.Future[None]], None]) -> None:
        """Calls `step` whenever the socket takes bytes, until it has settled the future it is given."""
        waiter = self._waiter = self._loop.create_future()
        self._loop.add_writer(self._socket, step, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._socket)
            self._waiter = None

    def _check(self) -> None:
        if self._gone:
            raise ConnectionAbortedError("the receiver is gone")


class _Part:
    """Bytes `offset` to `end` of an open file, `offset` moving on as they are sent."""

    def __init__(self, file: int, offset: int, end: int) -> None:
        self.file, self.offset, self._end = file, offset, end
        self._warm_until = offset  # found in memory up to here: asking for each piece would show

    @property
    def left(self) -> int:
        return self._end - self.offset

    @property
    def piece(self) -> int:
        return min(PIECE, self.left)

    def is_warm(self) -> bool:
        """Whether the next piece is in memory."""
        if self.offset + self.piece > self._warm_until:
            ahead = min(AHEAD, self.left)
            if is_warm(self.file, self.offset, ahead):
                self._warm_until = self.offset + ahead
        return self.offset + self.piece <= self._warm_until


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
