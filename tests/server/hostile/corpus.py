"""Images that are out to have another file opened, to fill disks and memory, or to be two things at once.

Each names the bait: a file that nobody may open, by its path, by its name beside the work, and one folder up.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from tests.backends.images import MIB, partition_table, qcow2_header, qemu_image, vmdk_descriptor, vmdk_header
from tests.formats.test_inspect import find_file_parameters

CAP = 8 * MIB  # image_size_cap of the services that take them
BOMB = bytes(2 * CAP)


class Hostile(NamedTuple):
    """`stored`: harmless as bytes, so a service without plug-ins keeps it as it is. `opened`: what becomes of it where
    plug-ins take it apart; None: they have nothing to do with it."""

    name: str
    disk_format: str
    data: bytes
    container_format: str = "bare"
    stored: bool = False
    opened: Literal["refused"] | None = None


def corpus(folder: Path, bait: Path) -> list[Hostile]:
    """`folder` is for what qemu-img makes."""
    named = (str(bait), bait.name, f"../{bait.name}")
    return [
        *qcow2s(named), *qcow2_tricks(), *vmdks(named), *vmdk_tricks(), *microsofts(folder, bait),
        *virtualboxes(folder), *discs_and_tables(), *two_in_one(folder), *bundles(named), *archives(),
    ]  # fmt: skip


def whatever_it_is_called(name: str, claims: tuple[str, ...], data: bytes) -> Iterator[Hostile]:
    for claim in claims:
        yield Hostile(f"{name} as {claim}", claim, data)


# -- qcow2 -----------------------------------------------------------------------------------------------------------
BACKING_FORMAT, DATA_FILE_NAME, FEATURE_NAMES = 0xE2792ACA, 0x44415441, 0x6803F857


def extension(kind: int, content: bytes) -> bytes:
    return struct.pack(">II", kind, len(content)) + content.ljust(-(-len(content) // 8) * 8, b"\0")


def qcow2(*, backing: str = "", extensions: bytes = b"", header_length: int = 112, **more: int) -> bytes:
    """A header with its length, extensions behind it, and the name of a backing file behind those."""
    image = bytearray(qcow2_header(backing=1024 if backing else 0, **more))
    image[100:104] = struct.pack(">I", header_length)
    image[112 : 112 + len(extensions)] = extensions
    if backing:
        image[16:20] = struct.pack(">I", len(backing))
        image[1024 : 1024 + len(backing)] = backing.encode()
    return bytes(image)


def qcow2s(named: tuple[str, ...]) -> Iterator[Hostile]:
    for name in (
        *named,
        f'json:{{"driver":"raw","file":{{"driver":"file","filename":"{named[0]}"}}}}',
        "nbd:127.0.0.1:9",
    ):
        yield from whatever_it_is_called(f"qcow2 on {name[:5]}…", ("qcow2", "raw"), qcow2(backing=name))
        yield Hostile(f"qcow2 of version 2 on {name[:5]}…", "qcow2", qcow2(backing=name, version=2))
        kept_apart = extension(DATA_FILE_NAME, name.encode())
        yield from whatever_it_is_called(
            f"qcow2 with data in {name[:5]}…", ("qcow2", "raw"), qcow2(extensions=kept_apart, incompatible=1 << 2)
        )
    with_format = qcow2(backing=named[0], extensions=extension(BACKING_FORMAT, b"raw"))
    yield Hostile("qcow2 whose backing file has a format", "qcow2", with_format)


def qcow2_tricks() -> Iterator[Hostile]:
    for bit in (4, 5, 31, 63):
        yield from whatever_it_is_called(f"qcow2 with feature {bit}", ("qcow2", "raw"), qcow2(incompatible=1 << bit))
    for version in (0, 1, 4, (1 << 32) - 1):
        yield Hostile(f"qcow2 of version {version}", "qcow2", qcow2(version=version))
    for size in (1 << 63, (1 << 64) - 1):
        yield from whatever_it_is_called(f"qcow2 of {size} bytes", ("qcow2", "raw"), qcow2(size=size))
    yield Hostile("qcow2 cut in its header", "qcow2", qcow2()[:100])
    lies = {
        "of a petabyte": qcow2(size=1 << 50),
        "with a header without end": qcow2(header_length=(1 << 32) - 1),
        "with a header of nothing": qcow2(header_length=1),
        "with an extension without end": qcow2(extensions=struct.pack(">II", DATA_FILE_NAME, (1 << 32) - 1)),
        "with a data file that it has no feature for": qcow2(extensions=extension(DATA_FILE_NAME, b"/etc/passwd")),
        "with names of features": qcow2(extensions=extension(FEATURE_NAMES, b"\0\2external data".ljust(48, b"\0"))),
        "with tables beyond its end": with_bytes(qcow2(), 36, struct.pack(">IQ", 1 << 20, 1 << 50)),
        "with clusters of 2^60": with_bytes(qcow2(), 20, struct.pack(">I", 60)),
        "that is encrypted": with_bytes(qcow2(), 32, struct.pack(">I", 2)),
    }
    for name, data in lies.items():
        yield Hostile(f"qcow2 {name}", "qcow2", data, stored=True, opened="refused")


def with_bytes(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


# -- VMDK ------------------------------------------------------------------------------------------------------------
def vmdks(named: tuple[str, ...]) -> Iterator[Hostile]:
    for name in named:
        text = vmdk_descriptor("monolithicFlat", (f'RW 2048 FLAT "{name}" 0',)).encode()
        yield from whatever_it_is_called(f"VMDK text naming {name[:5]}…", ("vmdk", "raw"), text)
        yield from whatever_it_is_called(
            f"padded VMDK text naming {name[:5]}…", ("vmdk", "raw"), text.ljust(MIB, b"\0")
        )
        for kind in ("SPARSE", "FLAT", "VMFS", "VMFSRDM", "VMFSRAW"):
            inside = vmdk_header(vmdk_descriptor(extents=(f'RW 2048 {kind} "{name}"',)))
            if kind != "SPARSE" or "/" in name:
                yield Hostile(f"VMDK with a {kind} extent {name[:5]}…", "vmdk", inside)
        parent = vmdk_header(vmdk_descriptor(more=f'parentFileNameHint="{name}"'))
        yield from whatever_it_is_called(f"VMDK with the parent {name[:5]}…", ("vmdk", "raw"), parent)


def vmdk_tricks() -> Iterator[Hostile]:
    one = 'RW 2048 SPARSE "disk.vmdk"'
    yield Hostile("VMDK with a second extent", "vmdk", vmdk_header(vmdk_descriptor(extents=(one, one))))
    yield Hostile("VMDK without extents", "vmdk", vmdk_header(vmdk_descriptor(extents=())))
    with_parent = vmdk_descriptor().replace("parentCID=ffffffff", "parentCID=12345678")
    yield Hostile("VMDK with a parent's number", "vmdk", vmdk_header(with_parent))
    for kind in ("vmfsSparse", "monolithicFlat", "twoGbMaxExtentFlat", "fullDevice", "custom", ""):
        yield Hostile(f"VMDK of the type {kind!r}", "vmdk", vmdk_header(vmdk_descriptor(kind)))
    yield Hostile("VMDK with its text elsewhere", "vmdk", vmdk_header(vmdk_descriptor(), at=1 << 40))
    yield Hostile("VMDK of exabytes", "vmdk", vmdk_header(vmdk_descriptor(), sectors=1 << 54))
    yield Hostile("VMDK of version 9", "vmdk", vmdk_header(vmdk_descriptor(), version=9))
    yield Hostile("VMDK whose footer is missing", "vmdk", vmdk_header(vmdk_descriptor(), grains_at=(1 << 64) - 1))
    yield from whatever_it_is_called("COWD", ("vmdk", "raw"), b"COWD".ljust(4096, b"\0"))


# -- VHD, VHDX, VDI --------------------------------------------------------------------------------------------------
def microsofts(folder: Path, bait: Path) -> Iterator[Hostile]:
    vhd = qemu_image(folder, "vpc", MIB).read_bytes()
    difference = with_bytes(vhd, 60, b"\0\0\0\4")
    locator = with_bytes(difference, 512 + 64, str(bait).encode("utf-16-be"))
    yield from whatever_it_is_called("VHD that differs", ("vhd", "raw"), difference)
    yield Hostile("VHD that names its parent", "vhd", locator)
    yield from whatever_it_is_called("VHD of all bytes", ("vhd", "raw"), with_bytes(vhd, 48, b"\xff" * 8))
    yield Hostile("VHD cut in its header", "vhd", vhd[:300])
    vhdx = qemu_image(folder, "vhdx", MIB, "block_size=1M").read_bytes()
    region = vhdx.index(b"metadata", 1 << 18)
    vhdx = vhdx[: region + (64 << 10)]  # what is behind it is empty
    parent = with_bytes(vhdx, find_file_parameters(vhdx) + 4, b"\2\0\0\0")
    yield from whatever_it_is_called("VHDX with a parent", ("vhdx", "raw"), parent)
    yield Hostile("VHDX that lies about its items", "vhdx", with_bytes(vhdx, region + 10, b"\xff\xff"))
    yield Hostile("VHDX that lies about its regions", "vhdx", with_bytes(vhdx, (192 << 10) + 8, b"\xff" * 4))
    yield Hostile("VHDX that ends before its metadata", "vhdx", vhdx[: 200 << 10])


def virtualboxes(folder: Path) -> Iterator[Hostile]:
    vdi = qemu_image(folder, "vdi", MIB).read_bytes()
    lies = {
        "that differs": (0x4C, b"\4\0\0\0"), "for undoing": (0x4C, b"\3\0\0\0"), "with a parent": (0x1B8, b"\1" * 16),
        "with a link": (0x1A8, b"\1" * 16), "of all bytes": (0x170, b"\xff" * 8),
    }  # fmt: skip
    for name, (at, new) in lies.items():
        yield from whatever_it_is_called(f"VDI {name}", ("vdi", "raw"), with_bytes(vdi, at, new))
    yield Hostile("QED", "raw", b"QED\0".ljust(65_536, b"\0"))


# -- LUKS, partition tables, discs -----------------------------------------------------------------------------------
def luks_header(version: int, payload: int) -> bytes:
    header = bytearray(b"LUKS\xba\xbe" + struct.pack(">H", version)).ljust(65_536, b"\0")
    header[104:108] = struct.pack(">I", payload)
    return bytes(header)


def discs_and_tables() -> Iterator[Hostile]:
    yield Hostile("LUKS of version 2", "raw", luks_header(2, 8))
    yield Hostile("LUKS whose payload lies beyond", "raw", luks_header(1, (1 << 32) - 1))
    yield Hostile("LUKS cut in its header", "raw", luks_header(1, 8)[:550])
    yield Hostile("LUKS that is called qcow2", "qcow2", luks_header(1, 8))
    tables = {
        "that boots oddly": partition_table((0x83, 1), boot=0x7F),
        "with two kinds": partition_table((0xEE, 1), (0x83, 2048)),
        "with a late cover": partition_table((0x83, 2048), (0xEE, 1)),
        "with a cover elsewhere": partition_table((0xEE, 2)),
        "with a cover of odd heads": partition_table((0xEE, 1), start_chs=b"\0\1\0"),
    }
    for name, sector in tables.items():
        yield Hostile(f"partition table {name}", "raw", sector + bytes(65_536))
    yield Hostile("partition table that is called qcow2", "qcow2", partition_table((0x83, 1)) + bytes(65_536))
    yield Hostile("disc that is called vmdk", "vmdk", disc())


def disc() -> bytes:
    return bytes(32_768) + b"\1CD001\1" + bytes(2041)


# -- two formats in one ----------------------------------------------------------------------------------------------
def two_in_one(folder: Path) -> Iterator[Hostile]:
    behind = disc()[32_768:]
    yield from whatever_it_is_called("qcow2 and disc", ("qcow2", "iso", "raw"), qcow2()[:32_768] + behind)
    vmdk = vmdk_header(vmdk_descriptor())
    yield from whatever_it_is_called("VMDK and disc", ("vmdk", "iso", "raw"), vmdk[:32_768] + behind)
    signed = with_bytes(qcow2(), 446, partition_table((0x83, 1))[446:])
    yield from whatever_it_is_called("qcow2 and partitions", ("qcow2", "raw"), signed)
    yield from whatever_it_is_called(
        "qcow2 and VDI", ("qcow2", "vdi", "raw"), with_bytes(qcow2(), 64, b"\x7f\x10\xda\xbe")
    )
    locked = with_bytes(luks_header(1, 8), 446, partition_table((0x83, 1))[446:])
    yield Hostile("LUKS and partitions", "raw", locked)
    fixed = qemu_image(folder, "vpc", MIB, "subformat=fixed", "force_size=on").read_bytes()
    yield Hostile("qcow2 before the footer of a VHD", "vhd", qcow2() + fixed[65_536:])
    hidden = vmdk_header(vmdk_descriptor("monolithicFlat"))[:32_768] + behind
    yield from whatever_it_is_called("bad VMDK behind a disc", ("iso", "raw"), hidden)


# -- bundles and archives --------------------------------------------------------------------------------------------
def bundle(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def bundles(named: tuple[str, ...]) -> Iterator[Hostile]:
    """A bundle is one object to the service: nothing of it is ever unpacked."""
    flat = vmdk_descriptor("monolithicFlat", (f'RW 2048 FLAT "{named[0]}" 0',)).encode()
    packed = {
        "of a VMDK that names a file": bundle((member("a.ovf"), b"<x/>"), (member("disk.vmdk"), flat)),
        "that climbs": bundle((member(named[2]), b"overwritten"), (member(named[0]), b"overwritten")),
        "of a symbolic link": bundle((member("disk.vmdk", tarfile.SYMTYPE, named[0]), b"")),
        "of a hard link": bundle((member("disk.vmdk", tarfile.LNKTYPE, named[0]), b"")),
        "of a device": bundle((member("disk.vmdk", tarfile.CHRTYPE), b"")),
    }
    for name, data in packed.items():
        yield Hostile(f"OVA {name}", "vmdk", data, "ova", stored=True)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def many_members(count: int) -> bytes:
    """Entries that overlap cost next to nothing, and their directory much memory."""
    entry = zipped(("x" * 60_000, b""))
    local, central = entry.index(b"PK\x01\x02"), entry.rindex(b"PK\x05\x06")
    directory = entry[local:central] * count
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), local, 0)
    return entry[:local] + directory + end


def huge_dictionary() -> bytes:
    """An xz stream of few bytes that asks for four GiB of memory to be read."""
    packed = bytearray(lzma.compress(b"x", lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=[{"id": lzma.FILTER_LZMA2}]))
    # Block header at 12: size, flags, filter id, size of properties, the dictionary's size; CRC of it at its end.
    packed[16] = 40
    length = (packed[12] + 1) * 4
    packed[12 + length - 4 : 12 + length] = struct.pack("<I", crc32(packed[12 : 12 + length - 4]))
    return bytes(packed)


def crc32(data: bytes | bytearray) -> int:
    import zlib

    return zlib.crc32(data)


def archives() -> Iterator[Hostile]:
    bad = qcow2(backing="/etc/passwd")
    packed = {
        "a gzip bomb": gzip.compress(BOMB),
        "a bzip2 bomb": bz2.compress(BOMB),
        "an xz bomb": lzma.compress(BOMB),
        "a zip bomb": zipped(("disk", BOMB)),
        "a gzip bomb of two parts": gzip.compress(BOMB[: len(BOMB) // 2]) * 2,
        "a zip that lies about its size": zipped(("disk", BOMB)).replace(
            struct.pack("<I", len(BOMB)), struct.pack("<I", 10)
        ),
        "a zip that climbs, with a bad image": zipped(("../../../etc/x", bad)),
        "a zip of two": zipped(("a", b"1"), ("b", b"2")),
        "a zip of none": zipped(),
        "a zip whose directory is a bomb": many_members(130),
        "a zip by LZMA": zipped(("disk", b"x" * 1000), method=zipfile.ZIP_LZMA),
        "an xz that wants four GiB": huge_dictionary(),
        "a bad qcow2 by gzip": gzip.compress(bad),
        "a bad qcow2 by bzip2": bz2.compress(bad),
        "a bad qcow2 by xz": lzma.compress(bad),
        "a bad qcow2, twice by gzip": gzip.compress(gzip.compress(bad)),
        "a cut gzip": gzip.compress(bad + bytes(range(256)) * 100)[:-20],
        "nothing that is compressed": bad,
    }
    for name, data in packed.items():
        yield Hostile(name, "qcow2", data)
        yield Hostile(f"{name}, to be kept so", "qcow2", data, "compressed", stored=True)
