"""ISO 9660 (ECMA-119) and UDF (ECMA-167) discs."""

from __future__ import annotations

import struct

from glancetui.formats.finding import Finding

BLOCK = 2048
FIRST_DESCRIPTOR = 16  # block
PRIMARY = 1
LOOK_AT = 16  # blocks in which a volume recognition sequence is expected


def iso(head: bytes) -> Finding | None:
    first = _identifier(head, 0)
    if first == b"CD001":
        return Finding("iso", _volume_size(head))
    if first in {b"NSR02", b"NSR03"} or (first == b"BEA01" and _has_udf(head)):
        return Finding("iso")
    return None


def _identifier(head: bytes, number: int) -> bytes:
    at = (FIRST_DESCRIPTOR + number) * BLOCK
    descriptor = head[at : at + BLOCK]
    return descriptor[1:6] if len(descriptor) == BLOCK else b""


def _has_udf(head: bytes) -> bool:
    return any(_identifier(head, number) in {b"NSR02", b"NSR03"} for number in range(1, LOOK_AT))


def _volume_size(head: bytes) -> int | None:
    """From the primary volume descriptor, where it comes first; both numbers are also there in big-endian."""
    descriptor = head[FIRST_DESCRIPTOR * BLOCK : (FIRST_DESCRIPTOR + 1) * BLOCK]
    if descriptor[0] != PRIMARY:
        return None
    (blocks,), (block,) = struct.unpack_from("<L", descriptor, 80), struct.unpack_from("<H", descriptor, 128)
    return int(blocks * block)
