"""The real Glance 33 under uWSGI, from the peers' environment: two file stores, a read-only one, its cache.

`Glance` is its folder: configuration, files, log. It can be started on it as often as one likes; benchmarks and tests
use the same.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.backends.imported import shared
from tests.backends.processes import CannotStart, free_port, process, wait_until_serving

#: Of paste's pipelines, one more than Glance ships: who asks is read from identity headers, as behind `authtoken`, so
#: that several projects can be had without a Keystone.
HEADERS = "headers"
_PIPELINE = "cors http_proxy_to_wsgi versionnegotiation context cache cachemanage rootapp"
_COMPOSITE = """\
[composite:glance-api-headers]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck
"""

#: The file that distributions install beside the configuration; the package on PyPI has none.
SCHEMA = {
    "kernel_id": {"type": ["null", "string"], "description": "The kernel's image."},
    "ramdisk_id": {"type": ["null", "string"], "description": "The ramdisk's image."},
    "os_distro": {"type": "string", "description": "The distribution's short name."},
}

CONF = """\
[DEFAULT]
log_file = {folder}/glance.log
enabled_backends = fast:file, slow:file, web:http
enabled_import_methods = [glance-direct,web-download,copy-image]
image_cache_dir = {folder}/cache
worker_self_reference_url = http://127.0.0.1:{port}
{default}
[database]
connection = {connection}
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {folder}/images
weight = 10
[slow]
filesystem_store_datadir = {folder}/slow
[web]
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[paste_deploy]
flavor = {flavor}
config_file = {folder}/etc/glance-api-paste.ini
[oslo_policy]
policy_file = {folder}/etc/policy.yaml
enforce_scope = {strict}
enforce_new_defaults = {strict}
{more}"""


@dataclass(frozen=True)
class Glance:
    """`connection` is a SQLAlchemy URL; None: SQLite in the folder."""

    folder: Path
    venv: Path
    port: int
    connection: str | None = None
    flavor: str = "caching"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url_of_database(self) -> str:
        return self.connection or f"sqlite:///{self.folder}/glance.sqlite"

    @property
    def conf(self) -> Path:
        return self.folder / "etc" / "glance-api.conf"

    def configure(self, default: str = "", more: str = "") -> None:
        """Write the configuration. `default`: more lines of [DEFAULT]; `more`: more sections."""
        for name in ("etc", "images", "slow", "staging", "tasks", "cache"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        text = CONF.format(
            folder=self.folder,
            port=self.port,
            connection=self.url_of_database,
            flavor=self.flavor,
            strict=str(self.flavor == HEADERS).lower(),
            default=default,
            more=more,
        )
        self.conf.write_text(text)
        (self.folder / "etc" / "policy.yaml").write_text("{}\n")
        (self.folder / "etc" / "schema-image.json").write_text(json.dumps(SCHEMA))
        paste = next(self.venv.rglob("glance-api-paste.ini")).read_text()
        line = "paste.composite_factory = glance.api:pipeline_factory\n"
        (self.folder / "etc" / "glance-api-paste.ini").write_text(
            _COMPOSITE + paste.replace(line, f"{line}{HEADERS} = {_PIPELINE}\n")
        )

    def load_metadefs(self, most: int = 4) -> None:
        """Some of the definitions that Glance ships."""
        folder = self.folder / "etc" / "metadefs"
        folder.mkdir(exist_ok=True)
        for file in sorted((self.venv / "etc/glance/metadefs").glob("*.json"))[:most]:
            shutil.copy(file, folder)
        self.manage("db_load_metadefs", str(folder))

    def manage(self, *arguments: str) -> str:
        """Raises CannotStart."""
        words = ["--config-file", str(self.conf), *arguments]
        done = shared(self.venv, "import glance.cmd.manage").run("glance-manage", words, os.environ)
        if done.code:
            raise CannotStart(f"glance-manage {' '.join(arguments)}: {done.out[-500:]}{done.err[-2000:]}")
        return done.out

    @contextmanager
    def running(self, workers: int = 1, threads: int = 8) -> Iterator[subprocess.Popen[bytes]]:
        """Raises CannotStart."""
        log = self.folder / "uwsgi.log"
        command = [str(self.venv / "bin/uwsgi"), "--http-socket", f"127.0.0.1:{self.port}", "--master"]
        command += ["--processes", str(workers), "--threads", str(threads), "--enable-threads", "--lazy-apps"]
        command += ["--die-on-term", "--buffer-size", "65535", "--add-header", "Connection: close"]
        command += ["--chunked-input-limit", "16777216", "--chunked-input-timeout", "60"]
        command += ["--venv", str(self.venv), "--module", "glance.wsgi.api:application"]
        environment = os.environ | {
            "OS_GLANCE_CONFIG_DIR": str(self.folder / "etc"),
            "OS_GLANCE_CONFIG_FILES": "glance-api.conf",
        }
        with process(command, log, environment) as started:
            wait_until_serving(f"{self.url}/healthcheck", started, log)
            yield started
            kill(started)  # uWSGI's way of ending waits for seconds


def kill(started: subprocess.Popen[bytes]) -> None:
    """As a power cut would: what it was doing stays undone. `started` leads a process group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        while True:  # its workers hold the port until they are gone too, which SIGKILL does not leave to them
            os.killpg(started.pid, 0)
            time.sleep(0.01)


def new_glance(folder: Path, venv: Path, connection: str | None = None, flavor: str = "caching") -> Glance:
    """Configured, and its tables made, unless they are there."""
    glance = Glance(folder, venv, free_port(), connection, flavor)
    glance.configure()
    glance.manage("db_sync")
    return glance
