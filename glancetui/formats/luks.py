"""LUKS, version 1 (LUKS On-Disk Format Specification 1.2.3). Version 2 is recognised, and refused as Nova does."""

from __future__ import annotations

import functools
import struct

from glancetui.formats.finding import CUT_SHORT, SECTOR, Ends, Fault, Finding, Later, damaged

MAGIC = b"LUKS\xba\xbe"
HEADER = 592  # bytes of the header with its eight key slots


def luks(head: bytes) -> Finding | None:
    if not head.startswith(MAGIC):
        return None
    if len(head) < HEADER:
        return Finding("luks", faults=(CUT_SHORT,))
    (version,) = struct.unpack_from(">H", head, 6)
    if version != 1:
        return Finding("luks", faults=(Fault("version", f"is of LUKS version {version}, where 1 is supported"),))
    (payload,) = struct.unpack_from(">I", head, 104)  # sectors
    return Finding("luks", later=Later(functools.partial(_payload, offset=payload * SECTOR)))


def _payload(ends: Ends, offset: int) -> Finding:
    if offset > ends.size:
        return Finding("luks", faults=(damaged("it ends before its payload begins"),))
    return Finding("luks", ends.size - offset)
