"""A service of one's own: a child process that lives as long as this program, where no endpoint is configured."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from glancetui.errors import Unavailable

HOST, PORT = "127.0.0.1", 9292
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_TAIL = 600  # characters of the service's log that a failure to start shows


def data_folder() -> Path:
    """`$GLANCETUI_DATA_DIR`, else the platform's folder for a user's data."""
    named = os.environ.get("GLANCETUI_DATA_DIR")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("glancetui", appauthor=False))


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Written beside the log while a private service runs, so that another terminal shares it, and one whose terminal
    was killed is taken over instead of starting a second on the same data."""

    owner: int  # process id of the terminal that started it
    service: int
    endpoint: str
    data: str


class PrivateService:
    """Started once; `stop` is safe to call at any time, from any thread."""

    def __init__(self, data: Path, log: Path, command: Sequence[str] = (sys.executable, "-m", "glancetui")) -> None:
        self.data, self.log = data, log
        self._command = tuple(command)
        self._record = log.with_suffix(".json")
        self._process: subprocess.Popen[str] | None = None
        self._adopted: int | None = None  # the process id of a service whose terminal is gone
        self.endpoint = ""

    def start(self) -> str:
        """The endpoint: of a service that runs on the data already, else of a new one. Raises Unavailable."""
        running = self._running()
        if running is None:
            return self._start()
        if not _lives(running.owner):
            self._adopted = running.service
            self._write(running.service, running.endpoint)
        self.endpoint = running.endpoint
        return self.endpoint

    def _running(self) -> Record | None:
        """The service that another terminal started on the same data, if it answers."""
        try:
            record = msgspec.json.decode(self._record.read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError):
            return None
        same = record.data == str(self.data.absolute()) and _lives(record.service)
        return record if same and _answers(record.endpoint) else None

    def _write(self, service: int, endpoint: str) -> None:
        record = Record(owner=os.getpid(), service=service, endpoint=endpoint, data=str(self.data.absolute()))
        draft = self._record.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(record))
        draft.chmod(0o600)
        draft.replace(self._record)

    def _start(self) -> str:
        """A new service prints its endpoint once it answers. Raises Unavailable with the end of its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        port = PORT if _is_free(HOST, PORT) else 0
        with self.log.open("ab") as log:
            # Its own session: a ctrl+c in the terminal is for the TUI, which stops the service in order.
            self._process = subprocess.Popen(
                [*self._command, "serve", "--auth", "none", "--data-dir", str(self.data), "--listen", f"{HOST}:{port}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.endpoint = self._first_line(self._process)
        self._write(self._process.pid, self.endpoint)
        return self.endpoint

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        line = ""

        def read() -> None:
            nonlocal line
            if process.stdout is None:
                return
            line = process.stdout.readline().strip()
            said.set()
            for _ in process.stdout:  # keeps the pipe from filling
                continue

        said = threading.Event()
        threading.Thread(target=read, name="private-service", daemon=True).start()
        if not said.wait(START_SECONDS) or not line:
            self.stop()
            raise Unavailable(f"The private service did not start; its log {self.log} ends: {self._log_end()}")
        return next((word for word in line.split() if word.startswith(("http://", "https://"))), line)

    def _log_end(self) -> str:
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return " ".join(text[-LOG_TAIL:].split()) or "(empty)"

    @property
    def alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return bool(self.endpoint) and _answers(self.endpoint)

    def stop(self) -> None:
        """Ask it to finish what it serves; end it if it does not. One that another terminal uses goes on."""
        if self._adopted is not None and _lives(self._adopted):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._adopted, signal.SIGTERM)
            self._record.unlink(missing_ok=True)
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._record.unlink(missing_ok=True)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(endpoint: str) -> bool:
    """Something accepts connections there."""
    host, _, port = endpoint.rpartition("//")[2].partition(":")
    try:
        with socket.create_connection((host, int(port or "80")), timeout=2):
            return True
    except (OSError, ValueError):
        return False


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
