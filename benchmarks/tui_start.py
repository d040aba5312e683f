"""From the command to the first painted screen, and to the first image on it, in a pseudo-terminal.

`python -m benchmarks.tui_start ENDPOINT` prints the seconds.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.commands import clean_environment

ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\|[@-Z\\-_=>78])", re.DOTALL
)
PAINTED = 20  # visible letters: more than a cursor or a spinner
DEADLINE = 30.0


class Start(NamedTuple):
    painted_seconds: float
    image_seconds: float
    cpu_seconds: float


def measure(endpoint: str, image: str = "bench-", columns: int = 160, rows: int = 45) -> Start:
    """Raises TimeoutError where no image appears."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    command = [sys.executable, "-m", "glancetui", "--endpoint", endpoint]
    environment = clean_environment() | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    try:
        painted = shown = None
        seen = b""
        for chunk in output_of(master, started + DEADLINE):
            seen += chunk
            text = b"".join(ESCAPES.sub(b"", seen).split())
            painted = painted or (time.perf_counter() - started if len(text) >= PAINTED else None)
            if image.encode() in text:
                shown = time.perf_counter() - started
                break
        if painted is None or shown is None:
            raise TimeoutError(f"no image on the screen after {DEADLINE:g} s: {ESCAPES.sub(b'', seen)[-400:]!r}")
        return Start(painted, shown, cpu_of(process.pid))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(master)


def output_of(master: int, deadline: float) -> Iterator[bytes]:
    """What the program writes. It is answered like a plain terminal: what one cannot do, it does not reply to."""
    while (left := deadline - time.perf_counter()) > 0:
        if not select.select([master], [], [], left)[0]:
            return
        try:
            yield os.read(master, 65536)
        except OSError:
            return  # it ended


def cpu_of(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123  # one read of a pseudo-file
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.stdout.write(f"{measure(sys.argv[1])}\n")
