"""A real nginx on loopback that serves the files of a folder, plainly and under TLS with an authority of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backends.processes import free_port, process, wait_until_serving

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
CONFIG = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
{user}
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
  server {{
    listen 127.0.0.1:{tls_port} ssl; root {root};
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
  }}
}}
"""


class NotInstalled(Exception):
    """The message says what to install."""


@dataclass
class Nginx:
    port: int
    tls_port: int
    root: Path
    authority: Path  # certificate of the authority that vouches for 127.0.0.1

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def tls_url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.tls_port}/{path}"


class Nginxes:
    """One server that can be taken away and brought back, at the same ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = (free_port(), free_port())
        self._running = ExitStack()
        self.now = self._running.enter_context(running_nginx(folder, self._ports))

    @contextmanager
    def away(self) -> Iterator[None]:
        self._running.close()
        try:
            yield
        finally:
            self.now = self._running.enter_context(running_nginx(self._folder, self._ports))

    def close(self) -> None:
        self._running.close()


@contextmanager
def running_nginx(folder: Path, ports: tuple[int, int] | None = None) -> Iterator[Nginx]:
    """Serves `folder/root`. A second call with the same folder goes on. Raises NotInstalled, CannotStart."""
    program = shutil.which("nginx", path=_PATH)
    if program is None or shutil.which("openssl") is None:
        raise NotInstalled("nginx or openssl is not installed (Debian: nginx-light, openssl)")
    found = Nginx(*(ports or (free_port(), free_port())), folder / "root", folder / "ca.pem")
    found.root.mkdir(exist_ok=True)
    if not found.authority.exists():
        make_certificates(folder)
    user = "user root;" if os.getuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        CONFIG.format(folder=folder, port=found.port, tls_port=found.tls_port, root=found.root, user=user)
    )
    log = folder / "nginx.log"
    with process([program, "-p", str(folder), "-c", str(config), "-e", "stderr"], log) as started:
        wait_until_serving(found.url(""), started, log)
        yield found


def make_certificates(folder: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *curve, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "names",
        "-out", "server.pem",
    )  # fmt: skip
