"""A real Keystone (fernet tokens, SQLite, one process) for tests: users, projects, roles, and a catalogue entry.

SQLite lets Keystone answer two writers at once with "database is locked", so one process serves alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.backends.imported import imported
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

#: What a deployment sets up once, beside the service's own user: a project for each, and the role in it.
PEOPLE = {"alice": "member", "bob": "member", "rita": "reader"}


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
        found = self.call("GET", f"services?type={kind}")["services"]
        service = found[0] if found else self.made("service", name=f"glance {kind}", type=kind)
        for endpoint in self.call("GET", f"endpoints?service_id={service['id']}")["endpoints"]:
            self.call("DELETE", f"endpoints/{endpoint['id']}")
        for interface in ("public", "internal", "admin"):
            self.made("endpoint", service_id=service["id"], interface=interface, region_id="RegionOne", url=image_url)

    def add_users(self) -> None:
        """The service's user, and `PEOPLE`."""
        roles = {role["name"]: role["id"] for role in self.call("GET", "roles")["roles"]}
        for role in {"admin", "service"} - roles.keys():
            roles[role] = self.made("role", name=role)["id"]
        self.add_user("glance", [roles["admin"], roles["service"]])
        for name, role in PEOPLE.items():
            self.projects[name] = self.add_user(name, [roles[role]])

    def add_user(self, name: str, roles: Sequence[str]) -> str:
        """With a project of its own, whose id is returned."""
        project = self.made("project", name=self.project_name(name), domain_id="default")["id"]
        user = self.made("user", name=name, password=SECRET, domain_id="default", default_project_id=project)["id"]
        for role in roles:
            self.call("PUT", f"projects/{project}/users/{user}/roles/{role}")
        return str(project)

    def made(self, kind: str, **fields: object) -> dict[str, Any]:
        made: dict[str, Any] = self.call("POST", f"{kind}s", {kind: fields})[kind]
        return made

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
    url = f"http://127.0.0.1:{free_port()}/v3"
    keystone = Keystone(url, folder)
    keystone.configure()
    manage(venv, folder / "keystone.conf", url)
    (folder / "wsgi.py").write_text(
        "from keystone.server.wsgi import initialize_public_application\n"
        "application = initialize_public_application()\n"
    )
    try:
        keystone.start()
        keystone.add_users()
        yield keystone
    finally:
        keystone.stop()


def manage(venv: Path, conf: Path, url: str) -> None:
    user, group = str(os.getuid()), str(os.getgid())
    keys = ["--keystone-user", user, "--keystone-group", group]
    bootstrap = ["bootstrap", "--bootstrap-password", SECRET, "--bootstrap-region-id", "RegionOne"]
    for interface in ("admin", "public", "internal"):
        bootstrap += [f"--bootstrap-{interface}-url", url]
    with imported(venv, "import keystone.cmd.manage") as commands:
        for arguments in (["db_sync"], ["fernet_setup", *keys], ["credential_setup", *keys], bootstrap):
            ran = commands.run("keystone-manage", ["--config-file", str(conf), *arguments], os.environ)
            assert ran.code == 0, f"keystone-manage {arguments[0]}: {ran.err[-2000:]}"
