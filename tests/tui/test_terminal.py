"""The program in a pseudo-terminal: however it ends, the terminal is as it was."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest
from textual.app import App

from glancetui.tui.lost import LeavingDriver, Output

PROGRAM = """
import sys
from tests.tui.fakes import ListService, Opening
from glancetui.tui.application import GlanceApp
from glancetui.tui.desk import Desk
from glancetui.tui.settings import Settings
def defect(self): raise ZeroDivisionError("made by a test")
Desk.act_help = defect
app = GlanceApp(Opening(ListService(5)), Settings(motion=False, ascii=False))
app.run()
sys.exit(app.return_value if app.return_value is not None else app.return_code)
"""
LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")  # other screen, hidden cursor, mouse, paste mode


class Program:
    """Runs on a terminal of its own; what it writes is read until it has ended."""

    def __init__(self, state: Path) -> None:
        self.ours, theirs = self.ends = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self.before = termios.tcgetattr(self.ours)
        root = Path(__file__).resolve().parent.parent.parent
        environment = os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_STATE_HOME": str(state)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, cwd=root, env=environment
        )
        self.written = b""

    def read_until(self, holds, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.written[-2000:]
            if select.select([self.ours], [], [], 0.05)[0]:
                self.written += os.read(self.ours, 65536)

    def ended(self) -> bool:
        return self.process.poll() is not None


@pytest.fixture
def program(tmp_path: Path):
    running = Program(tmp_path)
    try:
        running.read_until(lambda: b"cirros-0.6-2" in running.written)
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for end in running.ends:
            with suppress(OSError):  # a test has closed it
                os.close(end)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_gives_the_terminal_back(program: Program, number: signal.Signals) -> None:
    program.process.send_signal(number)
    program.read_until(program.ended)
    assert program.process.returncode == 128 + number
    assert all(sequence in program.written for sequence in LEFT)
    assert termios.tcgetattr(program.ours) == program.before


def test_a_defect_gives_the_terminal_back_and_shows_no_trace(program: Program, tmp_path: Path) -> None:
    os.write(program.ours, b"?")
    program.read_until(program.ended)
    program.read_until(lambda: b"defect of its own" in program.written, 5)
    assert program.process.returncode == 1
    assert b"Traceback" not in program.written
    assert all(sequence in program.written for sequence in LEFT)
    assert termios.tcgetattr(program.ours) == program.before
    assert "made by a test" in (tmp_path / "glancetui" / "crash.log").read_text()


@pytest.mark.parametrize("keys", [b"", b"n", b":"])
def test_it_ends_when_its_terminal_has_gone(program: Program, keys: bytes) -> None:
    os.write(program.ours, keys)
    program.read_until(lambda: b"Publish" in program.written if keys == b"n" else True)
    os.close(program.ours)
    assert program.process.wait(20) == 128 + signal.SIGHUP


async def test_a_terminal_that_is_gone_is_known_without_writing_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the driver sets some for good
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "__stdin__", terminal)
        driver = LeavingDriver(App())
        assert not driver.is_gone
        os.close(ours)
        assert driver.is_gone


def test_what_is_written_to_a_lost_terminal_goes_nowhere_and_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: told.append(number))
    ours, theirs = pty.openpty()
    os.close(ours)
    with suppress(OSError), os.fdopen(theirs, "w") as terminal:
        output = Output(terminal)
        for _ in range(3):
            output.write("x" * 10_000)
            output.flush()
    assert told == [signal.SIGHUP]
