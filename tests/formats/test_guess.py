"""What a file probably is, for somebody who publishes it."""

from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from glancetui.config.settings import ImageSettings
from glancetui.formats.guess import Guess, guess, guess_file
from tests.backends.images import MIB, distributed, partition_table, qcow2_header

KNOWN_DISKS = set(ImageSettings().disk_formats) | {"luks", "qed"}
KNOWN_CONTAINERS = set(ImageSettings().container_formats)


def formats(found: Guess) -> tuple[str, str]:
    return found.disk_format, found.container_format


def tar(*names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("made_as", "options", "disk_format"),
    [
        ("qcow2", (), "qcow2"),
        ("vmdk", (), "vmdk"),
        ("vmdk", ("subformat=streamOptimized",), "vmdk"),
        ("vhdx", (), "vhdx"),
        ("vpc", (), "vhd"),
        ("vpc", ("subformat=fixed",), "vhd"),
        ("vdi", (), "vdi"),
        ("luks", (), "luks"),
        ("raw", (), "raw"),
    ],
)
def test_disks_are_guessed(
    qemu_image: Callable[..., Path], made_as: str, options: tuple[str, ...], disk_format: str
) -> None:
    assert formats(guess_file(qemu_image(made_as, 5 * MIB, *options))) == (disk_format, "bare")


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("/usr/lib/grub-rescue/grub-rescue-cdrom.iso", ("iso", "bare")),
        ("/usr/lib/ipxe/ipxe.iso", ("iso", "bare")),
        ("/usr/lib/ipxe/ipxe.lkrn", ("aki", "aki")),
        ("/boot/memtest86+x64.bin", ("aki", "aki")),
    ],
)
def test_files_of_distributions_are_guessed(path: str, want: tuple[str, str]) -> None:
    assert formats(guess_file(distributed(path))) == want


@pytest.mark.parametrize(
    ("content", "name", "want"),
    [
        (gzip.compress(b"x"), "disk.qcow2.gz", ("qcow2", "compressed")),
        (lzma.compress(b"x"), "disk.img.xz", ("raw", "compressed")),
        (b"\x28\xb5\x2f\xfd rest", "disk.vmdk.zst", ("vmdk", "compressed")),
        (gzip.compress(b"x"), "", ("raw", "compressed")),
        (gzip.compress(b"x"), "initrd.img-6.1", ("ari", "ari")),
        (b"070701" + bytes(200), "anything", ("ari", "ari")),
        (tar("appliance.ovf", "disk.vmdk"), "a.ova", ("vmdk", "ova")),
        (tar("manifest.json", "layer.tar"), "c.tar", ("raw", "docker")),
        (tar("readme"), "x.tar", ("raw", "bare")),
        (partition_table((0x83, 2048)) + bytes(512), "disk.img", ("raw", "bare")),
        (qcow2_header(backing=512), "overlay", ("qcow2", "bare")),
        (b"", "", ("raw", "bare")),
        (b"hello", "hello.txt", ("raw", "bare")),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_other_files_are_guessed(content: bytes, name: str, want: tuple[str, str]) -> None:
    found = guess(content, name)
    assert formats(found) == want
    assert found.reason


@given(st.binary(max_size=3000), st.text(max_size=30))
@examples(max_examples=200, deadline=None)
def test_any_bytes_get_a_guess_that_a_service_knows(content: bytes, name: str) -> None:
    found = guess(content, name)
    assert found.disk_format in KNOWN_DISKS
    assert found.container_format in KNOWN_CONTAINERS


def test_a_short_head_is_enough_for_most(tmp_path: Path) -> None:
    assert guess(qcow2_header()[:512]).disk_format == "qcow2"
    empty = tmp_path / "empty"
    empty.touch()
    assert guess_file(empty).reason == "it is empty"


def test_guessing_starts_quickly() -> None:
    """It takes some five milliseconds; what it must not do is bring other modules in."""
    script = """
import functools, os, pathlib, re, struct, sys, typing
before = set(sys.modules)
import glancetui.formats.guess
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    brought = {name for name in done.stdout.split() if name != "__future__"}
    assert {name for name in brought if name != "glancetui" and not name.startswith("glancetui.formats")} == set()
