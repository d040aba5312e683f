"""API workers beside a private registry service, as real processes: access, absence, and what clients hear."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.backends.web import held_back, web_server
from tests.server.api import Answer, Api
from tests.server.edge import until
from tests.serving import Server, beside, clean_environment, running_registry, running_server

SECRET = "kept-out-of-every-log"


def api_of(server: Server) -> Api:
    return Api(server.endpoint)


def readiness(server: Server) -> tuple[int, dict[str, Any]]:
    answer = api_of(server).call("GET", "/readyz")
    return answer.status, {part["name"]: part["error"] for part in answer.json["parts"]}


def timed(server: Server, path: str = "/v2/images") -> tuple[Answer, float]:
    began = time.monotonic()
    return api_of(server).call("GET", path), time.monotonic() - began


def fail(tmp_path: Path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    command = [sys.executable, "-m", "glancetui", "serve", "--data-dir", str(tmp_path / "data"), *arguments]
    done = subprocess.run(
        command, env=clean_environment() | (environment or {}), capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert not done.stdout
    return done.returncode, done.stderr


def test_an_api_that_starts_before_its_registry_says_so_and_recovers_by_itself(tmp_path: Path) -> None:
    with running_server(tmp_path, arguments=beside(tmp_path)) as server:
        assert "cannot be reached" in server.log.read_text()
        status, parts = readiness(server)
        assert (status, parts["store file"]) == (503, None)
        assert "cannot be used now" in parts["registry"]
        answer, seconds = timed(server)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert b"cannot be used now" in answer.raw
        assert seconds < 10
        assert api_of(server).call("GET", "/healthcheck").status == 200
        with running_registry(tmp_path):
            until(lambda: readiness(server)[0] == 200, 20)
            assert readiness(server) == (200, {"registry": None, "store file": None})
            assert timed(server)[0].status == 200
        until(lambda: readiness(server)[0] == 503, 20)
    assert "Traceback" not in server.log.read_text()


def test_a_registry_that_hangs_holds_nobody_for_long_and_may_go_on(tmp_path: Path) -> None:
    with running_registry(tmp_path) as registry, running_server(tmp_path, arguments=beside(tmp_path)) as server:
        assert timed(server)[0].status == 200
        [worker] = registry.workers()
        os.kill(worker, signal.SIGSTOP)
        until(lambda: Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", 10)
        try:
            answer, seconds = timed(server)
            assert answer.status == 503
            assert seconds < 20
            answer, seconds = timed(server)
            assert answer.status == 503
            assert b"cannot be used now" in answer.raw
            assert seconds < 5
            assert "did not answer" in server.log.read_text()
            assert readiness(server)[0] == 503
            assert timed(server, "/healthcheck")[1] < 5
        finally:
            os.kill(worker, signal.SIGCONT)
        until(lambda: timed(server)[0].status == 200, 20)


def test_a_restart_of_the_registry_is_not_noticed_by_clients(tmp_path: Path) -> None:
    """Within the seconds that calls wait."""
    with running_server(tmp_path, arguments=beside(tmp_path)) as server:
        for _ in range(2):
            with running_registry(tmp_path, workers=2) as registry:
                until(lambda: readiness(server)[0] == 200, 20)
                image = api_of(server).make(name="x")
                assert api_of(server).show(image)["name"] == "x"
                assert registry.stop() == 0
        log = (tmp_path / "registry" / "server.log").read_text()
    assert "cut" not in log


def test_an_import_goes_on_over_a_restart_of_the_registry(tmp_path: Path) -> None:
    data, go_on, reached = bytes(3_000_000), threading.Event(), threading.Event()
    with web_server() as web:
        web.paths["/slow"] = held_back(data, 1_500_000, go_on, reached)
        config = (
            "[glancetui]\nupload_lease_seconds = 20\n"
            f"[import_filtering_opts]\nallowed_hosts = [127.0.0.1]\nallowed_ports = {web.port}\n"
        )
        with running_server(tmp_path, arguments=beside(tmp_path), config=config) as server:
            api = api_of(server)
            with running_registry(tmp_path):
                until(lambda: readiness(server)[0] == 200, 20)
                image = api.make(disk_format="raw", container_format="bare")
                body = {"method": {"name": "web-download", "uri": web.url("/slow")}}
                assert api.call("POST", f"/v2/images/{image}/import", body).status == 202
                assert reached.wait(20)
            go_on.set()
            with running_registry(tmp_path) as registry:
                until(lambda: readiness(server)[0] == 200, 20)
                until(lambda: api.show(image)["status"] == "active", 60)
                until(lambda: api.call("GET", f"/v2/images/{image}/tasks").json["tasks"][0]["status"] == "success", 60)
                assert "job" not in registry.log.read_text()
        assert len(data) == stored_size(tmp_path, image)


def stored_size(tmp_path: Path, image_id: str) -> int:
    [file] = [path for path in (tmp_path / "data").rglob(image_id) if path.is_file()]
    return file.stat().st_size


def test_secrets_of_file_and_environment_open_and_show_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "secret").chmod(0o600)
    config = f"[glancetui]\nregistry_secret_file = {tmp_path / 'secret'}\n"
    environment = {"OS_GLANCETUI__REGISTRY_SECRET": SECRET}
    with (
        running_registry(tmp_path, config=config) as registry,
        running_server(tmp_path, arguments=[*beside(tmp_path), "--debug"], environment=environment) as server,
    ):
        assert readiness(server)[0] == 200
        for pid in (registry.pid, server.pid, *registry.workers(), *server.workers()):
            assert SECRET.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        for process in (registry, server):
            assert SECRET not in process.log.read_text()


def test_a_wrong_secret_is_told_on_both_sides(tmp_path: Path) -> None:
    with (
        running_registry(tmp_path, environment={"OS_GLANCETUI__REGISTRY_SECRET": SECRET}) as registry,
        running_server(
            tmp_path, arguments=beside(tmp_path), environment={"OS_GLANCETUI__REGISTRY_SECRET": SECRET + "x"}
        ) as server,
    ):
        assert "does not accept our secret" in server.log.read_text()
        assert readiness(server)[0] == 503
        assert timed(server)[0].status == 503
        assert "wrong secret" in registry.log.read_text()


def test_a_loopback_address_works_with_a_secret(tmp_path: Path) -> None:
    environment = {"OS_GLANCETUI__REGISTRY_SECRET": SECRET}
    with running_registry(tmp_path, listen=["127.0.0.1:0"], environment=environment) as registry:
        arguments = ["api", "--registry", registry.endpoint]
        with running_server(tmp_path, arguments=arguments, environment=environment) as server:
            assert readiness(server)[0] == 200


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("0.0.0.0:9393", "without TLS the registry stays on this machine"),
        ("[::]:9393", "without TLS the registry stays on this machine"),
        ("registry.example:9393", "without TLS the registry stays on this machine"),
        ("127.0.0.1:9393", "needs registry_secret"),
        ("https://0.0.0.0:9393", "needs registry_cert_file"),
        ("http://127.0.0.1:9393", "write unix:"),
        ("unix:relative", "write unix:"),
        ("127.0.0.1:99999", "write unix:"),
    ],
)
def test_addresses_that_would_let_anybody_in_are_refused(tmp_path: Path, address: str, why: str) -> None:
    code, said = fail(tmp_path, "registry", "--listen", address)
    assert code == 1
    assert why in said


def test_the_socket_is_its_owners_alone_and_replaced_only_when_nobody_answers(tmp_path: Path) -> None:
    path = tmp_path / "registry.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with running_registry(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        code, said = fail(tmp_path / "other", "registry", "--listen", f"unix:{path}")
        assert code == 1
        assert "another program serves on" in said
        code, said = fail(tmp_path, "registry", "--listen", f"unix:{path}2")
        assert code == 1
        assert "Another service works in" in said
    assert not path.exists()


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    assert fail(tmp_path, "--registry", "unix:/s")[0] == 2
    code, said = fail(tmp_path, environment={"OS_GLANCETUI__REGISTRY": "unix:/s"})
    assert code == 1
    assert "glancetui serve api" in said


def test_an_api_without_a_registry_uses_the_database_itself(tmp_path: Path) -> None:
    with running_registry(tmp_path) as registry, running_server(tmp_path, arguments=["api"]) as server:
        image = api_of(server).make(name="direct")
        with running_server(
            tmp_path, arguments=beside(tmp_path), data_dir=tmp_path / "second", listen=["127.0.0.1:0"]
        ) as second:
            assert api_of(second).show(image)["name"] == "direct"
        assert registry.stop() == 0


# -- databases that are wrong or away at start -------------------------------------------------------------------------


def spoilt(tmp_path: Path) -> Path:
    """A database that cannot be used, until the file is taken away."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "glance.sqlite"
    file.write_bytes(b"this is no database, " * 100)
    return file


