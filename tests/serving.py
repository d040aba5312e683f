"""A real service process for tests: `python -m glancetui serve` on a free port, stopped by its process id."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

START_SECONDS = 30.0
STOP_SECONDS = 40.0
_ANNOUNCED = re.compile(r"glancetui is serving on (\S+?),? ")


@dataclass
class Server:
    """`pid` is the supervisor's: signals go there."""

    process: subprocess.Popen[bytes]
    endpoint: str  # http://127.0.0.1:PORT, or unix:PATH
    data_dir: Path
    log: Path  # standard error and the log

    @property
    def pid(self) -> int:
        return self.process.pid

    def workers(self) -> list[int]:
        """Process ids of the workers that live now."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children]

    def stop(self, number: int = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
        """The exit code. Idempotent."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL to the supervisor and every worker at once, as a power cut would."""
        workers = self.workers() if self.process.poll() is None else []
        for pid in [self.pid, *workers]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


class Options(TypedDict, total=False):
    """Of `start_server`."""

    auth: str | None
    workers: int
    config: str
    listen: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str] | None
    data_dir: Path | None
    inside: Sequence[str]  # a command that becomes the service


@contextmanager
def running_server(tmp_path: Path, **options: Unpack[Options]) -> Iterator[Server]:
    """Serves with data in `tmp_path/data`; `config` is the text of a configuration file. A second call with the same
    folder goes on with its data. On failure the log is printed."""
    server = start_server(tmp_path, **options)
    try:
        yield server
    except BaseException:
        print(f"--- log of the server ---\n{server.log.read_text(errors='replace')[-20_000:]}")
        raise
    finally:
        end(server)


@contextmanager
def running_registry(
    tmp_path: Path,
    *,
    workers: int = 1,
    config: str = "",
    listen: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """`serve registry` on `tmp_path/registry.sock`, with the same data folder as a service of `tmp_path` has."""
    folder = tmp_path / "registry"
    folder.mkdir(exist_ok=True)
    with running_server(
        folder, auth=None, workers=workers, config=config, listen=listen or [f"unix:{tmp_path / 'registry.sock'}"],
        arguments=["registry"], environment=environment, data_dir=tmp_path / "data",
    ) as server:  # fmt: skip
        yield server


def beside(tmp_path: Path) -> tuple[str, ...]:
    """The arguments of a `serve` that asks the registry service of `tmp_path`."""
    return ("api", "--registry", f"unix:{tmp_path / 'registry.sock'}")


def two_stores(folder: Path, web_port: int) -> str:
    """Configuration: stores `fast` and `slow` in `folder`, and imports from a web server on loopback."""
    return f"""\
[DEFAULT]
enabled_backends = fast:file, slow:file
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/fast
[slow]
filesystem_store_datadir = {folder}/slow
[import_filtering_opts]
allowed_hosts = 127.0.0.1
allowed_ports = {web_port}
"""


def start_server(
    tmp_path: Path,
    *,
    auth: str | None = "none",
    workers: int = 1,
    config: str = "",
    listen: Sequence[str] = ("127.0.0.1:0",),
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    data_dir: Path | None = None,
    inside: Sequence[str] = (),
) -> Server:
    data_dir = data_dir or tmp_path / "data"
    command = [
        *inside,
        sys.executable,
        "-m",
        "glancetui",
        "serve",
        "--data-dir",
        str(data_dir),
        "--workers",
        str(workers),
    ]
    for address in listen:
        command += ["--listen", address]
    if auth is not None:
        command += ["--auth", auth]
    if config:
        file = tmp_path / "glancetui.conf"
        file.write_text(config)
        command += ["--config-file", str(file)]
    log = tmp_path / "server.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            env=clean_environment() | dict(environment or {}),
        )  # fmt: skip
    try:
        endpoint = announced(process, log)
    except BaseException:
        end(Server(process, "", data_dir, log))
        raise
    return Server(process, endpoint, data_dir, log)


def clean_environment() -> dict[str, str]:
    """This process's, without what would configure clients or the service."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("OS_") and name != "GLANCETUI_DATA_DIR"
    }


def announced(process: subprocess.Popen[bytes], log: Path) -> str:
    """The first address that the service prints. Raises AssertionError with the log when it ends or takes too long."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    text = b""
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], 0.2)[0]:
            continue
        piece = os.read(process.stdout.fileno(), 65536)
        text += piece
        if match := _ANNOUNCED.search(text.decode()):
            return match[1]
        if not piece:
            break
    raise AssertionError(f"the service did not start: {text!r}\n{log.read_text(errors='replace')[-20_000:]}")


def end(server: Server) -> None:
    """Stops it by its process id; by force if it does not go."""
    try:
        server.stop()
    except subprocess.TimeoutExpired:
        server.kill()
        raise
    finally:
        if server.process.stdout is not None:
            server.process.stdout.close()
