"""An upload that reads its socket itself: no event loop, no copies but the kernel's one into the upload's own buffer.

Two cores hash an image in about the time that the usual way (event loop, parser, queue, thread) spends on carrying it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterable

from glancetui.server.body import broken, stalled

# Asking the kernel to wake the reader only for this much saves thousands of wake-ups for each GiB.
LOW_WATER = 262_144


class SocketBody:
    """A ByteSource of `declared_size` bytes: first those that had already been parsed, then the socket's own.

    Never takes a byte beyond the body. Used by one thread; `close` may come from any other at any time.
    """

    def __init__(
        self, descriptor: int, parsed: Iterable[bytes], size: int, idle_seconds: float, invite: Callable[[], object]
    ) -> None:
        """Takes `descriptor` over: a duplicate of the connection's. `invite` is called before the first wait for bytes:
        a client that asked whether to send at all is told only then, so that a refusal can still spare it the sending.
        """
        self.declared_size: int | None = size
        self._socket = socket.socket(fileno=descriptor)
        self._parsed = memoryview(b"".join(parsed))
        self._left = size - len(self._parsed)  # bytes that are still to come from the socket
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._reading = False
        self._closed = False
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._low_water = 1
        self._invite: Callable[[], object] | None = invite

    def read_into(self, buffer: memoryview) -> int:
        if self._parsed:
            return self._read_parsed(buffer)
        if self._left == 0:
            return 0
        with self._lock:
            if self._closed:
                raise broken()
            self._reading = True
        try:
            count = self._receive(buffer[: self._left])
            self._left -= count
            if self._left == 0:
                self._set_low_water(1)  # the socket goes back to the connection, whose next request may be short
        finally:
            self._stop_reading()
        return count

    @property
    def taken_whole(self) -> bool:
        """Whether the connection stands at the end of the body."""
        return self._left == 0

    def close(self) -> None:
        """Idempotent. A thread that is waiting for bytes gets BodyBroken."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if not self._reading:
                self._let_go()
                return
        with contextlib.suppress(OSError):  # the connection is gone already, and that has woken the thread
            self._socket.shutdown(socket.SHUT_RD)  # wakes it; it closes the descriptor as it leaves

    def _read_parsed(self, buffer: memoryview) -> int:
        count = min(len(buffer), len(self._parsed))
        buffer[:count] = self._parsed[:count]
        self._parsed = self._parsed[count:]
        return count

    def _stop_reading(self) -> None:
        with self._lock:
            self._reading = False
            if self._closed:
                self._let_go()

    def _let_go(self) -> None:
        self._set_low_water(1)  # the mark is the socket's, not the descriptor's
        self._socket.close()

    def _receive(self, buffer: memoryview) -> int:
        while True:
            try:
                count = self._socket.recv_into(buffer)
            except BlockingIOError:
                self._wait()
            except OSError as error:
                raise broken() from error
            else:
                if count == 0:
                    raise broken()
                return count

    def _wait(self) -> None:
        """Returns when bytes are there or the connection has ended. Raises BodyTimeout."""
        if self._invite is not None:
            self._invite()
            self._invite = None
        self._set_low_water(min(self._left, LOW_WATER))
        if self._poll.poll(self._idle_seconds * 1000):
            return
        # Fewer bytes than the mark may have come: that is slow, not silent.
        self._set_low_water(1)
        if not self._poll.poll(0):
            raise stalled(self._idle_seconds)

    def _set_low_water(self, mark: int) -> None:
        if mark != self._low_water:
            self._low_water = mark
            with contextlib.suppress(OSError):  # where a system refuses, only wake-ups are lost
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
