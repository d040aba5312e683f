"""Calling a request off from another thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from glancetui.errors import GlancetuiError


class Cancelled(GlancetuiError):
    """The caller no longer wants the answer."""

    def __init__(self) -> None:
        super().__init__("The request was called off.")


class CancelToken:
    """Hands the sockets of running requests to whoever wants them ended. One token may serve many requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """End every request that runs under this token, at once, and refuse later ones. Safe from any thread."""
        with self._lock:
            self._cancelled = True
            sockets = tuple(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):  # it may have ended by itself
                each.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raises Cancelled once `cancel` was called."""
        if self._cancelled:
            raise Cancelled

    @contextlib.contextmanager
    def watching(self, connection: socket.socket) -> Iterator[None]:
        """While inside, `cancel` shuts `connection` down."""
        with self._lock:
            self._sockets.add(connection)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._sockets.discard(connection)
