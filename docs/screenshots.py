"""Takes the pictures in this folder: the real program on a real service with real data.

Run from the repository's root: `python docs/screenshots.py`. Needs `rsvg-convert` for the PNG files, `qemu-img` for
the disk images that it publishes. Writes images-80x24, images-160x45, publish, definitions, definition-form, properties
and property, each as .svg and .png.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the test suite's server belongs to no package

from textual.pilot import Pilot  # noqa: E402

from glancetui.app import Opening, Options  # noqa: E402
from glancetui.tui.application import GlanceApp  # noqa: E402
from glancetui.tui.settings import Settings  # noqa: E402
from tests.serving import running_server  # noqa: E402

DOCS = ROOT / "docs"
CELL = 12.2  # width of a character in Rich's SVG

POSTGRES = [
    "--property=hw_disk_bus=virtio",
    "--property=hw_cdrom_bus=ide2",
    "--property=hw_watchdog_acton=reset",
    "--property=hw_cpu_max_cores=4",
    "--property=os_distro=debian",
    "--property=hw_mem_page_size=large",
    "--property=rack=b7",
]
# name, format, virtual size, flags
IMAGES = (
    ("debian-12-generic", "qcow2", "2G", ["--public", "--tag=lts", "--property=os_distro=debian"]),
    ("ubuntu-22.04-server", "qcow2", "2252M", ["--public", "--tag=lts", "--property=os_distro=ubuntu"]),
    ("rocky-9-base", "qcow2", "10G", ["--private", "--tag=rhel"]),
    ("win2025-core", "vmdk", "40G", ["--private", "--min-disk=40", "--min-ram=4096"]),
    ("cirros-0.6-x86_64", "qcow2", "112M", ["--public", "--tag=test"]),
    ("fedora-43-cloud-base", "qcow2", "5G", ["--community"]),
    ("postgres-appliance-17", "raw", "24M", ["--shared", "--tag=db", *POSTGRES]),
    ("ci-builder-0817", "raw", "40M", ["--private", "--tag=ci"]),
    ("ci-builder-0818", "raw", "40M", ["--private", "--tag=ci"]),
    ("alpine-3.22-virt", "qcow2", "256M", ["--public", "--tag=test", "--tag=small"]),
    ("debian-13-generic", "qcow2", "3G", ["--public", "--tag=lts", "--property=os_distro=debian"]),
    ("ubuntu-24.04-server", "qcow2", "3584M", ["--public", "--protected", "--tag=lts", "--property=os_distro=ubuntu"]),
)


def command(endpoint: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "glancetui", *arguments, "--endpoint", endpoint],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def make_disk(folder: Path, name: str, disk_format: str, size: str) -> Path:
    """A disk image of its format, with some data in it so that its size is its own."""
    path = folder / f"{name}.{'img' if disk_format == 'raw' else disk_format}"
    subprocess.run(["qemu-img", "create", "-q", "-f", disk_format, str(path), size], check=True)
    if disk_format != "raw":
        with path.open("ab") as file:
            file.write(os.urandom((1 + sum(map(ord, name)) % 29) << 20))
    return path


def seed(endpoint: str, folder: Path) -> None:
    for name, disk_format, size, flags in IMAGES:
        path = make_disk(folder, name, disk_format, size)
        command(endpoint, "image", "create", "--file", str(path), *flags, name)
    command(
        endpoint, "image", "create", "--disk-format", "qcow2", "--container-format", "bare", "nightly-build-pending"
    )
    command(endpoint, "image", "deactivate", "ci-builder-0817")


def without_leading_spaces(svg: str) -> str:
    """The same picture for renderers that drop spaces at the beginning of a text."""

    def moved(found: re.Match[str]) -> str:
        x, y, length, rest, text = found.groups()
        count = len(re.match(r"(?:&#160;)*", text).group()) // len("&#160;")
        left = max(0.0, float(length) - count * CELL)
        return f'x="{float(x) + count * CELL:.1f}"{y}textLength="{left:.1f}"{rest}>{text[count * len("&#160;") :]}<'

    return re.sub(r'x="([\d.]+)"( y="[\d.]+" )textLength="([\d.]+)"([^>]*)>((?:&#160;)+[^<]*)<', moved, svg)


def save(app: GlanceApp, name: str) -> None:
    svg = DOCS / f"{name}.svg"
    svg.write_text(without_leading_spaces(app.export_screenshot(title="glancetui")), "utf-8")
    if shutil.which("rsvg-convert"):
        subprocess.run(["rsvg-convert", "--zoom", "1.0", str(svg), "-o", str(svg.with_suffix(".png"))], check=True)
    sys.stdout.write(f"{svg.relative_to(ROOT)}\n")


async def until(holds: Callable[[], object]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


async def picture(
    endpoint: str, size: tuple[int, int], name: str, pose: Callable[[Pilot[int]], Awaitable[None]]
) -> None:
    app = GlanceApp(Opening(Options(endpoint=endpoint)), Settings(motion=False, ascii=False))
    async with app.run_test(size=size) as pilot:
        await until(lambda: len(app.desk.images.source) >= len(IMAGES))
        await pose(pilot)
        await pilot.pause(0.5)
        save(app, name)


async def listing(pilot: Pilot[int]) -> None:
    await pilot.press("j", "j")


async def form(pilot: Pilot[int], path: Path) -> None:
    await pilot.press("n")
    await pilot.pause()
    box = pilot.app.screen
    box.query_one("#path").value = str(path)
    await until(lambda: box.found is not None)
    box.query_one("#tags").value = "lts server"
    box.query_one("#properties").value = "os_distro=debian"
    box.query_one("#name").focus()


async def definitions(pilot: Pilot[int], *keys: str) -> None:
    """The tree, at the property that a search finds; then `keys`."""
    await pilot.press("0")
    view = pilot.app.desk.metadefs
    await until(lambda: view.documents and not view.unread)
    await pilot.press("/", *"watchdog_action", "enter")
    await until(lambda: view.sought)
    await pilot.press("G", "escape")
    await until(lambda: not view.sought)
    await pilot.press(*keys)


async def definition_form(pilot: Pilot[int]) -> None:
    await definitions(pilot, "E")
    await pilot.pause()
    pilot.app.screen.query_one("#sample").value = "rest"


async def properties(pilot: Pilot[int], *keys: str) -> None:
    """The tab of an image's properties, one of them changed and not sent; then `keys`."""
    desk = pilot.app.desk
    rows = desk.images.source
    at = next(n for n in range(len(rows)) if rows.row(n).name == "postgres-appliance-17")
    desk.images.table.move(at)
    await until(lambda: desk.images.table.current.name == "postgres-appliance-17")
    await pilot.press("enter", "]")
    await until(lambda: desk.image._book is not None and desk.image.sheet.rows)
    desk.image.sheet.move_to("hw_disk_bus")
    await pilot.press("enter")
    await until(lambda: getattr(pilot.app.screen, "book", None) is not None)
    await pilot.pause()
    await pilot.press("up", "enter")
    await until(lambda: desk.image.given)
    desk.image.sheet.move_to("hw_watchdog_acton")
    await pilot.press(*keys)


