"""Runs tests of `glance.tests.functional` in the suites' environment; ours takes the place of the in-process service.

What a test has set in Glance's configuration and policy is handed to a service of ours in a process of its own, on a
unix socket, beside the test's own database and folders, and each request of the test is sent there. The test bodies
and what they expect stay as they are. It has no other imports of this project, because it runs in an environment that
does not have it.
"""

from __future__ import annotations

import configparser
import http.client
import http.server
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import webob
from glance.api.v2 import cached_images
from glance.image_cache import prefetcher
from glance.tests import functional
from oslo_config import cfg
from oslo_db import options as database_options

CONF = cfg.CONF
PIECE = 1 << 16
PATIENCE = 30  # seconds for an answer
TEST_SECONDS = 150
_LEFT_OUT = {("DEFAULT", "config_file"), ("DEFAULT", "config_dir"), ("DEFAULT", "log_file"), ("DEFAULT", "debug")}
_LEFT_OUT |= {("oslo_policy", "policy_dirs")}


class Starter:
    """The process of `starter.py`, which has our code loaded."""

    def __init__(self, command: list[str], root: str) -> None:
        self.process = subprocess.Popen(
            command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=without_openstack(), text=True
        )

    def ask(self, **asked: Any) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def without_openstack() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OS_")}


class Ours:
    """The service of ours that one test talks to. It is started by a request, and anew by one that finds another
    configuration than it was started with: in the test's own process Glance would see the change at once."""

    def __init__(self, starter: Starter, test: Any) -> None:
        self.starter = starter
        self.test = test
        self.folder = Path(test.test_dir)
        self.socket = self.folder / "ours.sock"
        self.policy = self.folder / "ours-policy.yaml"
        self.log = self.folder / "ours.log"
        self.pipeline: list[str] = []
        self.limits: dict[str, int] = {}
        self.keystone: Limits | None = None
        self.configured = ""
        self.told = ""
        self.running: int | None = None

    def chain(self, application: str) -> None:
        """The filters that Glance would have been started with, by the name of their chain in the test's paste file."""
        self.stop()
        self.pipeline = self.paste()[f"pipeline:{application}"]["pipeline"].split()

    def paste(self) -> configparser.ConfigParser:
        found = configparser.ConfigParser()
        found.read(self.test.paste_config)
        return found

    def call(self, request: Any) -> webob.Response:
        self.write_policy()
        configuration = self.configuration()
        if configuration != self.configured or self.running is None:
            self.stop()
            self.start(configuration)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        if "fakeauth" in self.pipeline:
            headers = identified(headers)
        body: Any = request.body if request.content_length is not None else chunks(request.body_file)
        if request.content_length is not None and not body and request.method in {"PUT", "POST", "PATCH"}:
            headers["Content-Length"] = "0"
        response = answer_of(self.socket, request.method, request.path_qs, body or None, headers)
        response.request = request
        return response

    def start(self, configuration: str) -> None:
        written, output = self.folder / "ours.conf", self.folder / "ours.out"
        written.write_text(configuration)
        (self.folder / "schema-image.json").write_text("{}")  # Glance finds none in a test
        if not output.exists():
            os.mkfifo(output)
        arguments = ["serve", "--auth", "headers", "--listen", f"unix:{self.socket}"]
        arguments += ["--data-dir", str(self.folder / "ours"), "--config-file", str(written)]
        self.configured = configuration
        self.running = self.starter.ask(
            start=arguments, folder=str(self.folder), errors=str(self.log), output=str(output)
        )
        with output.open() as printed:
            if "serving" not in printed.readline():
                raise AssertionError(f"the service did not start: {self.log.read_text()[-500:]}")

    def stop(self) -> None:
        if self.running is not None:
            self.starter.ask(stop=self.running)
            self.running = None

    def end(self) -> None:
        self.stop()
        self.told = f"{self.configured}\n{self.log.read_text() if self.log.exists() else ''}"
        if self.keystone is not None:
            self.keystone.stop()

    def configuration(self) -> str:
        found = options()
        paste = self.paste()
        found["database"]["connection"] = f"sqlite:///{self.test.test_dir}/test.db"
        found["oslo_policy"] |= {"policy_file": str(self.policy), "enforce_new_defaults": True}
        found["healthcheck"] = {"disable_by_file_path": paste["app:healthcheck"]["disable_by_file_path"]}
        found["paste_deploy"] = {"flavor": flavor(self.pipeline)}
        for store in found.get("DEFAULT", {}).get("enabled_backends", {}):
            found.setdefault(store, {})["filesystem_store_chunk_size"] = 65536  # Glance's default; ours is another
        if CONF.delayed_delete:
            found["DEFAULT"]["scrub_time"] = 3600  # seconds; no scrubber runs in these tests, and ours would at once
        if "cors" in self.pipeline:
            found["cors"] = {"allowed_origin": paste["filter:cors"]["allowed_origin"]}
        if CONF.use_keystone_limits:
            self.keystone = self.keystone or Limits(self)
            account = {"auth_type": "password", "username": "glance", "password": "any", "user_domain_id": "default"}
            found["oslo_limit"] |= {"auth_url": self.keystone.url, "system_scope": "all"} | account
        found["glancetui"] = {"adopt": True, "upgrade": True}
        return ini(found)

    def write_policy(self) -> None:
        """What the test has set in Glance's own enforcer, as an operator would: in a policy file."""
        enforcer = getattr(self.test, "policy", None)
        defaults = enforcer.registered_rules if enforcer and enforcer.use_conf else {}
        given = enforcer.rules.items() if enforcer else ()
        text = json.dumps({name: str(check) for name, check in given if name not in defaults})
        if not self.policy.exists() or self.policy.read_text() != text:
            whole = self.policy.with_suffix(".new")
            whole.write_text(text)
            whole.replace(self.policy)


