"""A cloud as small as it can be: a real Keystone, one image service in its catalogue, and a place to download from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backends.glance import new_glance
from tests.backends.keystone import Keystone, running_keystone
from tests.backends.processes import free_port, process, wait_until_serving
from tests.serving import running_server

OURS, THEIRS = "glancetui", "Glance 33"

#: What both services are told, in the same words. The ports and hosts are of the place to download from.
SHARED = """\
[import_filtering_opts]
allowed_ports = [80,443,{port}]
allowed_hosts = [127.0.0.1]
[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
"""

CONF = """\
[DEFAULT]
enabled_backends = fast:file, slow:file, web:http
enabled_import_methods = [glance-direct,web-download,copy-image]
image_cache_dir = {folder}/cache
worker_self_reference_url = {url}
[database]
connection = sqlite:///{images}/glance.sqlite
[glancetui]
upgrade = true
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {images}/fast
[slow]
filesystem_store_datadir = {images}/slow
[web]
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[paste_deploy]
flavor = keystone+cachemanagement
"""


@dataclass(frozen=True)
class Form:
    """`options`: more of the configuration, in the same words for both. `other`: the type in the catalogue of a second
    service, which shares database and stores with the first; empty: there is none."""

    options: str = ""
    other: str = ""


PLAIN = Form()
#: What PLAIN leaves off, so that suites skip what is for it. The store whose name comes first is the heavier one:
#: some tests want an image's stores in the order of names, others in that of weights.
FULL = Form(
    """\
[DEFAULT]
enabled_import_methods = [glance-direct,web-download,copy-image,glance-download]
show_multiple_locations = true
show_image_direct_url = true
do_secure_hash = false
[image_format]
require_image_format_match = false
[fast]
weight = 20
[slow]
weight = 10
""",
    other="image-remote",
)


@dataclass(frozen=True)
class Stage:
    """`downloads` is the address of a folder that has disk.raw and disk.qcow2 of one MiB."""

    keystone: Keystone
    image_url: str
    downloads: str
    form: Form


@contextmanager
def stage(who: str, folder: Path, venv: Path, form: Form) -> Iterator[Stage]:
    """`who`: OURS or THEIRS. Raises PeerUnavailable, CannotStart."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        running_keystone(folder / "keystone") as keystone,
        web_folder(folder / "www") as downloads,
        ExitStack() as running,
    ):
        shared = keystone.service_options() + SHARED.format(port=downloads.rsplit(":", 1)[1]) + form.options
        serving = our_service if who == OURS else their_service
        first = folder / "service"
        url = running.enter_context(serving(first, venv, shared, first))
        keystone.put_into_catalogue(url)
        if form.other:
            keystone.put_into_catalogue(
                running.enter_context(serving(folder / "other", venv, shared, first)), form.other
            )
        yield Stage(keystone, url, downloads, form)


@contextmanager
def our_service(folder: Path, venv: Path, shared: str, images: Path) -> Iterator[str]:
    """`images`: the folder of the service whose database and stores it uses, its own or another's."""
    for name in ("staging", "tasks", "cache"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("fast", "slow"):
        (images / name).mkdir(exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    text = CONF.format(folder=folder, url=url, images=images) + shared
    listen = (f"127.0.0.1:{port}",)
    with running_server(folder, auth="keystone", workers=2, config=text, listen=listen):
        load = [sys.executable, "-m", "glancetui", "db", "load-metadefs", "--config-file"]
        subprocess.run([*load, str(folder / "glancetui.conf")], check=True, capture_output=True)
        yield url


@contextmanager
def their_service(folder: Path, venv: Path, shared: str, images: Path) -> Iterator[str]:
    """`images`: as of `our_service`."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = f"sqlite:///{images}/glance.sqlite"
    glance = new_glance(folder, venv, connection, flavor="keystone+cachemanagement")
    stores = f"""\
[fast]
filesystem_store_datadir = {images}/images
[slow]
filesystem_store_datadir = {images}/slow
"""
    glance.configure(more=stores + shared)
    if images == folder:
        glance.load_metadefs(most=100)
    with glance.running():
        yield glance.url


@contextmanager
def web_folder(folder: Path) -> Iterator[str]:
    """Its address, without a slash at the end."""
    folder.mkdir()
    (folder / "disk.raw").write_bytes(bytes(range(256)) * 4096)
    convert = ["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2"]
    subprocess.run([*convert, str(folder / "disk.raw"), str(folder / "disk.qcow2")], check=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), str(port)]
    log = folder.with_suffix(".log")
    with process(command, log) as started:
        wait_until_serving(url, started, log)
        yield url
