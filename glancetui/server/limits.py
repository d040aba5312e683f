"""What a connection may cost before anybody knows who is there."""

from __future__ import annotations

import msgspec

from glancetui.config.settings import ServerSettings


class WireLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes and seconds."""

    head_bytes: int = 65_536  # request line and headers
    headers: int = 256
    line_bytes: int = 16_384  # the request's target
    head_seconds: float = 20.0  # from the first byte of a head to its last
    keep_alive_seconds: float = 65.0  # silence between two requests
    body_idle_seconds: float = 60.0
    send_idle_seconds: float = 120.0
    # A client that still sends when its answer is ready gets this long to read the answer, its data being dropped:
    # closing at once would make the kernel reset the connection and destroy the answer on its way.
    linger_seconds: float = 30.0
    linger_idle_seconds: float = 5.0
    drop_bytes: int = 262_144  # of an unread body; a longer rest is not waited for, the connection ends
    body_buffer_bytes: int = 1 << 20  # received and not yet taken; beyond it reading pauses

    @classmethod
    def of(cls, server: ServerSettings) -> WireLimits:
        return cls(
            head_bytes=server.max_header_bytes,
            body_idle_seconds=server.body_idle_seconds,
            send_idle_seconds=server.send_idle_seconds,
        )
