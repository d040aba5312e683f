"""A real Keystone (fernet tokens, SQLite, one process) for tests: users, projects, roles, and a catalogue entry.

SQLite lets Keystone answer two writers at once with "database is locked", so one process serves alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.backends.peer import peer_venv
from tests.backends.processes import free_port, wait_until_serving

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
kind = os.environ["IMAGE_TYPE"]
service = next(i.services(type=kind), None) or i.create_service(name=f"glance {kind}", type=kind)
for endpoint in i.endpoints(service_id=service.id):
    i.delete_endpoint(endpoint)
for interface in ("public", "internal", "admin"):
    i.create_endpoint(service_id=service.id, interface=interface, region_id="RegionOne", url=os.environ["IMAGE_URL"])
"""


@dataclass
class Keystone:
    url: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    projects: dict[str, str] = field(default_factory=dict)  # user name → project id
    tokens: dict[str, str] = field(default_factory=dict)  # of `call`

    def configure(self, expiration: int = 14400) -> None:
        """Takes effect at the next start. `expiration` of tokens in seconds."""
        (self.folder / "keystone.conf").write_text(CONF.format(folder=self.folder, expiration=expiration))

    def start(self) -> None:
        """On the same port and with the same data as before. Raises PeerUnavailable."""
        venv = peer_venv()
        conf = str(self.folder / "keystone.conf")
        environment = {**os.environ, "OS_KEYSTONE_CONFIG_DIR": str(self.folder), "OS_KEYSTONE_CONFIG_FILES": conf}
        command = [
            str(venv / "bin/uwsgi"), "--http-socket", self.url.removeprefix("http://").removesuffix("/v3"), "--master",
            "--processes", "1", "--enable-threads", "--wsgi-file", str(self.folder / "wsgi.py"), "--venv", str(venv),
            "--die-on-term", "--buffer-size", "65535", "--add-header", "Connection: close",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_until_serving(self.url, self.process, self.log)

    def stop(self) -> None:
        """Idempotent."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def restart(self, expiration: int = 14400) -> None:
        """As `configure`, at once."""
        self.stop()
        self.configure(expiration)
        self.start()

    @property
    def log(self) -> Path:
        """One line for each request."""
        return self.folder / "uwsgi.log"

    def token(self, user: str = "admin") -> str:
        """A new token, for the user's own project."""
        named = {"name": user, "domain": {"id": "default"}, "password": SECRET}
        project = {"name": self.project_name(user), "domain": {"id": "default"}}
        identity = {"methods": ["password"], "password": {"user": named}}
        body = json.dumps({"auth": {"identity": identity, "scope": {"project": project}}}).encode()
        request = urllib.request.Request(
            f"{self.url}/auth/tokens", body, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.headers["X-Subject-Token"])

    @staticmethod
    def project_name(user: str) -> str:
        return {"admin": "admin", "glance": "service"}.get(user, f"{user}-project")

    def environment(self, user: str = "admin") -> dict[str, str]:
        """What `source openrc` would set for this user."""
        return {
            "OS_AUTH_URL": self.url,
            "OS_USERNAME": user,
            "OS_PASSWORD": SECRET,
            "OS_PROJECT_NAME": self.project_name(user),
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": "RegionOne",
        }

    def put_into_catalogue(self, image_url: str, kind: str = "image") -> None:
        """Clients that ask this Keystone for a service of this type are sent to `image_url`."""
        more = {"IMAGE_URL": image_url, "IMAGE_TYPE": kind}
        run([str(peer_venv() / "bin/python"), "-c", CATALOGUE], self.environment() | more)

    def call(self, method: str, path: str, body: object = None, user: str = "admin") -> Any:
        """The JSON of an answer of its API below /v3, None where it is empty. Raises HTTPError."""
        sent = None if body is None else json.dumps(body).encode()
        if user not in self.tokens:
            self.tokens[user] = self.token(user)
        headers = {"Content-Type": "application/json", "X-Auth-Token": self.tokens[user]}
        request = urllib.request.Request(f"{self.url}/{path}", sent, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def limit_options(self, endpoint: str) -> str:
        """The [oslo_limit] section of the service."""
        return (
            self.service_options().replace("[keystone_authtoken]\nwww_authenticate_uri", "[oslo_limit]\n#")
            + f"endpoint_id = {endpoint}\n"
        )

    def service_options(self) -> str:
        """The [keystone_authtoken] section of the service."""
        return (
            "[keystone_authtoken]\n"
            f"www_authenticate_uri = {self.url}\nauth_url = {self.url}\nauth_type = password\nusername = glance\n"
            f"password = {SECRET}\nproject_name = service\nuser_domain_name = Default\nproject_domain_name = Default\n"
        )


@contextmanager
def running_keystone(folder: Path) -> Iterator[Keystone]:
    """Raises PeerUnavailable where it cannot be installed."""
    venv = peer_venv()
    folder.mkdir(parents=True, exist_ok=True)
    conf, port = folder / "keystone.conf", free_port()
    url = f"http://127.0.0.1:{port}/v3"
    keystone = Keystone(url, folder)
    keystone.configure()
    manage(venv, conf, url)
    (folder / "wsgi.py").write_text(
        "from keystone.server.wsgi import initialize_public_application\n"
        "application = initialize_public_application()\n"
    )
    try:
        keystone.start()
        keystone.projects = set_up(venv, keystone)
        yield keystone
    finally:
        keystone.stop()


def manage(venv: Path, conf: Path, url: str) -> None:
    user, group = str(os.getuid()), str(os.getgid())
    keys = ["--keystone-user", user, "--keystone-group", group]
    bootstrap = ["bootstrap", "--bootstrap-password", SECRET, "--bootstrap-region-id", "RegionOne"]
    for interface in ("admin", "public", "internal"):
        bootstrap += [f"--bootstrap-{interface}-url", url]
    for arguments in (["db_sync"], ["fernet_setup", *keys], ["credential_setup", *keys], bootstrap):
        run([str(venv / "bin/keystone-manage"), "--config-file", str(conf), *arguments], {})


def set_up(venv: Path, keystone: Keystone) -> dict[str, str]:
    lines = run([str(venv / "bin/python"), "-c", SETUP], keystone.environment()).splitlines()
    return {name: project for name, project, _ in (line.split() for line in lines)}


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"
    return done.stdout
