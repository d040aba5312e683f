"""VDI, the format of VirtualBox (include/VBox/vd.h; block/vdi.c of QEMU)."""

from __future__ import annotations

import struct

from glancetui.formats.finding import CUT_SHORT, SECTOR, Fault, Finding, sized

SIGNATURE = b"\x7f\x10\xda\xbe"
SIGNATURE_AT = 0x40
UNDO, DIFFERENCING = 3, 4
LINK_AND_PARENT = slice(0x1A8, 0x1C8)  # two UUIDs; null where the image stands alone


def vdi(head: bytes) -> Finding | None:
    if head[SIGNATURE_AT : SIGNATURE_AT + 4] != SIGNATURE:
        return None
    if len(head) < SECTOR:
        return Finding("vdi", faults=(CUT_SHORT,))
    (kind,) = struct.unpack_from("<I", head, 0x4C)
    (virtual_size,) = struct.unpack_from("<Q", head, 0x170)
    has_parent = kind in {UNDO, DIFFERENCING} or any(head[LINK_AND_PARENT])
    return sized("vdi", virtual_size, *([Fault("backing_file", "has a parent image")] if has_parent else []))
