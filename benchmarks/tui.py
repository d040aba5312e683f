"""How fast the terminal is: from a key to the last byte of its repaint, and from the command to the first frame.

Runs the program in a pseudo-terminal of 120 × 40 in front of a list of 10,000 and of 1,000,000 images, and a bare
Textual application beside it in the same run. Times are wall clock milliseconds, medians and 95th percentiles.

    python benchmarks/tui.py [--rounds N]
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, ROWS = 120, 40
SILENCE = 0.06  # seconds without a byte after which a repaint is over; longer than any pause inside one
QUIET_START = 0.25
# The cursor goes to and fro inside the screen; scrolling is pages.
KEYS = {"cursor": (b"j", b"k"), "page": (b"\x06", b"\x06", b"\x06", b"\x02")}

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("hello")
Bare().run()
"""

# Rows are made when they are asked for: a million of them cost what one page does.
OURS = """
import sys
sys.path.insert(0, {root!r})
from datetime import datetime, timedelta
from glancetui.client.values import RemoteImage
from glancetui.tui.application import GlanceApp
from glancetui.tui.connection import POLL_SECONDS
from glancetui.tui.ports import About, Listing
from glancetui.tui.settings import Settings
COUNT = {count}
EPOCH = datetime(2026, 1, 1)
def image(number):
    at = (EPOCH + timedelta(seconds=number)).isoformat() + "Z"
    return RemoteImage.from_document({{
        "id": f"{{number:08x}}-9d0b-4c52-8f1e-0c7a2b9d4e11", "name": f"ubuntu-24.04-server-{{number}}",
        "status": ("active", "queued", "saving", "deactivated")[number % 4], "visibility": "public",
        "size": number * 7919, "disk_format": "qcow2", "container_format": "bare", "created_at": at,
        "updated_at": at, "tags": ["lts"], "owner": "7d1c0e5cbb3b4c3d8b2a5d6f7a8b9c0d",
        "os_hash_value": "9af1" * 32, "hw_disk_bus": "virtio"}})
class Made:
    def about(self): return About(endpoint="bench", version="v2.17")
    def cancel(self): pass
    def page(self, query, after, limit, etag=None):
        if etag: return None
        start = COUNT if after is None else int(after[:8], 16)
        images = tuple(image(n) for n in range(start - 1, max(-1, start - 1 - limit), -1))
        return Listing(images=images, more=len(images) == limit, etag="same")
    def image(self, image_id): return image(int(image_id[:8], 16))
    def members(self, image_id): return ()
class Opening:
    is_private = False
    def __call__(self, note): return Made()
    def endpoint_arguments(self): return ()
GlanceApp(Opening(), Settings(motion=False, ascii=False)).run()
"""


class Terminal:
    """A program in a pseudo-terminal. Answers nothing: what the program asks of its terminal goes unanswered."""

    def __init__(self, arguments: list[str]) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read_until(self, holds: Callable[[bytes], bool], seconds: float = 20.0) -> float:
        """Seconds since the start at which the bytes so far satisfied `holds`."""
        seen = b""
        while time.perf_counter() - self.started < seconds:
            if select.select([self.fd], [], [], 0.05)[0]:
                seen += os.read(self.fd, 65536)
                if holds(seen):
                    return time.perf_counter() - self.started
        raise TimeoutError(seen[-2000:])

    def drain(self, silence: float) -> tuple[float | None, int]:
        """When the last byte came before `silence` began, and how many came."""
        last, count = None, 0
        while select.select([self.fd], [], [], silence)[0]:
            count += len(os.read(self.fd, 65536))
            last = time.perf_counter()
        return last, count

    def press(self, key: bytes) -> tuple[float | None, int]:
        """Milliseconds from the key to the last byte of what it painted, and the bytes; None: nothing was painted."""
        self.drain(QUIET_START)  # the preview follows a moment after the cursor: that is not this key's
        pressed = time.perf_counter()
        os.write(self.fd, key)
        last, count = self.drain(SILENCE)
        return (None if last is None else (last - pressed) * 1000), count

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def start(script: str, marker: bytes) -> float:
    """Milliseconds from the command to the first frame that shows `marker`."""
    terminal = Terminal(["-c", script])
    try:
        return terminal.read_until(lambda seen: marker in seen) * 1000
    finally:
        terminal.end()


def resident(pid: int) -> int:
    """MiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def keys(count: int, presses: int) -> dict[str, object]:
    """Latencies in front of `count` images."""
    terminal = Terminal(["-c", OURS.format(root=str(ROOT), count=count)])
    figures: dict[str, object] = {}
    try:
        terminal.read_until(lambda seen: b"server-" in seen)
        terminal.drain(QUIET_START)
        for name, cycle in KEYS.items():
            samples = [terminal.press(cycle[n % len(cycle)]) for n in range(presses)]
            times = sorted(milliseconds for milliseconds, _ in samples if milliseconds is not None)
            figures[name] = {
                "median": round(statistics.median(times), 1),
                "p95": round(times[int(len(times) * 0.95) - 1], 1),
                "bytes": round(statistics.median(count for _, count in samples)),
            }
        figures["resident"] = resident(terminal.pid)
    finally:
        terminal.end()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--presses", type=int, default=60)
    given = parser.parse_args()
    bare, ours = [], []
    for _ in range(given.rounds):  # alternately, so that both meet the same machine
        bare.append(start(BARE, b"hello"))
        ours.append(start(OURS.format(root=str(ROOT), count=10_000), b"NAME"))
    figures = {
        "first frame, bare Textual": round(statistics.median(bare)),
        "first frame, glancetui": round(statistics.median(ours)),
        "ratio": round(statistics.median(ours) / statistics.median(bare), 2),
        "10,000 images": keys(10_000, given.presses),
        "1,000,000 images": keys(1_000_000, given.presses),
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
