"""Plugins between coming and storing: real qemu-img, real archives, hostile ones among them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from glancetui.config.settings import ImportSettings
from glancetui.errors import JobFailed, LimitExceeded
from glancetui.images.importing import decompress
from tests.backends.web import web_server
from tests.images.data_path import ADMIN, OWNER, noise
from tests.images.importing.yard import Yard, loopback_allowed, yard
from tests.server.hostile.corpus import huge_dictionary, many_members

PLAIN = noise(1_000_000)
needs_qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


def plugged(tmp_path: Path, *plugins: str, port: int = 80, **options: object):
    return yard(tmp_path, imports=ImportSettings(plugins=plugins, fetch=loopback_allowed(port), **options))  # type: ignore[arg-type]


def qcow2(tmp_path: Path, data: bytes) -> bytes:
    raw, image = tmp_path / "in.raw", tmp_path / "in.qcow2"
    raw.write_bytes(data)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, image], check=True)
    return image.read_bytes()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def stored(it: Yard) -> list[bytes]:
    return [path.read_bytes() for path in it.house.files()]


# -- decompression ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zipped(("../../etc/x", data))],
    ids=["gzip", "bzip2", "xz", "zip"],
)  # fmt: skip
def test_compressed_images_are_stored_plain(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    with plugged(tmp_path, "image_decompression") as it:
        image = it.staged(pack(PLAIN))
        job = it.imported(image.id, "glance-direct")
        after = it.show(image.id)
        assert (job.error, after.status, after.container_format, after.size) == (None, "active", "bare", len(PLAIN))
        assert (stored(it), it.staging_files()) == ([PLAIN], [])


@pytest.mark.parametrize(
    ("data", "container_format"),
    [(gzip.compress(PLAIN), "compressed"), (b"not compressed at all", "bare"), (b"", "bare"), (b"PK", "bare")],
    ids=["meant to be compressed", "plain", "empty", "short"],
)
def test_what_is_not_to_be_taken_out_passes_by(tmp_path: Path, data: bytes, container_format: str) -> None:
    with plugged(tmp_path, "image_decompression") as it:
        image = it.staged(data, container_format=container_format)
        job = it.imported(image.id, "glance-direct")
        assert (job.error, it.show(image.id).container_format) == (None, container_format)
        assert (stored(it), it.staging_files()) == ([data], [])


@needs_qemu
def test_compressed_data_of_a_format_are_staged_and_taken_out(tmp_path: Path) -> None:
    with plugged(tmp_path, "image_decompression") as it:
        data = qcow2(tmp_path, PLAIN)
        image = it.staged(gzip.compress(data), disk_format="qcow2")
        job = it.imported(image.id, "glance-direct")
        assert (job.error, it.show(image.id).status, stored(it)) == (None, "active", [data])


def test_staged_data_that_are_no_such_format_are_refused_by_the_import(tmp_path: Path) -> None:
    with plugged(tmp_path, "image_decompression") as it:
        image = it.staged(PLAIN, disk_format="qcow2")
        assert it.imported(image.id, "glance-direct").error_code == "unsupported-content"
        assert (it.show(image.id).status, stored(it), it.staging_files()) == ("queued", [], [])


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: gzip.compress(PLAIN)[:-500], "bad-archive"),
        (lambda: gzip.compress(PLAIN)[:20] + b"!" * 100, "bad-archive"),
        (lambda: zipped(("a", b"1"), ("b", b"2")), "bad-archive"),
        (lambda: zipped(("a", PLAIN))[:-30], "bad-archive"),
        (lambda: gzip.compress(bytes(30_000_000)), "over-limit"),
        (lambda: bz2.compress(bytes(30_000_000)), "over-limit"),
        (lambda: lzma.compress(bytes(30_000_000)), "over-limit"),
        (lambda: zipped(("bomb", bytes(30_000_000))), "over-limit"),
        (lambda: zipped(("a", PLAIN), method=zipfile.ZIP_LZMA), "bad-archive"),
        (lambda: lzma.compress(PLAIN) + b"rest", "bad-archive"),
    ],
    ids=[
        "cut",
        "damaged",
        "two members",
        "cut zip",
        "gzip",
        "bzip2",
        "xz",
        "zip",
        "zip by LZMA",
        "xz and a rest",
    ],
)
def test_broken_archives_and_bombs_are_refused_and_leave_nothing(
    tmp_path: Path, make: Callable[[], bytes], code: str
) -> None:
    data = make()  # not while tests are collected, by each worker
    settings = ImportSettings(plugins=("image_decompression",))
    with yard(tmp_path, imports=settings, size_cap=2_000_000) as it:
        image = it.staged(data)
        job = it.imported(image.id, "glance-direct")
        after = it.show(image.id)
        assert (job.error_code, after.locations) == (code, ())
        assert stored(it) == []
        # Data that can never become this image are gone; a limit may be raised, so what is over it stays staged.
        assert (after.status, it.staging_files()) == (
            ("queued", []) if code == "bad-archive" else ("uploading", [image.id])
        )
        it.imports.delete(OWNER, image.id)
        it.assert_nothing_left(image.id)


def test_what_comes_out_is_inspected(tmp_path: Path) -> None:
    backed = b"QFI\xfb" + (3).to_bytes(4) + (512).to_bytes(8) + bytes(2000)
    with plugged(tmp_path, "image_decompression") as it:
        image = it.staged(gzip.compress(backed), disk_format="qcow2")
        assert it.imported(image.id, "glance-direct").error_code == "unsupported-content"
        assert (it.show(image.id).status, stored(it), it.staging_files()) == ("queued", [], [])


def test_output_is_bounded_whatever_the_reader_asks_for() -> None:
    source = decompress.decompressed(io.BytesIO(gzip.compress(bytes(1000))), 999)  # type: ignore[arg-type]
    piece = memoryview(bytearray(500))
    assert source is not None
    assert source.read_into(piece) == 500
    with pytest.raises(LimitExceeded):
        source.read_into(piece)


def test_an_xz_file_of_several_streams_and_padding_is_read_whole() -> None:
    packed = lzma.compress(PLAIN) + bytes(8) + lzma.compress(b"tail") + bytes(4)
    source = decompress.decompressed(io.BytesIO(packed), len(PLAIN) + 4)  # type: ignore[arg-type]
    piece, data = memoryview(bytearray(70_000)), b""
    assert source is not None
    while count := source.read_into(piece):
        data += piece[:count]
    assert data == PLAIN + b"tail"


def first_of(packed: bytes) -> int:
    source = decompress.decompressed(io.BytesIO(packed), 1000)  # type: ignore[arg-type]
    assert source is not None
    return source.read_into(memoryview(bytearray(1000)))


@pytest.mark.parametrize(
    ("packed", "why"),
    [(huge_dictionary(), "256 MiB"), (many_members(100), "too large for one file")],
    ids=["xz", "zip"],
)
def test_an_archive_does_not_say_how_much_memory_is_taken(packed: bytes, why: str) -> None:
    """Four GiB for the dictionary of an xz file, all of the directory of a zip file."""
    tracemalloc.start()
    try:
        with pytest.raises(JobFailed, match=why):
            first_of(packed)
        assert tracemalloc.get_traced_memory()[1] < 3 * decompress.ZIP_READ_MOST
    finally:
        tracemalloc.stop()


# -- conversion ------------------------------------------------------------------------------------------------------
@needs_qemu
def test_an_image_is_converted_and_says_what_it_is_now(tmp_path: Path) -> None:
    with plugged(tmp_path, "image_conversion", conversion_format="raw") as it:
        image = it.staged(qcow2(tmp_path, PLAIN), disk_format="qcow2")
        job = it.imported(image.id, "glance-direct")
        after = it.show(image.id)
        assert (job.error, after.status, after.disk_format) == (None, "active", "raw")
        assert stored(it)[0].startswith(PLAIN)
        assert (after.size, it.staging_files()) == (len(stored(it)[0]), [])


@needs_qemu
def test_a_download_is_decompressed_and_converted_in_the_configured_order(tmp_path: Path) -> None:
    with (
        web_server() as web,
        plugged(tmp_path, "image_decompression", "image_conversion", port=web.port, conversion_format="qcow2") as it,
    ):
        web.paths["/a"] = gzip.compress(PLAIN)
        image = it.house.new(disk_format="raw")
        job = it.imported(image.id, {"name": "web-download", "uri": web.url("/a")})
        after = it.show(image.id)
        assert (job.error, after.disk_format, after.container_format) == (None, "qcow2", "bare")
        assert stored(it)[0].startswith(b"QFI\xfb")
        assert (after.virtual_size, it.staging_files()) == (-(-len(PLAIN) // 512) * 512, [])


@needs_qemu
@pytest.mark.parametrize("disk_format", ["qcow2", "vmdk"])
def test_no_tool_is_started_for_content_that_is_refused(
    tmp_path: Path, disk_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **_: started.append(arguments))
    hostile = {
        "qcow2": b"QFI\xfb" + (3).to_bytes(4) + (512).to_bytes(8) + bytes(2000),
        "vmdk": b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'
        + bytes(2000),
    }
    with (
        web_server() as web,
        plugged(tmp_path, "image_conversion", port=web.port, conversion_format="raw") as it,
    ):
        web.paths["/a"] = hostile[disk_format]
        image = it.house.new(disk_format=disk_format)
        job = it.imported(image.id, {"name": "web-download", "uri": web.url("/a")})
        assert (job.error_code, it.show(image.id).status, started) == ("unsupported-content", "queued", [])
        it.assert_nothing_left(image.id)


@needs_qemu
def test_a_disk_larger_than_the_cap_is_not_converted(tmp_path: Path) -> None:
    image_file = tmp_path / "huge.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image_file, "10G"], check=True)
    settings = ImportSettings(plugins=("image_conversion",), conversion_format="raw")
    with yard(tmp_path, imports=settings, size_cap=1 << 30) as it:
        image = it.staged(image_file.read_bytes(), disk_format="qcow2")
        job = it.imported(image.id, "glance-direct")
        assert (job.error_code, it.show(image.id).status, stored(it)) == ("over-limit", "uploading", [])
        assert it.staging_files() == [image.id]


@needs_qemu
def test_a_conversion_that_fails_says_so_without_the_services_paths(tmp_path: Path) -> None:
    with plugged(tmp_path, "image_conversion", conversion_format="raw") as it:
        damaged = bytearray(qcow2(tmp_path, PLAIN))
        damaged[40:48] = (12345).to_bytes(8)  # where no table can begin
        image = it.staged(bytes(damaged), disk_format="qcow2")
        job = it.imported(image.id, "glance-direct")
        assert job.error_code == "conversion-failed"
        assert job.error is not None
        assert str(tmp_path) not in job.error
        assert (it.show(image.id).status, it.staging_files()) == ("uploading", [image.id])


@needs_qemu
def test_a_conversion_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    settings = {"conversion_format": "raw", "conversion_seconds": 0.0}
    with plugged(tmp_path, "image_conversion", **settings) as it:
        image = it.staged(qcow2(tmp_path, PLAIN), disk_format="qcow2")
        assert it.imported(image.id, "glance-direct").error_code in {"too-slow", "conversion-failed"}
        assert (it.show(image.id).status, stored(it), it.staging_files()) == ("uploading", [], [image.id])


# -- metadata --------------------------------------------------------------------------------------------------------
def test_properties_are_injected_but_for_some_roles(tmp_path: Path) -> None:
    with plugged(tmp_path, "inject_image_metadata", inject={"source": "imported"}) as it:
        image = it.staged(PLAIN)
        it.imported(image.id, "glance-direct")
        assert it.show(image.id).properties["source"] == "imported"
        image = it.staged(PLAIN)
        it.imported(image.id, "glance-direct", ADMIN)
        assert "source" not in it.show(image.id).properties


@needs_qemu
def test_a_failed_import_leaves_properties_and_formats_as_they_were(tmp_path: Path) -> None:
    plugins = ("inject_image_metadata", "image_decompression", "image_conversion")
    with plugged(tmp_path, *plugins, inject={"source": "imported"}, conversion_format="raw") as it:
        image = it.staged(gzip.compress(qcow2(tmp_path, PLAIN)), disk_format="qcow2")
        (tmp_path / "s0").rename(tmp_path / "away")
        it.imported(image.id, "glance-direct")
        after = it.show(image.id)
        assert (after.status, after.disk_format, "source" in after.properties) == ("uploading", "qcow2", False)
        assert it.staging_files() == [image.id]
