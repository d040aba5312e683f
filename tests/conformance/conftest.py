"""A service in each way of knowing its callers, and the stock clients that are pointed at it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import pytest

from tests.backends.imported import Imported, imported
from tests.backends.keystone import Keystone
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.serving import running_server

GRUB_ISO = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
PASSWORD = "basic-secret-Wq3"
#: What `openstack` and `glance` import: the former, at every start, each module that has a command of its.
CLIENTS = """
import glanceclient.shell, glanceclient.v2.shell
from importlib import import_module, metadata
for distribution in metadata.distributions():
    for entry in distribution.entry_points:
        if entry.group.startswith("openstack."):
            import_module(entry.module)
"""


@dataclass(frozen=True)
class StockClients:
    """The unmodified `openstack` and `glance` commands against one endpoint."""

    commands: Imported
    endpoint: str
    environment: dict[str, str]
    glance_flags: tuple[str, ...] = ()
    users: dict[str, dict[str, str]] = field(default_factory=dict)

    def openstack(self, *arguments: str, user: str | None = None, fails: bool = False) -> str:
        return self.call("openstack", arguments, user, fails)

    def openstack_json(self, *arguments: str, user: str | None = None) -> object:
        return json.loads(self.openstack(*arguments, "-f", "json", user=user))

    def glance(self, *arguments: str, user: str | None = None, fails: bool = False) -> str:
        return self.call("glance", (*self.glance_flags, *arguments), user, fails)

    def python(self, script: str, *arguments: str, user: str | None = None) -> str:
        return self.call("python", ("-c", script, *arguments), user, False)

    def said(self, program: str, *commands: str, user: str | None = None) -> list[str]:
        """What each command line prints. One that begins with `! ` is to fail; then it is what it says about that."""
        ask = {"openstack": self.openstack, "glance": self.glance}[program]
        return [
            ask(*shlex.split(command.removeprefix("! ")), user=user, fails=command.startswith("! "))
            for command in commands
        ]

    def call(self, program: str, arguments: tuple[str, ...], user: str | None, fails: bool) -> str:
        ran = self.commands.run(program, arguments, self.environment_of(program, user))
        assert (ran.code != 0) == fails, f"{program} {' '.join(arguments)}: {ran.code}\n{ran.err[-3000:]}"
        return ran.err if fails else ran.out

    def environment_of(self, program: str, user: str | None = None) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        environment = clean | self.environment | (self.users[user] if user else {})
        if program == "glance" and environment.get("OS_AUTH_TYPE") == "none":
            del environment["OS_AUTH_TYPE"]  # glanceclient wants a user for any type; without one its flags suffice
        return environment


@pytest.fixture(scope="session")
def venv() -> Path:
    try:
        return peer_venv()
    except PeerUnavailable as error:
        pytest.skip(f"the stock clients cannot be installed: {error}")


@pytest.fixture(scope="session")
def stock(venv: Path) -> Iterator[Imported]:
    with imported(venv, CLIENTS) as commands:
        yield commands


@pytest.fixture(scope="session")
def iso() -> Path:
    if not GRUB_ISO.exists():
        pytest.skip("no real ISO here: Debian's grub-rescue-pc is not installed")
    return GRUB_ISO


@pytest.fixture(scope="session")
def qcow2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed")
    raw, image = (tmp_path_factory.mktemp("images") / name for name in ("disk.raw", "disk.qcow2"))
    raw.write_bytes(os.urandom(3 << 20) + bytes(5 << 20))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image)], check=True)
    return image


@pytest.fixture(scope="module")
def no_auth(stock: Imported, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockClients]:
    with running_server(tmp_path_factory.mktemp("none"), auth="none") as server:
        yield StockClients(
            stock,
            server.endpoint,
            {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": server.endpoint},
            glance_flags=("--os-image-url", server.endpoint, "--os-auth-token", "unused"),
        )


@pytest.fixture(scope="module")
def basic_auth(stock: Imported, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockClients]:
    folder = tmp_path_factory.mktemp("basic")
    passwords, identities = folder / "htpasswd", folder / "identities"
    digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    passwords.write_text(f"root:{digest}\nalice:{digest}\n")
    identities.write_text("root:admin-project:admin,member,reader\nalice:alice-project:member,reader\n")
    config = f"[glancetui]\nhtpasswd_file = {passwords}\nidentity_file = {identities}\n"
    with running_server(folder, auth="basic", config=config) as server:
        # With this type clients discover no versions, so the endpoint names one.
        login = {"OS_AUTH_TYPE": "http_basic", "OS_ENDPOINT": f"{server.endpoint}/v2", "OS_PASSWORD": PASSWORD}
        yield StockClients(
            stock,
            server.endpoint,
            login | {"OS_USERNAME": "root"},
            users={"alice": login | {"OS_USERNAME": "alice"}},
        )


@pytest.fixture(scope="module")
def keystone_auth(
    stock: Imported, keystone: Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StockClients]:
    folder = tmp_path_factory.mktemp("service")
    with running_server(folder, auth="keystone", config=keystone.service_options()) as service:
        keystone.put_into_catalogue(service.endpoint)
        users = {name: keystone.environment(name) for name in keystone.projects}
        yield StockClients(stock, service.endpoint, keystone.environment(), users=users)
