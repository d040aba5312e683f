"""Runs tests of `glance.tests.functional` in the suites' environment; ours takes the place of the in-process service.

A test's configuration of Glance, policy file and folders are handed to a service of ours in a process of its own, on a
unix socket, and each request of the test is sent there. The test bodies and what they expect stay as they are. It has
no other imports of this project, because it runs in an environment that does not have it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import webob
from glance.tests import functional
from oslo_config import cfg
from oslo_db import options as database_options

CONF = cfg.CONF
PATIENCE = 30
_LEFT_OUT = {("DEFAULT", "config_file"), ("DEFAULT", "config_dir"), ("DEFAULT", "log_file"), ("DEFAULT", "debug")}
_LEFT_OUT |= {("oslo_policy", "policy_dirs")}


class Ours:
    """One service of ours, for one test."""

    def __init__(self, command: list[str], test: Any, fake_auth: bool) -> None:
        self.folder = Path(test.test_dir)
        self.socket = self.folder / "ours.sock"
        self.fake_auth = fake_auth
        configuration = self.folder / "ours.conf"
        configuration.write_text(ini(options(test)))
        self.log = self.folder / "ours.log"
        arguments = ["serve", "--auth", "headers", "--listen", f"unix:{self.socket}"]
        arguments += ["--data-dir", str(self.folder / "ours"), "--config-file", str(configuration)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*command, *arguments], stdout=subprocess.PIPE, stderr=errors, cwd=self.folder, env=environment
            )
        assert self.process.stdout is not None
        if b"serving" not in self.process.stdout.readline():
            raise AssertionError(f"the service did not start: {self.log.read_text()[-500:]}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    def call(self, request: Any) -> Any:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-length"}
        }
        if self.fake_auth:
            headers = identified(headers)
        body = request.body
        if body or request.method in {"PUT", "POST", "PATCH"}:
            headers["Content-Length"] = str(len(body))
        connection = UnixConnection(str(self.socket))
        connection.request(request.method, request.path_qs, body or None, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        response = webob.Response(status=f"{answer.status} {answer.reason}", body=data)
        response.headers.clear()
        for name, value in answer.getheaders():
            response.headers.add(name, value)
        if answer.status != http.client.NO_CONTENT:
            response.headers["Content-Length"] = str(len(data))
        return response


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def identified(headers: dict[str, str]) -> dict[str, str]:
    """What the tests' stand-in for Keystone makes of a token `user:project:role`."""
    parts = headers.get("X-Auth-Token", "").split(":")
    if len(parts) != 3:
        return headers
    user, project, role = parts
    own = {"x-user-id", "x-tenant-id", "x-project-id", "x-roles"}
    kept = {name: value for name, value in headers.items() if name.lower() not in own}
    found = {"X-User-Id": user, "X-Roles": role, "X-Identity-Status": "Confirmed"}
    return kept | found | ({} if project.lower() == "none" else {"X-Tenant-Id": project})


def options(test: Any) -> dict[str, dict[str, Any]]:
    """What the test has set in Glance's configuration, defaults that tests change included."""
    found: dict[str, dict[str, Any]] = {"DEFAULT": {}, "database": {}, "oslo_policy": {}}
    for group, known in [("DEFAULT", CONF._opts), *((name, group._opts) for name, group in CONF._groups.items())]:
        for info in known.values():
            name = info["opt"].dest
            if (group, name) not in _LEFT_OUT and ("override" in info or "default" in info):
                found.setdefault(group, {})[name] = info.get("override", info.get("default"))
    found["database"]["connection"] = f"sqlite:///{test.test_dir}/ours.sqlite"
    policy = Path(test.test_dir) / "ours-policy.yaml"
    if not policy.exists():
        policy.write_text("{}\n")
    found["oslo_policy"] |= {"policy_file": str(policy), "enforce_new_defaults": True}
    return found


def ini(sections: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{option} = {text(value)}" for option, value in values.items() if value is not None]
    return "\n".join([*lines, "[glancetui]", "adopt = true", "upgrade = true", ""])


def text(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{item}" for key, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def exchange_the_service(command: list[str]) -> None:
    base = functional.SynchronousAPIBase

    def start_server(self: Any, enable_cache: bool = True, set_worker_url: bool = True, **more: Any) -> None:
        stop(self)
        if set_worker_url:
            self.config(worker_self_reference_url="http://workerx")
        if enable_cache or more.get("enable_version_negotiation"):
            self.config(image_cache_dir=self._store_dir("cache"))
        self.ours = Ours(command, self, fake_auth=bool(more.get("use_fake_auth")))
        self.addCleanup(stop, self)

    def stop(self: Any) -> None:
        if (ours := getattr(self, "ours", None)) is not None:
            ours.stop()
            self.ours = None

    def set_policy_rules(self: Any, rules: dict[str, str]) -> None:
        whole = Path(self.test_dir) / "ours-policy.new"
        whole.write_text(json.dumps(rules))
        whole.replace(Path(self.test_dir) / "ours-policy.yaml")

    base.start_server = start_server
    base._call_api = lambda self, request: self.ours.call(request)
    for name in [name for name in sys.modules if name.startswith("glance.tests.functional")]:
        for found in vars(sys.modules[name]).values():
            if isinstance(found, type) and issubclass(found, base) and found is not base:
                if "set_policy_rules" in vars(found):
                    found.set_policy_rules = set_policy_rules
                if "start_server" in vars(found) and name.endswith("api_policy"):
                    del found.start_server


def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from flat(one)
        else:
            yield one


def end_of(test: unittest.TestCase) -> dict[str, str]:
    result = unittest.TestResult()
    started = time.monotonic()
    test.run(result)
    seconds = f"{time.monotonic() - started:.1f}"
    for name, found in (("failed", result.failures + result.errors), ("skipped", result.skipped)):
        if found:
            lines = [line.strip() for line in found[0][1].splitlines() if line.strip()]
            return {"name": test.id(), "end": name, "reason": " / ".join(lines[-2:]), "seconds": seconds}
    return {"name": test.id(), "end": "passed", "reason": "", "seconds": seconds}


def main(asked: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    database_options.set_defaults(CONF)
    loader = unittest.TestLoader()
    tests = [test for name in asked["modules"] for test in flat(loader.loadTestsFromName(name))]
    if asked["ours"]:
        exchange_the_service(asked["ours"])
    chosen = [test for test in tests if re.search(asked["match"], test.id())]
    with Path(asked["result"]).open("w") as result:
        for test in chosen[asked["share"] :: asked["shares"]]:
            result.write(json.dumps(end_of(test)) + "\n")
            result.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
