"""Content compared with what its image claims to be."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from glancetui.config.settings import ImageSettings
from glancetui.errors import UnsupportedMedia
from glancetui.formats.finding import HEAD
from glancetui.formats.inspect import Inspection, Inspector
from tests.backends.images import (
    DISTRIBUTED,
    MIB,
    distributed,
    partition_table,
    qcow2_header,
    vmdk_descriptor,
    vmdk_header,
)

RULES = ImageSettings()
LENIENT = ImageSettings(require_image_format_match=False)
QEMU = Callable[..., Path]
FORMATS = ["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "luks", "ploop"]


def pieces(content: bytes, step: int) -> Iterator[memoryview]:
    view = memoryview(content)
    return (view[at : at + step] for at in range(0, len(content), step))


def inspect(
    content: bytes | Path, disk_format: str, rules: ImageSettings = RULES, step: int = MIB, container: str = "bare"
) -> Inspection:
    data = content if isinstance(content, bytes) else content.read_bytes()
    inspector = Inspector(disk_format, container, rules)
    for piece in pieces(data, step):
        inspector.feed(piece)
    return inspector.finish()


def verdict(content: bytes, disk_format: str, rules: ImageSettings = RULES, step: int = 1 << 30) -> Inspection | str:
    """Whatever is raised but UnsupportedMedia fails the test."""
    try:
        return inspect(content, disk_format, rules, step)
    except UnsupportedMedia as error:
        return str(error)


def refused(content: bytes | Path, disk_format: str, rules: ImageSettings = RULES) -> str:
    with pytest.raises(UnsupportedMedia) as caught:
        inspect(content, disk_format, rules)
    return str(caught.value)


def length(content: bytes) -> str:
    """A name for a case; pytest would print the bytes."""
    return f"{len(content)} bytes"


# -- what qemu-img makes ---------------------------------------------------------------------------------------------

MADE = [
    ("qcow2", "qcow2", ()),
    ("qcow2", "qcow2", ("compat=0.10",)),
    ("qcow2", "qcow2", ("cluster_size=2M", "lazy_refcounts=on")),
    ("qcow2", "qcow2", ("compression_type=zstd",)),
    ("vmdk", "vmdk", ()),
    ("vmdk", "vmdk", ("subformat=streamOptimized",)),
    ("vmdk", "vmdk", ("hwversion=6", "adapter_type=lsilogic")),
    ("vhdx", "vhdx", ()),
    ("vhdx", "vhdx", ("subformat=fixed", "block_size=1M")),
    ("vpc", "vhd", ("force_size=on",)),
    ("vpc", "vhd", ("force_size=on", "subformat=fixed")),
    ("vdi", "vdi", ()),
    ("vdi", "vdi", ("static=on",)),
    ("luks", "luks", ()),
    ("raw", "raw", ()),
]


@pytest.mark.parametrize(("made_as", "disk_format", "options"), MADE)
def test_what_qemu_makes_is_what_it_is(
    qemu_image: QEMU, made_as: str, disk_format: str, options: tuple[str, ...]
) -> None:
    image = qemu_image(made_as, 5 * MIB, *options, content=random.Random(1).randbytes(100_000))
    for step in (MIB, 4093, 64):
        assert inspect(image, disk_format, step=step) == Inspection(format=disk_format, virtual_size=5 * MIB)


@pytest.mark.parametrize(("made_as", "disk_format", "options"), MADE)
def test_safe_content_may_be_called_raw_and_nothing_else(
    qemu_image: QEMU, made_as: str, disk_format: str, options: tuple[str, ...]
) -> None:
    image = qemu_image(made_as, 5 * MIB, *options)
    assert inspect(image, "raw").virtual_size == image.stat().st_size
    for other in set(FORMATS) - {"raw", disk_format}:
        plain = made_as == "raw" or (made_as == "vpc" and "subformat=fixed" in options)
        if not (plain and other == "ploop"):
            assert "does not match" in refused(image, other)


def test_formats_that_nobody_recognises_look_raw(qemu_image: QEMU) -> None:
    image = qemu_image("raw", MIB)
    assert inspect(image, "ploop") == Inspection(format="raw", virtual_size=None)


@pytest.mark.parametrize("subformat", ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"])
def test_vmdk_that_names_other_files_is_refused(qemu_image: QEMU, subformat: str) -> None:
    image = qemu_image("vmdk", 5 * MIB, f"subformat={subformat}")
    for claim in ("vmdk", "raw", "qcow2"):
        assert "descriptor" in refused(image, claim)
        assert "descriptor" in refused(image, claim, LENIENT)


@pytest.mark.parametrize("options", [("extended_l2=on",), ("data_file={folder}/data", "data_file_raw=on")])
def test_qcow2_with_features_that_others_refuse_is_refused(
    qemu_image: QEMU, tmp_path: Path, options: tuple[str, ...]
) -> None:
    image = qemu_image("qcow2", MIB, *(option.format(folder=tmp_path) for option in options))
    for claim in ("qcow2", "raw"):
        assert "safety" in refused(image, claim)


@pytest.mark.parametrize("made_as", ["qcow2", "qed", "vmdk"])
def test_an_image_on_another_is_refused(qemu_image: QEMU, tmp_path: Path, made_as: str) -> None:
    base = qemu_image(made_as, MIB)
    overlay = tmp_path / "overlay"
    command = ["qemu-img", "create", "-q", "-f", made_as, "-F", made_as, "-b", str(base), str(overlay)]
    subprocess.run(command, check=True)
    for claim in (made_as, "raw"):
        assert "safety" in refused(overlay, claim)
        assert "safety" in refused(overlay, claim, LENIENT)


# -- discs and other things that distributions ship ------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in DISTRIBUTED if path.endswith((".iso", ".img"))])
def test_discs_of_distributions_are_discs_and_may_be_called_raw(path: str) -> None:
    disc = distributed(path)
    assert inspect(disc, "iso").format == "iso"
    assert inspect(disc, "iso").virtual_size <= disc.stat().st_size
    assert inspect(disc, "raw") == Inspection(format="iso", virtual_size=disc.stat().st_size)
    assert "does not match" in refused(disc, "qcow2")


@pytest.mark.parametrize("path", ["/usr/lib/ipxe/ipxe.lkrn", "/boot/memtest86+x64.bin"])
def test_kernels_pass_as_kernels_and_as_raw(path: str) -> None:
    kernel = distributed(path)
    assert inspect(kernel, "aki").format == "raw"
    assert inspect(kernel, "raw").virtual_size == kernel.stat().st_size


@pytest.mark.parametrize(
    ("program", "options"),
    [("genisoimage", ()), ("genisoimage", ("-J", "-R")), ("genisoimage", ("-udf",)), ("xorriso", ("-J", "-R"))],
)
def test_discs_are_discs(iso_image: Callable[..., Path], program: str, options: tuple[str, ...]) -> None:
    disc = iso_image(*options, program=program)
    found = inspect(disc, "iso")
    assert found.format == "iso"
    assert 0 < found.virtual_size <= disc.stat().st_size


def test_a_disc_with_udf_alone_is_a_disc() -> None:
    blocks = [bytes(2048)] * 16 + [b"\0" + name + b"\1" + bytes(2041) for name in (b"BEA01", b"NSR02", b"TEA01")]
    assert inspect(b"".join(blocks), "iso") == Inspection(format="iso", virtual_size=None)


# -- partition tables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sector",
    [partition_table((0x83, 2048)), partition_table((0x83, 2048), (0x82, 9999), boot=0x80), partition_table((0xEE, 1))],
    ids=length,
)
def test_disks_with_partitions_are_raw(sector: bytes) -> None:
    assert inspect(sector + bytes(MIB), "raw") == Inspection(format="gpt", virtual_size=MIB + 512)
    assert inspect(sector + bytes(MIB), "gpt") == Inspection(format="gpt", virtual_size=MIB + 512)
    assert "does not match" in refused(sector + bytes(MIB), "qcow2")


@pytest.mark.parametrize(
    ("sector", "check"),
    [
        (partition_table(), "mbr"),
        (partition_table((0x83, 1), boot=0x7F), "mbr"),
        (partition_table((0xEE, 2)), "gptmbr"),
        (partition_table((0xEE, 1), start_chs=b"\0\1\0"), "gptmbr"),
        (partition_table((0xEE, 1), (0x83, 2048)), "gptmbr"),
        (partition_table((0x83, 2048), (0xEE, 1)), "gptmbr"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_odd_partition_tables_are_refused_unless_the_operator_lets_them_pass(sector: bytes, check: str) -> None:
    content = sector + bytes(MIB)
    assert "safety" in refused(content, "raw")
    for names in ((check,), ("mbr",), ("mbr", "gptmbr")):
        assert inspect(content, "raw", ImageSettings(gpt_safety_checks_nonfatal=names)).format == "gpt"
    if check == "mbr":
        assert "safety" in refused(content, "raw", ImageSettings(gpt_safety_checks_nonfatal=("gptmbr",)))


@pytest.mark.parametrize("media", [0xF0, 0xF8, 0xFF])
def test_boot_sectors_of_file_systems_are_not_partition_tables(media: int) -> None:
    fat = bytearray(512)
    fat[:11], fat[11:22] = b"\xeb\x3c\x90mkfs.fat", struct.pack("<HBHBHHB", 512, 4, 1, 2, 224, 2880, media)
    fat[510:] = b"\x55\xaa"
    ntfs = b"\xeb\x52\x90NTFS    ".ljust(510, b"\1") + b"\x55\xaa"
    for sector in (bytes(fat), ntfs):
        assert inspect(sector + bytes(MIB), "raw").format == "raw"


# -- hostile headers -------------------------------------------------------------------------------------------------


HOSTILE_QCOW2 = [
    qcow2_header(backing=512),
    qcow2_header(version=2, backing=512),
    qcow2_header(incompatible=1 << 2),
    qcow2_header(incompatible=1 << 4),
    qcow2_header(incompatible=1 << 63),
    qcow2_header(version=1),
    qcow2_header(version=4),
    qcow2_header(size=1 << 63),
    qcow2_header(size=(1 << 64) - 1),
    qcow2_header(pad=80)[:20],
    qcow2_header()[:511],
    b"QFI\xfb",
]


@pytest.mark.parametrize("content", HOSTILE_QCOW2, ids=length)
def test_hostile_qcow2_is_refused_whatever_it_is_called(content: bytes) -> None:
    for claim in ("qcow2", "raw", "vmdk", "ploop"):
        assert "safety" in refused(content, claim)
        assert "safety" in refused(content, claim, LENIENT)


@pytest.mark.parametrize("size", [1, MIB, (1 << 63) - 1])
@pytest.mark.parametrize("features", [0, 0b1011])
def test_sizes_that_fit_are_told(size: int, features: int) -> None:
    assert inspect(qcow2_header(size=size, incompatible=features), "qcow2").virtual_size == size


def test_a_header_that_tells_no_size_leaves_it_open() -> None:
    assert inspect(qcow2_header(size=0), "qcow2") == Inspection(format="qcow2", virtual_size=None)


GOOD = 'RW 2048 SPARSE "disk.vmdk"'


HOSTILE_VMDK = [
    vmdk_header(vmdk_descriptor("monolithicFlat", ('RW 2048 FLAT "disk-flat.vmdk" 0',))),
    vmdk_header(vmdk_descriptor("vmfsSparse")),
    vmdk_header(vmdk_descriptor("")),
    vmdk_header(vmdk_descriptor(extents=('RW 2048 FLAT "secret" 0',))),
    vmdk_header(vmdk_descriptor(extents=('RW 2048 SPARSE "/etc/passwd"',))),
    vmdk_header(vmdk_descriptor(extents=('RW 2048 SPARSE "..\\\\secret"',))),
    vmdk_header(vmdk_descriptor(extents=(GOOD, 'RW 2048 SPARSE "other.vmdk"'))),
    vmdk_header(vmdk_descriptor(extents=())),
    vmdk_header(vmdk_descriptor(more='parentFileNameHint="/etc/passwd"')),
    vmdk_header(vmdk_descriptor(more='# parentFileNameHint="/etc/passwd"')),
    vmdk_header(vmdk_descriptor().replace("parentCID=ffffffff", "parentCID=12345678")),
    vmdk_header(vmdk_descriptor(more='# createType="monolithicFlat"')),
    vmdk_header(vmdk_descriptor(more="what is this")),
    vmdk_header(vmdk_descriptor(more="\xff=1")),
    vmdk_header(""),
    vmdk_header(vmdk_descriptor(), version=9),
    vmdk_header(vmdk_descriptor(), at=2),
    vmdk_header(vmdk_descriptor(), sectors=1 << 54),
    vmdk_header(vmdk_descriptor(), sectors=(1 << 64) - 1),
    vmdk_header(vmdk_descriptor())[:700],
    b"KDMV",
    b"COWD".ljust(4096, b"\0"),
]


@pytest.mark.parametrize("content", HOSTILE_VMDK, ids=length)
def test_hostile_vmdk_is_refused_whatever_it_is_called(content: bytes) -> None:
    for claim in ("vmdk", "raw", "qcow2"):
        assert "safety" in refused(content, claim)
        assert "safety" in refused(content, claim, LENIENT)


@pytest.mark.parametrize(
    "text",
    [
        vmdk_descriptor("monolithicFlat", ('RW 2048 FLAT "/etc/passwd" 0',)).encode(),
        vmdk_descriptor("monolithicSparse").encode(),
        b"# Disk DescriptorFile\nversion=1\n",
        b"# DISK descriptorFILE\nwhatever",
        b'#\xff\xfe\x01 any bytes\n\nversion=1\ncreateType="monolithicFlat"\n',
        b"  \n   \r\n# c\r\nversion=3\r\n",
        b'CREATETYPE = "monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n',
    ],
)
@pytest.mark.parametrize("padding", [b"", bytes(1), bytes(4096), bytes(2 * MIB)], ids=length)
def test_a_vmdk_descriptor_is_refused_however_it_is_padded(text: bytes, padding: bytes) -> None:
    for claim in ("raw", "vmdk"):
        for rules in (RULES, LENIENT):
            assert "descriptor" in refused(text + padding, claim, rules)


@pytest.mark.parametrize("text", [b"#!/bin/sh\necho version=1\n", b"hello\n", b"# a comment\n", b"createType\n"])
def test_other_texts_are_raw(text: bytes) -> None:
    assert inspect(text, "raw") == Inspection(format="raw", virtual_size=len(text))


def test_the_operator_says_which_vmdk_types_are_allowed() -> None:
    image = vmdk_header(vmdk_descriptor("monolithicSparse"))
    assert inspect(image, "vmdk").virtual_size == MIB
    assert "vmdk_allowed_types" in refused(image, "vmdk", ImageSettings(vmdk_allowed_types=("streamOptimized",)))
    assert "vmdk_allowed_types" in refused(image, "vmdk", ImageSettings(vmdk_allowed_types=()))


AT_END = (1 << 64) - 1
FOOTER_MARKER = struct.pack("<QII", 1, 0, 3).ljust(512, b"\0")


def streamed(marker: bytes = FOOTER_MARKER, footer: bytes | None = None, end: bytes = bytes(512)) -> bytes:
    """As VMware exports: what was not known at the beginning follows in a footer."""
    image = vmdk_header(vmdk_descriptor("streamOptimized"), grains_at=AT_END)
    header = vmdk_header("", grains_at=4711)[:512] if footer is None else footer
    return image + marker + header + end


def test_a_streamed_vmdk_with_a_footer_is_accepted() -> None:
    for step in (MIB, 100, 1):
        assert inspect(streamed(), "vmdk", step=step) == Inspection(format="vmdk", virtual_size=MIB)


@pytest.mark.parametrize(
    "content",
    [
        streamed(footer=vmdk_header("", grains_at=AT_END)[:512]),
        streamed(footer=vmdk_header("", sectors=4096, grains_at=1)[:512]),
        streamed(footer=vmdk_header("", version=2, grains_at=1)[:512]),
        streamed(footer=vmdk_header("", at=9, grains_at=1)[:512]),
        streamed(footer=bytes(512)),
        streamed(marker=bytes(512)),
        streamed(marker=FOOTER_MARKER[:-1] + b"x"),
        streamed(end=bytes(511) + b"x"),
        streamed()[:-1],
        streamed() + bytes(512),
        vmdk_header(vmdk_descriptor(), grains_at=AT_END),
    ],
    ids=length,
)
def test_a_footer_that_differs_from_the_header_is_refused(content: bytes) -> None:
    for claim in ("vmdk", "raw"):
        for rules in (RULES, LENIENT):
            assert "footer" in refused(content, claim, rules)


def with_bytes(image: Path, at: int, new: bytes) -> bytes:
    content = image.read_bytes()
    return content[:at] + new + content[at + len(new) :]


def test_differencing_disks_are_refused(qemu_image: QEMU) -> None:
    vhd, vdi, vhdx = (qemu_image(made_as, 5 * MIB) for made_as in ("vpc", "vdi", "vhdx"))
    flags = find_file_parameters(vhdx.read_bytes()) + 4
    for content, claim in (
        (with_bytes(vhd, 60, b"\0\0\0\4"), "vhd"),
        (with_bytes(vdi, 0x4C, b"\4\0\0\0"), "vdi"),
        (with_bytes(vdi, 0x1A8, b"\1" * 16), "vdi"),
        (with_bytes(vdi, 0x1B8, b"\1" * 16), "vdi"),
        (with_bytes(vhdx, flags, b"\2\0\0\0"), "vhdx"),
    ):
        for named in (claim, "raw"):
            assert "parent" in refused(content, named)


def find_file_parameters(content: bytes) -> int:
    region = content.index(b"metadata", 1 << 18)
    entry = content.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b"), region)
    return int(region + struct.unpack_from("<I", content, entry + 16)[0])


@pytest.mark.parametrize(("made_as", "claim", "at"), [("vpc", "vhd", 48), ("vdi", "vdi", 0x170)])
def test_lying_sizes_are_refused(qemu_image: QEMU, made_as: str, claim: str, at: int) -> None:
    content = with_bytes(qemu_image(made_as, 5 * MIB), at, b"\xff" * 8)
    for named in (claim, "raw"):
        assert "virtual size" in refused(content, named)


def test_vhdx_that_lies_about_where_things_are_is_refused(qemu_image: QEMU) -> None:
    image = qemu_image("vhdx", 5 * MIB)
    content = image.read_bytes()
    entry = content.index(bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e"))
    region = content.index(b"metadata", 1 << 18)
    lies = [
        with_bytes(image, 192 << 10, b"nope"),
        with_bytes(image, (192 << 10) + 8, b"\xff\xff\xff\xff"),
        with_bytes(image, entry, bytes(16)),
        with_bytes(image, entry + 16, struct.pack("<Q", 1 << 62)),
        with_bytes(image, entry + 16, struct.pack("<Q", 0)),
        with_bytes(image, entry + 24, struct.pack("<I", 0)),
        with_bytes(image, region, b"METADATA"),
        with_bytes(image, region + 10, b"\xff\xff"),
        with_bytes(image, region + 10, b"\0\0"),
        content[: region + 100],
        content[: 200 << 10],
    ]
    for lie in lies:
        assert "damaged" in (said := refused(lie, "vhdx")) or "cut short" in said


def test_luks_of_another_version_or_without_payload_is_refused(qemu_image: QEMU) -> None:
    image = qemu_image("luks", 5 * MIB)
    for content in (with_bytes(image, 6, b"\0\2"), with_bytes(image, 104, b"\xff" * 4), image.read_bytes()[:500]):
        assert "safety" in refused(content, "luks")


def test_a_fixed_vhd_needs_a_footer_that_is_right(qemu_image: QEMU) -> None:
    image = qemu_image("vpc", 5 * MIB, "subformat=fixed", "force_size=on")
    content = image.read_bytes()
    for lie in (
        content[:-1],
        content[:-512] + content[-512:].replace(b"conectix", b"CONECTIX"),
        with_bytes(image, len(content) - 512 + 60, b"\0\0\0\3"),
        content[512:-512] + content[-512:],
    ):
        refused(lie, "vhd")
    assert "several" in refused(qcow2_header() + content, "vhd") or "match" in refused(qcow2_header() + content, "vhd")


def test_two_formats_in_one_are_refused() -> None:
    disc = bytes(32_768) + b"\1CD001\1" + bytes(2041)
    both = qcow2_header()[:32_768] + disc[32_768:]
    for claim in ("iso", "qcow2", "raw"):
        assert "several formats" in refused(both, claim)
    table = partition_table((0x83, 1)) + disc[512:]
    assert inspect(table, "iso").format == "iso"
    hidden = vmdk_header(vmdk_descriptor("monolithicFlat"))[:32_768] + disc[32_768:]
    for rules in (RULES, LENIENT):
        assert "safety" in refused(hidden, "iso", rules)


# -- what is not inspected, and leniency -----------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["ovf", "ova", "docker", "compressed", "ami", "aki", "ari", None])
def test_only_bare_images_are_looked_into(container: str | None) -> None:
    found = inspect(qcow2_header(backing=512), "qcow2", container=container)  # type: ignore[arg-type]
    assert found == Inspection(format="unknown", virtual_size=None)


def test_where_no_match_is_required_a_mismatch_tells_no_size(qemu_image: QEMU) -> None:
    image = qemu_image("vmdk", 5 * MIB)
    assert inspect(image, "qcow2", LENIENT) == Inspection(format="vmdk", virtual_size=None)
    assert inspect(b"whatever", "qcow2", LENIENT) == Inspection(format="raw", virtual_size=None)


def test_plain_data_may_be_let_through_under_any_name_and_nothing_else_with_it() -> None:
    plain = Inspector("qcow2", "bare", RULES, plain_fits=True)
    plain.feed(b"whatever")
    assert plain.finish() == Inspection(format="raw", virtual_size=None)
    for claim, content in (("vmdk", qcow2_header()), ("raw", qcow2_header(backing=512))):
        other = Inspector(claim, "bare", RULES, plain_fits=True)
        other.feed(content)
        with pytest.raises(UnsupportedMedia):
            other.finish()


def test_nothing_is_raw_and_nothing_else() -> None:
    assert inspect(b"", "raw") == Inspection(format="raw", virtual_size=None)
    for claim in set(FORMATS) - {"raw", "ploop"}:
        refused(b"", claim)


def test_a_mismatch_is_told_as_soon_as_it_is_sure() -> None:
    inspector = Inspector("qcow2", "bare", RULES)
    fed = 0
    with pytest.raises(UnsupportedMedia):  # noqa: PT012  each chunk may be the one
        while fed < 100 * MIB:
            fed += MIB
            inspector.feed(bytes(MIB))
    assert fed <= 2 * MIB
    with pytest.raises(UnsupportedMedia):
        inspector.finish()


# -- any bytes, any chunks -------------------------------------------------------------------------------------------

SEEDS = [
    qcow2_header(pad=1024), qcow2_header(version=2, pad=600), vmdk_header(vmdk_descriptor())[:12_000],
    vmdk_descriptor("monolithicFlat").encode(), b"conectix".ljust(512, b"\0"), b"vhdxfile".ljust(4096, b"\0"),
    bytes(64) + b"\x7f\x10\xda\xbe" + bytes(444), b"LUKS\xba\xbe\0\1".ljust(592, b"\0"), b"QED\0".ljust(512, b"\0"),
    partition_table((0xEE, 1)), partition_table((0x83, 1)), bytes(32_768) + b"\1CD001\1" + bytes(2041),
    b"COWD" + bytes(508),
]  # fmt: skip
GOOD_AND_BAD = [vmdk_header(vmdk_descriptor()), streamed(), *HOSTILE_QCOW2, *HOSTILE_VMDK]
EDITS = st.lists(st.tuples(st.integers(0, 40_000), st.binary(min_size=1, max_size=9)), max_size=4)


def edited(seed: bytes, edits: list[tuple[int, bytes]]) -> bytes:
    content = bytearray(seed)
    for at, new in edits:
        place = at % max(1, len(content))
        content[place : place + len(new)] = new
    return bytes(content)


@given(st.sampled_from(SEEDS), EDITS, st.integers(1, 5000), st.sampled_from(FORMATS), st.booleans())
@examples(max_examples=400, deadline=None)
def test_the_way_bytes_are_cut_never_changes_the_verdict(
    seed: bytes, edits: list[tuple[int, bytes]], step: int, claim: str, must_match: bool
) -> None:
    content, rules = edited(seed, edits), RULES if must_match else LENIENT
    assert verdict(content, claim, rules, step) == verdict(content, claim, rules)


@given(st.binary(max_size=2000), st.sampled_from(FORMATS))
@examples(max_examples=200, deadline=None)
def test_any_bytes_get_a_verdict(content: bytes, claim: str) -> None:
    verdict(content, claim)


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_any_beginning_of_an_image_gets_a_verdict(number: int) -> None:
    seed = SEEDS[number]
    lengths = {*range(min(len(seed), 700)), *range(0, len(seed), 997), len(seed)}
    for length in lengths:
        for claim in ("raw", "qcow2", "vmdk", "vhd"):
            verdict(seed[:length], claim)


@pytest.mark.parametrize(("made_as", "claim"), [("vhdx", "vhdx"), ("vmdk", "vmdk"), ("vpc", "vhd")])
def test_real_images_with_flipped_bytes_get_one_verdict(qemu_image: QEMU, made_as: str, claim: str) -> None:
    options = {"vmdk": ("subformat=streamOptimized",), "vpc": ("subformat=fixed",)}.get(made_as, ())
    content = qemu_image(made_as, 3 * MIB, *options).read_bytes()
    dice = random.Random(7)
    places = [*range(2048), *range((192 << 10), (192 << 10) + 512), *range(2 * MIB, 2 * MIB + 512), *range(-1536, 0)]
    for _ in range(60):
        changed = bytearray(content)
        for place in dice.choices([place for place in places if -len(content) <= place < len(content)], k=3):
            changed[place] = dice.randrange(256)
        assert verdict(bytes(changed), claim, step=dice.choice([65_537, 300_000])) == verdict(bytes(changed), claim)


@pytest.mark.parametrize("size", [HEAD - 1, HEAD, HEAD + 1, 2 * HEAD])
def test_the_edge_of_the_head_is_no_edge(size: int) -> None:
    for step in (HEAD - 1, HEAD, HEAD + 1, 1000):
        assert inspect(bytes(size), "raw", step=step) == Inspection(format="raw", virtual_size=size)


# -- cost ------------------------------------------------------------------------------------------------------------


def test_a_gibibyte_costs_next_to_nothing() -> None:
    inspector, chunk = Inspector("raw", "bare", RULES), memoryview(bytearray(MIB))
    began = time.thread_time()
    for _ in range(1024):
        inspector.feed(chunk)
    inspector.finish()
    assert time.thread_time() - began < 0.05  # CPU-s


def test_inspecting_needs_no_heavy_library() -> None:
    script = "import sys, glancetui.formats.inspect; sys.exit('oslo_utils' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
