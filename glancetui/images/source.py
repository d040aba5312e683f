"""Where the bytes of an upload come from, seen from the rules: HTTP is not known here."""

from __future__ import annotations

from typing import Protocol


class ByteSource(Protocol):
    """A body that is being received. Used by one thread."""

    declared_size: int | None  # bytes, where the framing or a header says so; None: unknown until the end

    def read_into(self, buffer: memoryview) -> int:
        """Fill at most `buffer` and return how many bytes came (any number > 0); 0 is the true end of the body.

        Raises BodyBroken when the sender goes away or breaks its framing, BodyTimeout when it stalls.
        """