class Limits:
    """Keystone as far as a service asks it for limits. The tests replace what asks Keystone, so that there is none."""

    def __init__(self, ours: Ours) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                links = [{"rel": "self", "href": ours.keystone.url if ours.keystone else ""}]
                version = {"version": {"id": "v3.14", "status": "stable", "links": links}}
                self.tell(200, version if path.rstrip("/") == "/v3" else limits_answer(path, ours.limits))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                token = {"methods": ["password"], "expires_at": "2999-01-01T00:00:00Z", "user": {"id": "glance"}}
                self.tell(201, {"token": token}, {"X-Subject-Token": "any"})

            def tell(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                told = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
                for name, value in told.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v3"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def limits_answer(path: str, limits: dict[str, int]) -> Any:
    if path.endswith("/limits/model"):
        return {"model": {"name": "flat"}}
    if "/endpoints/" in path:
        return {"endpoint": {"service_id": "image", "region_id": None}}
    if path.endswith("/registered_limits"):
        names = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")
        known = [{"resource_name": name, "default_limit": limits.get(name, 0), "region_id": None} for name in names]
        return {"registered_limits": known}
    if path.endswith("/limits"):
        return {"limits": []}
    raise LookupError(path)


def chunks(file: Any) -> Iterator[bytes] | None:
    """A body whose size was not told is sent so; None where there is none."""
    pieces = iter(lambda: file.read(PIECE), b"") if hasattr(file, "read") else iter(file)
    first = next(pieces, None)
    return None if first is None else itertools.chain([first], pieces)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def answer_of(at: Path, method: str, target: str, body: Any, headers: dict[str, str]) -> webob.Response:
    connection = UnixConnection(at)
    connection.request(method, target, body, headers)
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


def flavor(pipeline: list[str]) -> str:
    if "cachemanage" in pipeline:
        return "cachemanagement"
    return "caching" if "cache" in pipeline else ""


def options() -> dict[str, dict[str, Any]]:
    """What is set in Glance's configuration, defaults that tests change included."""
    found: dict[str, dict[str, Any]] = {"DEFAULT": {}, "database": {}, "oslo_policy": {}}
    for group, known in [("DEFAULT", CONF._opts), *((name, group._opts) for name, group in CONF._groups.items())]:
        for info in known.values():
            name = info["opt"].dest
            if (group, name) not in _LEFT_OUT and ("override" in info or "default" in info):
                found.setdefault(group, {})[name] = info.get("override", info.get("default"))
    return found


def ini(sections: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{option} = {text(value)}" for option, value in values.items() if value is not None]
    return "\n".join([*lines, ""])


def text(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{item}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(str, value))}]"
    return str(value)


