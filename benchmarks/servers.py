"""Starts what is measured: the real Glance under uWSGI, glancetui, and nginx. Each ends with its block."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

START_SECONDS = 60
STOP_SECONDS = 20


class Server(NamedTuple):
    name: str
    host: str
    port: int
    pid: int  # the root of its process tree

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class CannotStart(Exception):
    """The message has the end of the program's log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen]:
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


def wait_until_serving(url: str, started: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return  # an answer is an answer
        except OSError:
            time.sleep(0.1)
        else:
            return
    tail = log.read_text(errors="replace")[-2000:]
    raise CannotStart(f"{url} does not answer. The end of {log}:\n{tail}")


@contextmanager
def glancetui(folder: Path, workers: int) -> Iterator[Server]:
    """Ours, as `glancetui serve --auth none` starts it."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "serve.log"
    command = [sys.executable, "-m", "glancetui", "serve", "--auth", "none", "--listen", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--data-dir", str(folder / "data")]
    with process(command, log) as started:
        wait_until_serving(f"http://127.0.0.1:{port}/healthcheck", started, log)
        yield Server("glancetui", "127.0.0.1", port, started.pid)


@contextmanager
def glance(folder: Path, workers: int, venv: Path) -> Iterator[Server]:
    """The real Glance with SQLite, a file store and its cache, without authentication."""
    prepare_glance(folder, venv)
    port, log = free_port(), folder / "uwsgi.log"
    command = [str(venv / "bin/uwsgi"), "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", str(workers)]
    command += ["--threads", "8", "--enable-threads", "--lazy-apps", "--die-on-term", "--buffer-size", "65535"]
    command += ["--add-header", "Connection: close", "--venv", str(venv), "--module", "glance.wsgi.api:application"]
    environment = os.environ | {
        "OS_GLANCE_CONFIG_DIR": str(folder / "etc"),
        "OS_GLANCE_CONFIG_FILES": "glance-api.conf",
    }
    with process(command, log, environment) as started:
        wait_until_serving(f"http://127.0.0.1:{port}/healthcheck", started, log)
        yield Server("Glance", "127.0.0.1", port, started.pid)


def prepare_glance(folder: Path, venv: Path) -> None:
    """Configuration and an empty database, unless they are there."""
    for name in ("etc", "images", "staging", "tasks", "cache"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    config = folder / "etc" / "glance-api.conf"
    config.write_text(GLANCE_CONF.format(folder=folder))
    (folder / "etc" / "policy.yaml").write_text("{}\n")
    shutil.copy(next(venv.rglob("glance-api-paste.ini")), folder / "etc")
    command = [str(venv / "bin/glance-manage"), "--config-file", str(config), "db_sync"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStart(f"glance-manage db_sync: {done.stderr[-2000:]}")


GLANCE_CONF = """\
[DEFAULT]
log_file = {folder}/glance.log
enabled_backends = fast:file
image_cache_dir = {folder}/cache
[database]
connection = sqlite:///{folder}/glance.sqlite
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/images
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[paste_deploy]
flavor = caching
config_file = {folder}/etc/glance-api-paste.ini
[oslo_policy]
policy_file = {folder}/etc/policy.yaml
enforce_scope = false
enforce_new_defaults = false
"""


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
