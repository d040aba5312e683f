"""VHD (Virtual Hard Disk Image Format Specification 1.0) and VHDX (MS-VHDX)."""

from __future__ import annotations

import functools
import struct

from glancetui.formats.finding import (
    CUT_SHORT,
    REGION_MOST,
    SECTOR,
    Ends,
    Fault,
    Finding,
    Later,
    Region,
    damaged,
    sized,
)

VHD_COOKIE = b"conectix"
VHD_FIXED, VHD_DIFFERENCING = 2, 4
VHDX_SIGNATURE = b"vhdxfile"
REGION_TABLE = Region(192 << 10, 64 << 10)
TABLE_ENTRIES_MOST = 2047
# GUIDs as they are stored: their first three parts little-endian.
METADATA_REGION = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")  # 8b7ca206-4790-4b9a-b8fe-575f050f886e
VIRTUAL_DISK_SIZE = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")  # 2fa54224-cd1b-4876-b211-5dbed83bf4b8
FILE_PARAMETERS = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")  # caa16737-fa36-4d43-b3b6-33f0aa44e76b
PARENT_LOCATOR = bytes.fromhex("2d5fd3a80bb34d45abf7d3d84834ab0c")  # a8d35f2d-b30b-454d-abf7-d3d84834ab0c
HAS_PARENT = 1 << 1
PARENT = Fault("backing_file", "has a parent image")


def vhd(head: bytes) -> Finding | None:
    """A VHD with a copy of its footer at the start: dynamic or differencing."""
    if not head.startswith(VHD_COOKIE):
        return None
    if len(head) < SECTOR:
        return Finding("vhd", faults=(CUT_SHORT,))
    virtual_size, disk_type = _vhd_footer(head)
    return sized("vhd", virtual_size, *([PARENT] if disk_type == VHD_DIFFERENCING else []))


def fixed_vhd(ends: Ends) -> Finding | None:
    """A fixed VHD: the disk as it is, and behind it a footer that is nowhere else."""
    footer = ends.tail[-SECTOR:]
    if len(footer) < SECTOR or not footer.startswith(VHD_COOKIE):
        return None
    virtual_size, disk_type = _vhd_footer(footer)
    if disk_type != VHD_FIXED or not _sums_up(footer):
        return None
    if virtual_size > ends.size - SECTOR:
        return Finding("vhd", faults=(damaged("it is shorter than its footer says"),))
    return sized("vhd", virtual_size)


def _vhd_footer(footer: bytes) -> tuple[int, int]:
    """Size in bytes, disk type. Of the two sizes, the second is what a resize changed; old writers left it out."""
    original, current = struct.unpack_from(">QQ", footer, 40)
    return current or original, struct.unpack_from(">I", footer, 60)[0]


def _sums_up(footer: bytes) -> bool:
    checksum: int = struct.unpack_from(">I", footer, 64)[0]
    return checksum == ~(sum(footer[:64]) + sum(footer[68:SECTOR])) & 0xFFFFFFFF


def vhdx(head: bytes) -> Finding | None:
    if not head.startswith(VHDX_SIGNATURE):
        return None
    table = head[REGION_TABLE.offset : REGION_TABLE.offset + REGION_TABLE.length]
    if len(table) < REGION_TABLE.length:
        return Finding("vhdx", faults=(CUT_SHORT,))
    region = _metadata_region(table)
    if region is None:
        return Finding("vhdx", faults=(damaged("its region table names no metadata"),))
    return Finding("vhdx", later=Later(functools.partial(_vhdx_metadata, wanted=region), region))


def _metadata_region(table: bytes) -> Region | None:
    signature, count = table[:4], struct.unpack_from("<I", table, 8)[0]
    if signature != b"regi" or count > TABLE_ENTRIES_MOST:
        return None
    for at in range(16, 16 + 32 * min(count, len(table) // 32 - 1), 32):
        if table[at : at + 16] == METADATA_REGION:
            offset, length = struct.unpack_from("<QI", table, at + 16)
            return Region(offset, min(length, REGION_MOST))
    return None


def _vhdx_metadata(ends: Ends, wanted: Region) -> Finding:
    """The region may lie about its items; none is looked for outside of it."""
    region = ends.region
    if len(region) < wanted.length or len(region) < 32 or not region.startswith(b"metadata"):
        return Finding("vhdx", faults=(damaged("its metadata are not where its region table says"),))
    (count,) = struct.unpack_from("<H", region, 10)
    if count > TABLE_ENTRIES_MOST or 32 + 32 * count > len(region):
        return Finding("vhdx", faults=(damaged("its table of metadata is too long"),))
    entries = [region[at : at + 32] for at in range(32, 32 + 32 * count, 32)]
    items = {entry[:16]: _item(region, entry) for entry in entries}
    size, parameters = items.get(VIRTUAL_DISK_SIZE, b""), items.get(FILE_PARAMETERS, b"")
    if len(size) < 8 or len(parameters) < 8:
        return Finding("vhdx", faults=(damaged("its metadata name no size"),))
    has_parent = PARENT_LOCATOR in items or struct.unpack_from("<I", parameters, 4)[0] & HAS_PARENT
    return sized("vhdx", struct.unpack_from("<Q", size)[0], *([PARENT] if has_parent else []))


def _item(region: bytes, entry: bytes) -> bytes:
    offset, length = struct.unpack_from("<II", entry, 16)
    return region[offset : offset + length]
