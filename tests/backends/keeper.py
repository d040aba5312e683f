"""Servers that a whole run of tests shares: the first test that needs one starts it, the last process to go ends it.

`python -m tests.backends.MODULE FOLDER` is the keeper of one server. It waits for a lock that every user holds for as
long as it lives, so that a run that was killed leaves no server behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

START_SECONDS = 90.0


class NotInstalled(Exception):
    """The programs are not there; the message says how to get them."""


class CannotStart(Exception):
    """The message holds the end of the server's log."""


def shared_folder(module: str) -> Path:
    """The folder of this run's server, which is running. Raises CannotStart."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"pid-{os.getpid()}")
    folder = new_folder(f"glancetui-{module}-{run[:16]}")
    _hold(folder)
    with (folder / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            _start(module, folder)
    return folder


def new_folder(name: str = "") -> Path:
    """In memory where the machine has such a place: durability is not what these servers are for."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    if not name:
        return Path(tempfile.mkdtemp(prefix="glancetui-", dir=parent))
    folder = parent / name
    folder.mkdir(exist_ok=True)
    return folder


_held: list[int] = []


def _hold(folder: Path) -> None:
    users = os.open(folder / "users", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(users, fcntl.LOCK_SH)
    _held.append(users)  # until this process ends


def _start(module: str, folder: Path) -> None:
    log = folder / "keeper.log"
    with log.open("wb") as output:
        words = [sys.executable, "-m", f"tests.backends.{module}", str(folder)]
        keeper = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    wait_for(keeper, (folder / "ready").exists, log)


def keep(folder: Path, running: Callable[[Path], AbstractContextManager[object]]) -> None:
    """Run the server until nobody uses it."""
    try:
        with running(folder), (folder / "users").open("r+") as users:
            (folder / "ready").touch()
            fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(words: Sequence[str], cwd: str | None = None) -> None:
    """Run what makes a server's data. Raises CannotStart."""
    made = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotStart(made.stderr[-2000:])


@contextmanager
def serving(
    words: Sequence[str],
    log: Path,
    ask: Callable[[], object],
    refused: type[Exception],
    *,
    cwd: str | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, as soon as it does not answer `ask` with `refused` any more. Raises CannotStart."""

    def answers() -> bool:
        try:
            ask()
        except refused:
            return False
        return True

    with log.open("ab") as output:
        process = subprocess.Popen(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_for(process, answers, log)
        yield process
    finally:
        stop(process, end)


def wait_for(process: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path) -> None:
    """Raises CannotStart."""
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStart(log.read_text(errors="replace")[-2000:])
        time.sleep(0.05)  # the pause of a poll with a deadline


def stop(process: subprocess.Popen[bytes], end: signal.Signals = signal.SIGTERM) -> None:
    """A server that does not end by itself is killed."""
    process.send_signal(end)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
