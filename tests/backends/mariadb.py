"""A real MariaDB on a unix socket. `python -m tests.backends.mariadb FOLDER` keeps one for a run of tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

from tests.backends import keeper

CRASH = signal.SIGKILL
USER, PASSWORD = "glance", "secret-Wq9"
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
#: For tests that crash the server.
DURABLE = ("--innodb-flush-log-at-trx-commit=1",)
_FAST = ("--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=96M")


def program(name: str) -> str:
    """Raises NotInstalled."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise keeper.NotInstalled(f"{name} is not installed (Debian: mariadb-server-core)")
    return found


def shared() -> Path:
    """The folder of this run's server. Raises NotInstalled, CannotStart."""
    program("mariadbd"), program("mariadb-install-db")
    return keeper.shared_folder("mariadb")


@contextmanager
def running(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server on `folder`, which is made if it is empty and found again otherwise. Raises CannotStart."""
    user = "nobody" if os.getuid() == 0 else ""
    as_user = [f"--user={user}"] if user else []
    temporary = folder / "tmp"  # its own: a server that starts deletes the temporary tables of all that share it
    temporary.mkdir(exist_ok=True)
    for each in (folder, temporary) if user else ():
        shutil.chown(each, user)
    log = folder / "server.log"
    if not (folder / "data").exists():
        words = [program("mariadb-install-db"), "--no-defaults", f"--datadir={folder / 'data'}", *as_user]
        words += [f"--tmpdir={temporary}"]
        words += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        keeper.prepare(words)
    words = [program("mariadbd"), "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={folder / 'socket'}"]
    words += [f"--tmpdir={temporary}", "--skip-networking", "--max-connections=300", *as_user, *_FAST, *options]
    with keeper.serving(words, log, lambda: execute(folder, "SELECT 1"), pymysql.MySQLError) as process:
        execute(folder, f"GRANT ALL ON *.* TO {USER}@localhost IDENTIFIED BY '{PASSWORD}'")
        yield process


def execute(folder: Path, statement: str) -> None:
    """As the server's root."""
    connection = pymysql.connect(unix_socket=str(folder / "socket"), user="root", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def create_database(folder: Path, name: str) -> str:
    """A new database's URL, as Glance would have it."""
    execute(folder, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb3")
    return f"mysql+pymysql://{USER}:{PASSWORD}@localhost/{name}?unix_socket={folder / 'socket'}&charset=utf8"


def drop_database(folder: Path, name: str) -> None:
    execute(folder, f"DROP DATABASE IF EXISTS `{name}`")


if __name__ == "__main__":
    keeper.keep(Path(sys.argv[1]), running)