async def property_box(pilot: Pilot[int]) -> None:
    await properties(pilot)
    pilot.app.desk.image.sheet.move_to("hw_cdrom_bus")
    await pilot.press("enter")
    await until(lambda: getattr(pilot.app.screen, "book", None) is not None)


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="disks-") as scratch:
        folder = Path(scratch)
        with running_server(folder) as server:
            seed(server.endpoint, folder)
            command(server.endpoint, "metadef", "import", str(ROOT / "glancetui" / "metadefs" / "catalogue"))
            ready = Path(tempfile.gettempdir()) / "debian-13-arm64.qcow2"
            make_disk(folder, "debian-13-arm64", "qcow2", "3G").replace(ready)
            try:
                await picture(server.endpoint, (80, 24), "images-80x24", listing)
                await picture(server.endpoint, (160, 45), "images-160x45", listing)
                await picture(server.endpoint, (80, 24), "publish", lambda pilot: form(pilot, ready))
                await picture(server.endpoint, (120, 40), "definitions", definitions)
                await picture(server.endpoint, (80, 24), "definition-form", definition_form)
                await picture(server.endpoint, (100, 30), "properties", properties)
                await picture(server.endpoint, (80, 24), "property", property_box)
            finally:
                ready.unlink()


if __name__ == "__main__":
    asyncio.run(main())
