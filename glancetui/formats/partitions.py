"""Partition tables: MBR, and GPT behind its protective MBR (UEFI 2.10, chapter 5). Both are called gpt here.

Other things carry the same signature in their first sector, and are told apart: boot sectors of file systems, kernels.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from glancetui.formats.finding import SECTOR, Fault, Finding

SIGNATURE = b"\x55\xaa"
TABLE = 446
PROTECTIVE = 0xEE
FAT_MEDIA = frozenset({0xF0, *range(0xF8, 0x100)})


class Entry(NamedTuple):
    boot: int
    start_chs: bytes
    kind: int
    start: int  # sector


def gpt(head: bytes) -> Finding | None:
    sector = head[:SECTOR]
    if len(sector) < SECTOR or sector[510:] != SIGNATURE or _is_file_system(sector) or _is_kernel(head):
        return None
    return Finding("gpt", faults=tuple(_faults([_entry(sector, number) for number in range(4)])))


def _is_file_system(sector: bytes) -> bool:
    return sector[3:11] in {b"NTFS    ", b"EXFAT   "} or _is_fat(sector)


def _is_fat(sector: bytes) -> bool:
    """By the BIOS parameter block."""
    (block,) = struct.unpack_from("<H", sector, 11)
    per_cluster, fats, media = sector[13], sector[16], sector[21]
    is_power = per_cluster & (per_cluster - 1) == 0
    return fats == 2 and media in FAT_MEDIA and (media == 0xF8 or (block in {512, 1024, 2048, 4096} and is_power))


def _is_kernel(head: bytes) -> bool:
    """Linux on x86 carries the signature of a boot sector (Documentation/arch/x86/boot.rst)."""
    return head[0x202:0x206] == b"HdrS"


def _entry(sector: bytes, number: int) -> Entry:
    boot, start_chs, kind, _end_chs, start, _count = struct.unpack_from("<B3sB3sII", sector, TABLE + 16 * number)
    return Entry(boot, start_chs, kind, start)


def _faults(entries: list[Entry]) -> list[Fault]:
    faults = [Fault("mbr", f"has an invalid boot flag in partition {number}")
              for number, entry in enumerate(entries) if entry.boot not in {0x00, 0x80}]  # fmt: skip
    used = [number for number, entry in enumerate(entries) if entry.kind]
    protective = [entry for entry in entries if entry.kind == PROTECTIVE]
    if any(entry.start_chs != b"\0\2\0" or entry.start != 1 for entry in protective):
        faults.append(Fault("gptmbr", "has a GPT whose protective MBR begins elsewhere than in sector 1"))
    if protective and used != [0]:
        faults.append(Fault("gptmbr", "has a GPT whose protective MBR names further partitions"))
    if not used:
        faults.append(Fault("mbr", "has a partition table without partitions"))
    return faults