def test_a_database_that_cannot_be_used_at_start_is_waited_for(tmp_path: Path) -> None:
    file = spoilt(tmp_path)
    with running_server(tmp_path, workers=2) as server:
        assert "tries again until the database is there" in server.log.read_text()
        status, parts = readiness(server)
        assert status == 503
        assert "database cannot be used now" in parts["registry"]
        assert "not a database" in server.log.read_text()
        assert timed(server)[0].status == 503
        file.unlink()
        until(lambda: timed(server)[0].status == 200, 20)
        until(lambda: readiness(server)[0] == 200, 20)  # each worker finds out by itself


def test_behind_a_registry_service_too(tmp_path: Path) -> None:
    file = spoilt(tmp_path)
    with running_registry(tmp_path), running_server(tmp_path, arguments=beside(tmp_path)) as server:
        assert "database cannot be used now" in readiness(server)[1]["registry"]
        assert timed(server)[0].status == 503
        file.unlink()
        until(lambda: timed(server)[0].status == 200, 20)


@pytest.mark.parametrize("role", [(), ("api",), ("registry",)])
def test_a_database_of_the_wrong_schema_stops_the_start(tmp_path: Path, role: tuple[str, ...]) -> None:
    import sqlite3

    (tmp_path / "data").mkdir()
    db = sqlite3.connect(tmp_path / "data" / "glance.sqlite")
    db.execute("CREATE TABLE gt_alembic_version (version_num VARCHAR(32))")
    db.execute("INSERT INTO gt_alembic_version VALUES ('9999')")
    db.commit()
    db.close()
    code, said = fail(tmp_path, *role, "--listen", f"unix:{tmp_path / 's'}")
    assert code == 1
    assert "9999" in said


def test_a_store_that_is_away_is_told_apart(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert readiness(server)[0] == 200
        images = tmp_path / "data" / "images"
        moved = images.rename(tmp_path / "data" / "moved")
        images.write_text("in the way")
        status, parts = readiness(server)
        assert (status, parts["registry"]) == (503, None)
        assert parts["store file"]
        images.unlink()
        moved.rename(images)
        assert readiness(server)[0] == 200
