"""Converts a disk image by qemu-img: after inspection, with explicit formats, under limits, never through a shell."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from glancetui.config.settings import ImportSettings
from glancetui.errors import JobFailed, LimitExceeded
from glancetui.formats.inspect import Inspection

#: Our names of formats → qemu's. What is not here is not opened by a tool.
QEMU: dict[str, str] = {
    "raw": "raw", "gpt": "raw", "iso": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx",
    "vdi": "vdi",
}  # fmt: skip
LAUNCHER = Path(__file__).with_name("limited.py")
PATIENCE = 0.2  # seconds between two looks whether the job may go on
LONGEST_COMPLAINT = 300  # characters of qemu-img's words


def convert(
    source: Path,
    found: Inspection,
    output: Path,
    wanted: str,
    *,
    most: int,
    settings: ImportSettings,
    check: Callable[[], None],
) -> None:
    """Writes `output`, of at most `most` bytes. `check` may raise, to stop. Raises JobFailed, LimitExceeded."""
    if found.format not in QEMU:
        raise JobFailed("not-convertible", f"An image of the format {found.format} cannot be converted to {wanted}.")
    if (found.virtual_size or 0) > most:
        raise LimitExceeded(f"The disk in the image is larger than the {most} bytes that image_size_cap allows.")
    tool = shutil.which("qemu-img")
    if tool is None:
        raise JobFailed(
            "no-qemu-img",
            f"The image cannot be converted to {wanted}: the service has no qemu-img. The operator must install it "
            "(qemu-utils), or switch image_conversion off.",
        )
    limits = [str(settings.conversion_memory), str(int(settings.conversion_seconds)), str(most)]
    command = [tool, "convert", "-q", "-f", QEMU[found.format], "-O", wanted, str(source), str(output)]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), *limits, *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    try:
        _wait(process, settings.conversion_seconds, check)
    finally:
        if process.poll() is None:
            process.kill()
        complaint = b"" if process.stderr is None else process.stderr.read(4096)
        with contextlib.suppress(OSError):
            process.communicate()
    if process.returncode != 0:
        raise JobFailed("conversion-failed", _sentence(complaint, source, output, process.returncode))


def _wait(process: subprocess.Popen[bytes], seconds: float, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            return
        check()
        if time.monotonic() > deadline:
            raise JobFailed("too-slow", f"The conversion took longer than {seconds:g} seconds (conversion_seconds).")


def _sentence(complaint: bytes, source: Path, output: Path, code: int) -> str:
    """qemu-img's own words, without the service's paths."""
    words = complaint.decode("utf-8", "replace").strip().replace(str(source), "the image").replace(str(output), "it")
    words = " ".join("".join(each if each.isprintable() else " " for each in words).split())[:LONGEST_COMPLAINT]
    if not words:
        words = f"it was stopped by signal {-code}" if code < 0 else f"it ended with code {code}"
    return f"The image cannot be converted: {words}. Check it with qemu-img, or convert it before."
