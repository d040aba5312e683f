"""Transfers: child processes that run the same code as the commands, so that hashing never delays a key.

A child reports one JSON object a line to a file, not to a pipe: so it can go on after this program has left.
"""

from __future__ import annotations

import contextlib
import enum
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

GRACE_SECONDS = 5.0  # between asking a child to end and ending it


class State(enum.StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to transfer: the verb and flags of a command, and its operand, which may begin with anything."""

    upload: bool
    name: str
    path: str
    arguments: tuple[str, ...]
    operand: str
    total: int | None  # bytes, as far as it is known before
    image_id: str | None = None
    by_endpoint: bool = False  # which fetches the data itself, and goes on when the child ends
    endpoint: tuple[str, ...] = ()  # flags that lead a command to the endpoint it was asked for, whichever is open then


class Report(msgspec.Struct):
    """A line of the child's standard error: how far it is, or why it failed."""

    image: str | None = None
    phase: str | None = None
    done: int | None = None  # bytes
    total: int | None = None
    rate: float | None = None  # bytes a second, the mean of the last ten seconds
    eta: float | None = None
    error: str | None = None
    request_id: str | None = None


_REPORTS = msgspec.json.Decoder(Report)


class Transfer:
    """One child process, before, while and after it runs. Times are seconds of the given clock."""

    def __init__(self, number: int, order: Order, clock: Callable[[], float]) -> None:
        self.id, self.order = f"t{number}", order
        self.state = State.WAITING
        self.phase, self.done, self.total = "waiting", 0, order.total
        self.image_id, self.sentence, self.request_id = order.image_id, "", ""
        self.started: float | None = None
        self.ended: float | None = None
        self._clock = clock
        self._rate: float | None = None
        self._eta: tuple[float, float] | None = None  # seconds left, and when that was said
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._read = 0
        self._rest = b""
        self._said: list[str] = []
        self._killed_at: float | None = None

    # What is known

    @property
    def running(self) -> bool:
        return self.state is State.RUNNING

    @property
    def over(self) -> bool:
        return self.state in {State.DONE, State.FAILED, State.CANCELLED}

    @property
    def fraction(self) -> float | None:
        if self.state is State.DONE:
            return 1.0
        return None if not self.total else min(1.0, self.done / self.total)

    @property
    def rate(self) -> float | None:
        """Bytes a second: the mean of the last ten seconds, after the end that of the whole."""
        if self.state is not State.DONE:
            return self._rate if self.running else None
        seconds = (self.ended or 0) - (self.started or 0)
        return self.done / seconds if seconds > 0 else None

    @property
    def remaining(self) -> float | None:
        """Seconds until all bytes are there."""
        if not self.running or self._eta is None:
            return None
        left, said_at = self._eta
        return max(0.0, left - (self._clock() - said_at))

    # Running

    def start(self, environment: Mapping[str, str]) -> None:
        """Blocks for the fork: call it off the loop."""
        self._folder = Path(tempfile.mkdtemp(prefix="glancetui-transfer-"))
        flags = ("--progress-json", "-f", "json", *self.order.endpoint)
        command = [sys.executable, "-m", "glancetui", *self.order.arguments, *flags, "--", self.order.operand]
        with (self._folder / "progress").open("wb") as progress, (self._folder / "answer").open("wb") as answer:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=progress,
                env=dict(environment),
                start_new_session=True,
            )
        self.started = self._clock()
        self.state, self.phase = State.RUNNING, "starting"

    def look(self) -> bool:
        """Read what the child has reported. True: something is other than before."""
        process = self._process
        if process is None or self.over:
            return False
        code = process.poll()  # before reading, so that the last lines are there
        changed = self._read_reports()
        if code is None:
            self._insist()
            return changed
        self._end(code)
        return True

    def _read_reports(self) -> bool:
        if self._folder is None:
            return False
        with (self._folder / "progress").open("rb") as progress:
            progress.seek(self._read)
            came = progress.read()
        self._read += len(came)
        *lines, self._rest = (self._rest + came).split(b"\n")
        for line in lines:
            self._hear(line)
        return bool(lines)

    def _hear(self, line: bytes) -> None:
        try:
            report = _REPORTS.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = line.decode("utf-8", "replace").strip()
            self._said = [*self._said[-3:], said] if said else self._said
            return
        self.phase = report.phase or self.phase
        self.total = report.total if report.total is not None else self.total
        self.image_id = report.image or self.image_id
        self.sentence = report.error or self.sentence
        self.request_id = report.request_id or self.request_id
        if report.done is not None:
            self.done, self._rate = report.done, report.rate
            self._eta = None if report.eta is None else (report.eta, self._clock())

    def _end(self, code: int) -> None:
        self.ended = self._clock()
        if self._rest:
            self._hear(self._rest)
        answer = self._answer()
        if code == 0:
            self.state, self.phase = State.DONE, "done"
            self.image_id = self.image_id or answer.get("id")
            self.done = self.total if self.total is not None else self.done
        elif self._killed_at is not None:
            self.state, self.phase, self.sentence = State.CANCELLED, "cancelled", "cancelled"
        else:
            self.state, self.phase = State.FAILED, "failed"
            self.sentence = self.sentence or (self._said[-1] if self._said else f"The transfer ended with code {code}.")
        self._tidy()

    def _answer(self) -> dict[str, str]:
        if self._folder is None:
            return {}
        try:
            document = msgspec.json.decode((self._folder / "answer").read_bytes(), type=dict[str, object])
        except (OSError, msgspec.DecodeError):
            return {}
        return {key: value for key, value in document.items() if isinstance(value, str)}

    def _tidy(self) -> None:
        if self._folder is None:
            return
        for name in ("progress", "answer"):
            (self._folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody put a file there: then it stays
            self._folder.rmdir()

    def cancel(self) -> None:
        """Ask the child to clean up and end; `look` ends it by force when it takes too long."""
        if self.state is State.WAITING:
            self.state, self.phase, self.sentence = State.CANCELLED, "cancelled", "cancelled"
            return
        if self._process is not None and self._process.poll() is None and self._killed_at is None:
            self._killed_at = self._clock()
            self.phase = "cancelling"
            self._signal(signal.SIGINT)

    def _insist(self) -> None:
        if self._killed_at is not None and self._clock() - self._killed_at > GRACE_SECONDS:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
                os.killpg(process.pid, number)

    def end(self, seconds: float) -> None:
        """Cancel and wait; for leaving the program."""
        self.cancel()
        if self._process is not None and self._process.poll() is None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        self._tidy()


class Queue:
    """All transfers of this session, newest first; at most `limit` run at a time."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.transfers: list[Transfer] = []
        self._clock = clock
        self._count = 0

    def add(self, order: Order) -> Transfer:
        self._count += 1
        transfer = Transfer(self._count, order, self._clock)
        self.transfers.insert(0, transfer)
        return transfer

    @property
    def running(self) -> list[Transfer]:
        return [transfer for transfer in self.transfers if transfer.running]

    @property
    def unfinished(self) -> list[Transfer]:
        return [transfer for transfer in self.transfers if not transfer.over]

    def due(self) -> list[Transfer]:
        """Those that may start now, oldest first."""
        waiting = [transfer for transfer in reversed(self.transfers) if transfer.state is State.WAITING]
        return waiting[: max(0, self.limit - len(self.running))]

    # As rows for a table

    def __len__(self) -> int:
        return len(self.transfers)

    def row(self, index: int) -> Transfer | None:
        return self.transfers[index] if 0 <= index < len(self.transfers) else None

    def index(self, row_id: str) -> int | None:
        return next((n for n, transfer in enumerate(self.transfers) if transfer.id == row_id), None)

    def is_gone(self, row_id: str) -> bool:  # noqa: ARG002  # transfers stay
        return False

    def before_change(self, row_id: str) -> Transfer | None:  # noqa: ARG002
        return None

    @property
    def complete(self) -> bool:
        return True
