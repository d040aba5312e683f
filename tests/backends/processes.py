"""Servers as processes of their own: started, waited for, ended with their block."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 20


class CannotStart(Exception):
    """The message has the end of the program's log."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, ended with SIGTERM at the end of the block."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_until_serving(url: str, started: subprocess.Popen[bytes], log: Path) -> None:
    """Any answer will do. Raises CannotStart."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)  # the pause of a poll with a deadline
        else:
            return
    tail = log.read_text(errors="replace")[-2000:]
    raise CannotStart(f"{url} does not answer. The end of {log}:\n{tail}")
