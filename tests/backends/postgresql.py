"""A real PostgreSQL on a unix socket. `python -m tests.backends.postgresql FOLDER` keeps one for a run of tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.backends import keeper

CRASH = signal.SIGQUIT  # SIGKILL would leave its children
USER = "glance"
#: For tests that crash the server.
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=300")


def program(name: str) -> str:
    """The newest version's. Raises NotInstalled."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4].split(".")[0]))
    if found:
        return str(found[-1])
    elsewhere = shutil.which(name)
    if elsewhere is None:
        raise keeper.NotInstalled(f"{name} is not installed (Debian: postgresql)")
    return elsewhere


def shared() -> Path:
    """The folder of this run's server. Raises NotInstalled, CannotStart."""
    program("postgres"), program("initdb")
    return keeper.shared_folder("postgresql")


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.getuid():
        return []
    with suppress(KeyError):
        pwd.getpwnam("postgres")
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server on `folder`, which is made if it is empty and found again otherwise. Raises CannotStart."""
    as_user, log = _as_user(), folder / "server.log"
    if as_user:
        shutil.chown(folder, as_user[1].split("=")[1])
    if not (folder / "data").exists():
        words = [program("initdb"), "-D", str(folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "-N"]
        keeper.prepare([*as_user, *words, "--locale=C.UTF-8"], cwd="/")
    settings = [*_FAST, "listen_addresses=", f"unix_socket_directories={folder}", *options]
    words = [program("postgres"), "-D", str(folder / "data"), *(f"--{setting}" for setting in settings)]
    fast = signal.SIGINT  # clients are told to go
    with keeper.serving(
        [*as_user, *words], log, lambda: execute(folder, "SELECT 1"), psycopg.OperationalError, cwd="/", end=fast
    ) as process:
        yield process


def execute(folder: Path, *statements: str, database: str = "postgres") -> Sequence[tuple[object, ...]]:
    with psycopg.connect(host=str(folder), user=USER, dbname=database, autocommit=True) as connection:
        for statement in statements:
            found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


def create_database(folder: Path, name: str) -> str:
    """A new database's URL."""
    execute(folder, f'CREATE DATABASE "{name}"')
    return f"postgresql+psycopg://{USER}@/{name}?host={folder}"


def drop_database(folder: Path, name: str) -> None:
    execute(folder, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


if __name__ == "__main__":
    keeper.keep(Path(sys.argv[1]), running)
