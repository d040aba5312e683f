"""A real Keystone (fernet tokens, SQLite, one process) for tests: users, projects, roles, and a catalogue entry.

SQLite lets Keystone answer two writers at once with "database is locked", so one process serves alone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backends.peer import peer_venv

SECRET = "keystone-secret-Zq7"

CONF = """\
[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.sqlite
[token]
provider = fernet
expiration = {expiration}
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[identity]
password_hash_rounds = 4
[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
"""

# What a deployment sets up once: the service user, and three projects with a user in each.
SETUP = """
import os, openstack
i = openstack.connect().identity
project = i.create_project(name="service", domain_id="default")
password = os.environ["OS_PASSWORD"]
user = i.create_user(name="glance", password=password, domain_id="default", default_project_id=project.id)
for name in ("admin", "service"):
    role = i.find_role(name) or i.create_role(name=name)
    i.assign_project_role_to_user(project, user, role)
for name, roles in (("alice", ("member",)), ("bob", ("member",)), ("rita", ("reader",))):
    project = i.create_project(name=name + "-project", domain_id="default")
    user = i.create_user(name=name, password=os.environ["OS_PASSWORD"], domain_id="default")
    for role in roles:
        i.assign_project_role_to_user(project, user, i.find_role(role))
    print(name, project.id, user.id)
"""


CATALOGUE = """
import os, openstack
i = openstack.connect().identity
service = i.create_service(name="glance", type="image")
for interface in ("public", "internal", "admin"):
    i.create_endpoint(service_id=service.id, interface=interface, region_id="RegionOne", url=os.environ["IMAGE_URL"])
"""


@dataclass(frozen=True)
class Keystone:
    url: str
    pid: int
    projects: dict[str, str]  # user name → project id

    def environment(self, user: str = "admin") -> dict[str, str]:
        """What `source openrc` would set for this user."""
        return {
            "OS_AUTH_URL": self.url,
            "OS_USERNAME": user,
            "OS_PASSWORD": SECRET,
            "OS_PROJECT_NAME": "admin" if user == "admin" else f"{user}-project",
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": "RegionOne",
        }

    def put_into_catalogue(self, image_url: str) -> None:
        """Clients that ask this Keystone for an image service are sent to `image_url`."""
        run([str(peer_venv() / "bin/python"), "-c", CATALOGUE], self.environment() | {"IMAGE_URL": image_url})

    def service_options(self) -> str:
        """The [keystone_authtoken] section of the service."""
        return (
            "[keystone_authtoken]\n"
            f"www_authenticate_uri = {self.url}\nauth_url = {self.url}\nauth_type = password\nusername = glance\n"
            f"password = {SECRET}\nproject_name = service\nuser_domain_name = Default\nproject_domain_name = Default\n"
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running_keystone(folder: Path, expiration: int = 14400) -> Iterator[Keystone]:
    """Raises PeerUnavailable where it cannot be installed. `expiration` of tokens in seconds."""
    venv = peer_venv()
    folder.mkdir(parents=True, exist_ok=True)
    conf, port = folder / "keystone.conf", free_port()
    url = f"http://127.0.0.1:{port}/v3"
    conf.write_text(CONF.format(folder=folder, expiration=expiration))
    manage(venv, conf, url)
    (folder / "wsgi.py").write_text(
        "from keystone.server.wsgi import initialize_public_application\n"
        "application = initialize_public_application()\n"
    )
    environment = {**os.environ, "OS_KEYSTONE_CONFIG_DIR": str(folder), "OS_KEYSTONE_CONFIG_FILES": str(conf)}
    command = [
        str(venv / "bin/uwsgi"), "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "1",
        "--enable-threads", "--wsgi-file", str(folder / "wsgi.py"), "--venv", str(venv), "--die-on-term",
        "--buffer-size", "65535", "--add-header", "Connection: close",
    ]  # fmt: skip
    with (folder / "uwsgi.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until_answers(url, process)
        yield Keystone(url, process.pid, set_up(venv, url))
    finally:
        process.terminate()
        process.wait(20)


def manage(venv: Path, conf: Path, url: str) -> None:
    user, group = str(os.getuid()), str(os.getgid())
    keys = ["--keystone-user", user, "--keystone-group", group]
    bootstrap = ["bootstrap", "--bootstrap-password", SECRET, "--bootstrap-region-id", "RegionOne"]
    for interface in ("admin", "public", "internal"):
        bootstrap += [f"--bootstrap-{interface}-url", url]
    for arguments in (["db_sync"], ["fernet_setup", *keys], ["credential_setup", *keys], bootstrap):
        run([str(venv / "bin/keystone-manage"), "--config-file", str(conf), *arguments], {})


def set_up(venv: Path, url: str) -> dict[str, str]:
    lines = run([str(venv / "bin/python"), "-c", SETUP], Keystone(url, 0, {}).environment()).splitlines()
    return {name: project for name, project, _ in (line.split() for line in lines)}


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"
    return done.stdout


def wait_until_answers(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "Keystone ended while starting"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)  # the pause of a poll with a deadline
    raise AssertionError(f"no answer from {url} within {seconds} s")