def exchange_the_service(starter: Starter) -> None:
    base = functional.SynchronousAPIBase
    set_up = base.setUp

    def setUp(self: Any, *arguments: Any, **named: Any) -> None:
        set_up(self, *arguments, **named)
        self.ours = Ours(starter, self)
        self.addCleanup(self.ours.end)
        cached_images.WORKER = SimpleNamespace(submit=None, terminate=lambda: None)  # tests keep it from fetching

    def start_server(self: Any, enable_cache: bool = True, set_worker_url: bool = True, **more: Any) -> None:
        application = "glance-api"
        if more.get("enable_version_negotiation"):
            application = "glance-api-versionnegotiation"
        elif enable_cache:
            application = "glance-api-cachemanagement"
        if application != "glance-api":
            self.config(image_cache_dir=self._store_dir("cache"))
        if more.get("enable_cors"):
            application = "glance-api-cors"
        if more.get("use_fake_auth"):
            application = "glance-api-fake"
        if set_worker_url:
            self.config(worker_self_reference_url="http://workerx")
        self.ours.chain(application)

    def set_limit(self: Any, limits: dict[str, int]) -> None:
        self.ours.limits = limits

    class Prefetcher:
        """What fetches queued images is ours, so there is nothing to run: only to wait for, without its own words."""

        def run(self) -> None:
            time.sleep(0.5)

    base.setUp = setUp
    base.start_server = start_server
    base._call_api = lambda self, request: self.ours.call(request)
    prefetcher.Prefetcher = Prefetcher
    for name in [name for name in sys.modules if name.startswith("glance.tests.functional")]:
        for found in vars(sys.modules[name]).values():
            if isinstance(found, type) and "set_limit" in vars(found):
                found.set_limit = set_limit  # type: ignore[attr-defined]


def loaded(modules: list[str]) -> list[unittest.TestCase]:
    """test_api takes a list from Glance's unit tests, which import the Cinder driver, whose libraries are not here."""
    cinder = "glance_store._drivers.cinder"
    sys.modules[cinder] = ModuleType(cinder)
    try:
        loader = unittest.TestLoader()
        return [test for name in modules for test in flat(loader.loadTestsFromName(name))]
    finally:
        del sys.modules[cinder]


def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from flat(one)
        else:
            yield one


def end_of(test: unittest.TestCase) -> dict[str, str]:
    result = unittest.TestResult()
    started = time.monotonic()
    signal.alarm(TEST_SECONDS)
    try:
        test.run(result)
    except TimeoutError:  # it was late in what belongs to no test
        result.addError(test, sys.exc_info())
    signal.alarm(0)
    seconds = f"{time.monotonic() - started:.1f}"
    for name, found in (("failed", result.failures + result.errors), ("skipped", result.skipped)):
        if found:
            lines = [line.strip() for line in found[0][1].splitlines() if line.strip()]
            ours = getattr(test, "ours", None)
            print(f"=== {test.id()}: {name}\n{found[0][1]}\n{ours.told if ours else ''}", flush=True)
            return {"name": test.id(), "end": name, "reason": " / ".join(lines[-2:]), "seconds": seconds}
    return {"name": test.id(), "end": "passed", "reason": "", "seconds": seconds}


def know_names() -> None:
    """Glance asks for names with a dot at the end; a machine without a name server knows neither `localhost.` nor what
    the tests of tasks name, where nothing is fetched."""
    look_up = socket.getaddrinfo
    known = {"localhost.": "localhost", "example.com": "192.0.2.1", "example.com.": "192.0.2.1"}

    def getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        return look_up(known.get(host, host), *arguments, **named)

    socket.getaddrinfo = getaddrinfo


def too_late(*_: object) -> None:
    raise TimeoutError(f"it took more than {TEST_SECONDS} seconds")


def main(asked: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, too_late)
    database_options.set_defaults(CONF)
    know_names()
    tests = loaded(asked["modules"])
    if asked["ours"]:
        exchange_the_service(Starter(asked["ours"], asked["root"]))
    left_out = re.compile("|".join(asked["without"]))
    chosen = [test for test in tests if re.search(asked["match"], test.id()) and not left_out.match(test.id())]
    with Path(asked["result"]).open("w") as result:
        for test in chosen[asked["share"] :: asked["shares"]]:
            result.write(json.dumps(end_of(test)) + "\n")
            result.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
