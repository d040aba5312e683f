"""Starts what is measured: the real Glance under uWSGI, glancetui, and nginx. Each ends with its block."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.backends.glance import new_glance
from tests.backends.processes import CannotStart, free_port, process, wait_until_serving


class Server(NamedTuple):
    name: str
    host: str
    port: int
    pid: int  # the root of its process tree
    headers: Mapping[str, str] = {}  # who asks, where a service wants to know

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def glancetui(
    folder: Path,
    workers: int,
    connection: str | None = None,
    *,
    name: str = "glancetui",
    role: Sequence[str] = (),
    config: str = "",
) -> Iterator[Server]:
    """Ours, as `glancetui serve --auth none` starts it; on SQLite unless `connection` is the URL of a database.
    `config`: more of its configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "serve.log"
    command = [sys.executable, "-m", "glancetui", "serve", *role, "--auth", "none", "--listen", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--data-dir", str(folder / "data")]
    if connection is not None:
        config += f"\n[database]\nconnection = {connection}\n[glancetui]\nupgrade = true\n"
    if config:
        file = folder / "serve.conf"
        file.write_text(config)
        file.chmod(0o600)
        command += ["--config-file", str(file)]
    with process(command, log) as started:
        wait_until_serving(f"http://127.0.0.1:{port}/healthcheck", started, log)
        yield Server(name, "127.0.0.1", port, started.pid)


@contextmanager
def apart(folder: Path, workers: int) -> Iterator[Server]:
    """Ours with the registry in a process of its own, reached by a unix socket. Its root is the API's process."""
    folder.mkdir(parents=True, exist_ok=True)
    socket, log = folder / "registry.sock", folder / "registry.log"
    serve = [sys.executable, "-m", "glancetui", "serve"]
    registry = [*serve, "registry", "--listen", f"unix:{socket}", "--data-dir", str(folder / "data")]
    role = ["api", "--registry", f"unix:{socket}"]
    with process(registry, log), glancetui(folder, workers, name="apart", role=role) as server:
        yield server


@contextmanager
def glance(folder: Path, workers: int, venv: Path, connection: str | None = None) -> Iterator[Server]:
    """The real Glance with file stores and its cache, without authentication; on SQLite unless told otherwise."""
    peer = new_glance(folder, venv, connection)
    with peer.running(workers) as started:
        yield Server("Glance", "127.0.0.1", peer.port, started.pid)


@contextmanager
def nginx(folder: Path, root: Path, workers: int) -> Iterator[Server]:
    """nginx serving the files of `root`: the machine's own limit for downloads."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "nginx.log"
    config = folder / "nginx.conf"
    config.write_text(NGINX_CONF.format(folder=folder, root=root, port=port, workers=workers, user=user_line()))
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if program is None:
        raise CannotStart("nginx is not installed")
    with process([program, "-p", str(folder), "-c", str(config)], log) as started:
        wait_until_serving(f"http://127.0.0.1:{port}/", started, log)
        yield Server("nginx", "127.0.0.1", port, started.pid)


def user_line() -> str:
    return "user root;" if os.geteuid() == 0 else ""


NGINX_CONF = """\
daemon off;
{user}
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {root}; }}
  }}
}}
"""
