"""Frames over a connected socket, of either side."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from glancetui.registry.service.frames import BrokenFrame, Frames, framed

PIECE = 65_536  # bytes asked for at once: more than almost every message has


class Stream:
    """One user at a time in each direction. Errors of the socket are OSError, TimeoutError where it has a timeout."""

    def __init__(self, connected: socket.socket, most: int) -> None:
        self.socket = connected
        self._frames = Frames(most)

    def allow(self, most: int) -> None:
        """From now on frames may be so long."""
        self._frames.most = most

    def send(self, content: bytes) -> None:
        self.socket.sendall(framed(content))

    def frame(self, begun: Callable[[], None] = lambda: None) -> bytes | None:
        """The next one; None where the other side has ended between two. After a TimeoutError it may be asked again.

        `begun` is called for each piece of a frame that is not complete yet. Raises BrokenFrame.
        """
        while (content := self._frames.next()) is None:
            try:
                piece = self.socket.recv(PIECE)
            except BlockingIOError as error:  # what the kernel's own timeout is called
                raise TimeoutError from error
            if not piece:
                if len(self._frames):
                    raise BrokenFrame("a frame that was cut off")
                return None
            self._frames.feed(piece)
            begun()
        return content

    def time_out_in_kernel(self, seconds: float) -> None:
        """Instead of in Python, which asks before each read and write whether it would wait: a system call more, and
        each gives up the interpreter's lock. Not under TLS."""
        self.socket.settimeout(None)
        interval = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))  # a struct timeval
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.socket.setsockopt(socket.SOL_SOCKET, option, interval)

    def exactly(self, count: int) -> bytes:
        """So many bytes, outside any frame. Raises BrokenFrame if the other side ends before."""
        received = b""
        while len(received) < count:
            piece = self.socket.recv(count - len(received))
            if not piece:
                raise BrokenFrame("a handshake that was cut off")
            received += piece
        return received

    def close(self) -> None:
        self.socket.close()
