"""Real disk images, made by the programs that operators use, and a few made by hand that no program would make."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

MIB = 1 << 20
DISTRIBUTED = {  # file → package of Debian that has it
    "/usr/lib/grub-rescue/grub-rescue-cdrom.iso": "grub-rescue-pc",
    "/usr/lib/grub-rescue/grub-rescue-floppy.img": "grub-rescue-pc",
    "/usr/lib/grub-rescue/grub-rescue-usb.img": "grub-rescue-pc",
    "/usr/lib/ipxe/ipxe.iso": "ipxe",
    "/usr/lib/ipxe/ipxe.lkrn": "ipxe",
    "/usr/lib/memtest86+/memtest86+x64.iso": "memtest86+",
    "/boot/memtest86+x64.bin": "memtest86+",
}


def need(program: str, package: str) -> None:
    """Skip the test where the program is absent, saying how to have it."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed; `apt-get install {package}` provides it")


def distributed(path: str) -> Path:
    """An image as a distribution ships it."""
    if not Path(path).exists():
        pytest.skip(f"{path} is not installed; `apt-get install {DISTRIBUTED[path]}` provides it")
    return Path(path)


def qemu_image(folder: Path, fmt: str, size: int, *options: str, content: bytes = b"") -> Path:
    """An image of `size` virtual bytes, made by qemu-img. `fmt` is QEMU's name: vpc where Glance says vhd.

    `options` are `-o` options, such as subformat=streamOptimized. `content` stands at its beginning.
    """
    need("qemu-img", "qemu-utils")
    path = folder / f"{fmt}-{len(list(folder.iterdir()))}.img"
    asked = [word for option in options for word in ("-o", option)]
    if fmt == "luks":
        make_luks(path, size, asked)
        return path
    source = folder / f"source-{path.stem}.raw"
    with source.open("wb") as file:
        file.write(content)
        file.truncate(size)
    run("qemu-img", "convert", "-f", "raw", "-O", fmt, *asked, str(source), str(path))
    source.unlink()
    return path


def make_luks(path: Path, size: int, asked: list[str]) -> None:
    """qemu-img gives up where it cannot time its key derivation, as on a busy machine; then it is asked again."""
    secret = ["--object", "secret,id=key,data=passphrase", "-o", "key-secret=key,iter-time=10"]
    for _ in range(20):
        done = subprocess.run(
            ["qemu-img", "create", "-q", "-f", "luks", *secret, *asked, str(path), str(size)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if "accurate CPU usage" not in done.stderr:
            break
    assert done.returncode == 0, f"qemu-img create {path}: {done.stderr}"


def run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def iso_image(folder: Path, *options: str, program: str = "genisoimage") -> Path:
    """A disc with one file on it."""
    need(program, program)
    tree = folder / "tree"
    tree.mkdir(exist_ok=True)
    (tree / "file.txt").write_bytes(b"content" * 1000)
    path = folder / f"disc-{len(list(folder.iterdir()))}.iso"
    mode = ["-as", "mkisofs"] if program == "xorriso" else []
    run(program, *mode, "-quiet", "-o", str(path), *options, str(tree))
    return path


def partition_table(*partitions: tuple[int, int], boot: int = 0, start_chs: bytes = b"\0\2\0") -> bytes:
    """A first sector with (type, first sector) for each partition."""
    entries = [
        struct.pack("<B3sB3sII", boot, start_chs, kind, b"\xff\xff\xff", start, 2048) for kind, start in partitions
    ]
    return (bytes(446) + b"".join(entries)).ljust(510, b"\0") + b"\x55\xaa"


def qcow2_header(
    *, version: int = 3, backing: int = 0, size: int = MIB, incompatible: int = 0, pad: int = 65_536
) -> bytes:
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", version, backing, 0, 16, size).ljust(72, b"\0")
    return (header + struct.pack(">Q", incompatible)).ljust(pad, b"\0")


def vmdk_header(descriptor: str, *, sectors: int = 2048, version: int = 1, at: int = 1, grains_at: int = 0) -> bytes:
    text = descriptor.encode("latin-1").ljust(20 * 512, b"\0")
    header = struct.pack("<4sIIQQQQIQQ", b"KDMV", version, 3, sectors, 128, at, 20, 512, 0, grains_at)
    return (header.ljust(512, b"\0") + text).ljust(65_536, b"\0")


def vmdk_descriptor(
    create_type: str = "monolithicSparse", extents: tuple[str, ...] = ('RW 2048 SPARSE "disk.vmdk"',), more: str = ""
) -> str:
    lines = [
        "# Disk DescriptorFile",
        "version=1",
        "CID=12345678",
        "parentCID=ffffffff",
        f'createType="{create_type}"',
        *extents,
    ]
    return "\n".join([*lines, more, 'ddb.adapterType = "ide"', ""])
