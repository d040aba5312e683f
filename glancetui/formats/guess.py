"""What a file probably is, for somebody who publishes it: disk_format and container_format, and the reason.

A guess helps to fill in a form; it decides nothing about safety. That is `inspect`, in the service.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from glancetui.formats.finding import HEAD, TAIL, Ends
from glancetui.formats.microsoft import fixed_vhd
from glancetui.formats.recognise import recognise

SAID = {
    "qcow2": "it begins with the header of a QEMU qcow2 image",
    "vmdk": "it begins with the header of a VMware disk",
    "vhd": "it has the footer of a Microsoft VHD disk",
    "vhdx": "it begins with the signature of a Microsoft VHDX disk",
    "vdi": "it has the header of a VirtualBox disk",
    "iso": "it has the volume descriptor of an ISO 9660 or UDF disc",
    "luks": "it begins with the header of a LUKS-encrypted disk",
    "qed": "it begins with the header of a QED disk, which no service takes; convert it to qcow2",
}
COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
}
# What a name ends with before the compressor's own ending, and the disk_format that it stands for.
ENDINGS = {
    "qcow2": "qcow2", "qcow": "qcow2", "vmdk": "vmdk", "vhd": "vhd", "vpc": "vhd", "vhdx": "vhdx", "vdi": "vdi",
    "iso": "iso",
}  # fmt: skip
CPIO = (b"070701", b"070702")
TAR_AT = 257
TAR_BLOCK = 512


class Guess(NamedTuple):
    """`reason` goes on from "because …"."""

    disk_format: str
    container_format: str
    reason: str


def guess(head: bytes, name: str = "", ends: Ends | None = None) -> Guess:
    """From the first bytes, best HEAD of them, and the file's name where there is one."""
    return _archive(head) or _boot_file(head, name) or _disk(head, ends) or _compressed(head, name) or _plain(head)


def guess_file(path: str | os.PathLike[str]) -> Guess:
    """Reads the head and the tail of a file. Raises OSError."""
    with Path(path).open("rb") as file:
        head = file.read(HEAD)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        return guess(head, Path(path).name, Ends(size, file.read(TAIL), b""))


def _archive(head: bytes) -> Guess | None:
    if head[TAR_AT : TAR_AT + 5] != b"ustar":
        return None
    member = head[:100].partition(b"\0")[0].decode("utf-8", "replace")
    if member.lower().endswith(".ovf"):
        return Guess("vmdk", "ova", f"it is a tar archive that begins with the OVF descriptor {member!r}")
    if member in {"manifest.json", "repositories", "oci-layout"} or member.endswith("/layer.tar"):
        return Guess("raw", "docker", f"it is a tar archive that begins with {member!r}, as container images do")
    return Guess("raw", "bare", "it is a tar archive that is neither an appliance nor a container image")


def _boot_file(head: bytes, name: str) -> Guess | None:
    if head[0x202:0x206] == b"HdrS":
        return Guess("aki", "aki", "it has the header of a Linux kernel")
    if head.startswith(CPIO):
        return Guess("ari", "ari", "it is a cpio archive, as initial RAM disks are")
    if name.startswith(("initrd", "initramfs")) and _compressor(head):
        return Guess("ari", "ari", f"it is compressed and called {name!r}, as initial RAM disks are")
    return None


def _disk(head: bytes, ends: Ends | None) -> Guess | None:
    found = {finding.format for finding in recognise(head)}
    only = next(iter(found)) if len(found) == 1 else ""
    if only in SAID:
        return Guess(only, "bare", SAID[only])
    if found <= {"gpt"} and ends is not None and fixed_vhd(ends) is not None:
        return Guess("vhd", "bare", SAID["vhd"])
    if found == {"gpt"}:
        return Guess("raw", "bare", "it begins with a partition table, as plain disks do")
    if found:
        return Guess("raw", "bare", f"it looks like several formats at once ({', '.join(sorted(found))})")
    return None


def _compressor(head: bytes) -> str | None:
    return next((program for magic, program in COMPRESSED.items() if head.startswith(magic)), None)


def _compressed(head: bytes, name: str) -> Guess | None:
    program = _compressor(head)
    if program is None:
        return None
    inner = name.lower().rpartition(".")[0].rpartition(".")[2]
    disk_format = ENDINGS.get(inner, "raw")
    told = f"and {name!r} suggests {disk_format} within" if inner in ENDINGS else "and nothing tells what is within"
    return Guess(disk_format, "compressed", f"it is compressed by {program}, {told}")


def _plain(head: bytes) -> Guess:
    if not head:
        return Guess("raw", "bare", "it is empty")
    return Guess("raw", "bare", "no known format was found in it")
