"""The commands as real processes, against the real service."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving import clean_environment, running_server

SECONDS = 60


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass(frozen=True)
class Glancetui:
    """`run(…)` starts the command as a script would: no terminal, and nothing around that configures it."""

    endpoint: str
    home: Path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {key: value for key, value in clean_environment().items() if key not in {"NO_COLOR", "COLUMNS"}}
        return kept | {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config")} | dict(extra or {})

    def command(self, *arguments: str, at: str | None = "") -> list[str]:
        place = [] if at is None else ["--endpoint", at or self.endpoint]
        return [sys.executable, "-m", "glancetui", *place, *arguments]

    def run(
        self,
        *arguments: str,
        at: str | None = "",
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> Ran:
        done = subprocess.run(
            self.command(*arguments, at=at),
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            cwd=self.home,
            env=self.environment(environment),
            pass_fds=pass_fds,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def new(self, *arguments: str, name: str = "") -> dict:
        """A new image, as `image create -f json` prints it."""
        ran = self.run("image", "create", name or f"n-{uuid.uuid4().hex[:8]}", "-f", "json", *arguments)
        assert ran.code == 0, ran.err
        return ran.json

    def on_terminal(
        self, *arguments: str, say: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The exit code, and everything that reached the terminal. `say` is typed once something has been asked."""
        parent, child = pty.openpty()
        process = subprocess.Popen(
            self.command(*arguments),
            stdin=child,
            stdout=child,
            stderr=child,
            cwd=self.home,
            env=self.environment({"TERM": "xterm-256color", "COLUMNS": "100"} | dict(environment or {})),
            start_new_session=True,
        )
        os.close(child)
        try:
            shown = read_terminal(parent, process, say)
        finally:
            os.close(parent)
            process.wait(SECONDS)
        return process.returncode, shown


def read_terminal(terminal: int, process: subprocess.Popen[bytes], say: bytes) -> bytes:
    shown, deadline = b"", time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            if process.poll() is not None:
                return shown
            continue
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux says EIO when the last one to hold the other end has gone
            return shown
        shown += piece
        if say and b"[y/N]" in shown:
            os.write(terminal, say)
            say = b""
        if not piece:
            return shown
    raise AssertionError(f"the command did not end: {shown!r}")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a service that all tests of this process share."""
    with running_server(tmp_path_factory.mktemp("service")) as server:
        yield server.endpoint


@pytest.fixture
def glancetui(service: str, tmp_path: Path) -> Glancetui:
    home = tmp_path / "home"
    home.mkdir()
    return Glancetui(service, home)


@pytest.fixture
def unique() -> Callable[[], str]:
    return lambda: f"n-{uuid.uuid4().hex[:8]}"
