"""Processes and signals, with the real service."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glancetui.server.supervisor import ECHO
from tests.server.edge import Client, head, until
from tests.serving import Server, clean_environment, running_server, start_server

Serving = Callable[..., Server]


def port_of(server: Server) -> int:
    return int(server.endpoint.rpartition(":")[2])


def get(server: Server, path: str = "/v2/images") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def new_image(server: Server) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    try:
        body = json.dumps({"disk_format": "raw", "container_format": "bare"})
        connection.request("POST", "/v2/images", body, {"Content-Type": "application/json"})
        return str(json.loads(connection.getresponse().read())["id"])
    finally:
        connection.close()


def begin_upload(server: Server, size: int, sent: int) -> Client:
    client = Client(port_of(server))
    path = f"/v2/images/{new_image(server)}/file"
    client.send(head("PUT", path, f"Content-Length: {size}", "Content-Type: application/octet-stream"), b"x" * sent)
    until(lambda: any(server.data_dir.glob("images/**/*")), 10)
    return client


def serve_and_fail(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "glancetui", "serve", "--data-dir", str(tmp_path / "data"), *arguments]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    assert not done.stdout
    return done.returncode, done.stderr


def test_sigterm_lets_a_running_upload_finish_and_ends_with_0(serving: Serving) -> None:
    server = serving()
    with begin_upload(server, 1_000_000, 400_000) as client:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses_connections(server))
        client.send(b"x" * 600_000)
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (204, "close")
    assert server.process.wait(10) == 0


def test_drain_has_an_end_and_what_was_cut_is_undone(serving: Serving) -> None:
    server = serving(config="[glancetui]\ndrain_seconds = 0.3\n")
    with begin_upload(server, 1_000_000, 400_000) as client:
        assert server.stop(seconds=15) == 0
        assert client.ended()
    assert not [path for path in server.data_dir.glob("images/**/*") if path.is_file()]


def test_second_signal_does_not_wait(serving: Serving) -> None:
    server = serving()
    with begin_upload(server, 1_000_000, 400_000):
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses_connections(server))
        time.sleep(ECHO)  # what comes sooner is taken for an echo of the first
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 1


def test_signal_that_comes_twice_at_once_is_one(serving: Serving) -> None:
    server = serving()
    with begin_upload(server, 1_000_000, 400_000) as client:
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)
        until(lambda: refuses_connections(server))
        client.send(b"x" * 600_000)
        assert client.answer()[0] == 204
    assert server.process.wait(10) == 0


def test_worker_that_is_killed_is_replaced(serving: Serving) -> None:
    server = serving(workers=2)
    before = server.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(server.workers()) == 2 and before[0] not in server.workers(), 15)
    until(lambda: get(server) == 200)
    assert server.stop() == 0


def test_worker_that_hangs_is_replaced_and_one_that_works_long_is_not(serving: Serving) -> None:
    server = serving(workers=2, config="[glancetui]\nworker_silence_seconds = 2\n")
    before = server.workers()
    with begin_upload(server, 1_000_000, 400_000) as client:  # its thread waits for bytes all the time
        busy = holder_of(server, before)
        hung = next(pid for pid in before if pid != busy)
        os.kill(hung, signal.SIGSTOP)
        until(lambda: len(server.workers()) == 2 and hung not in server.workers(), 20)
        assert busy in server.workers()
        client.send(b"x" * 600_000)
        assert client.answer()[0] == 204
    assert server.stop() == 0


def holder_of(server: Server, workers: list[int]) -> int:
    """The worker that has a file of the store open."""
    store = str(server.data_dir / "images")
    for pid in workers:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if str(entry.readlink()).startswith(store) and entry.is_file():
                    return pid
    raise AssertionError("no worker writes")


def test_workers_end_with_a_supervisor_that_was_killed_and_a_successor_can_start(tmp_path: Path) -> None:
    with running_server(tmp_path) as first:
        workers = first.workers()
        os.kill(first.pid, signal.SIGKILL)
        first.process.wait(5)
        with running_server(tmp_path, listen=[f"127.0.0.1:{port_of(first)}"]) as second:
            assert get(second) == 200
        # A process that has ended stays listed until whoever adopted it notices.
        until(lambda: not any(is_running(worker) for worker in workers))


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_sighup_reads_policy_and_log_level_again(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    config = f"[oslo_policy]\npolicy_file = {policy}\n"
    policy.write_text("{}\n")
    with running_server(tmp_path, config=config, workers=2) as server:
        assert get(server) == 200
        assert "level=DEBUG" not in server.log.read_text()
        (tmp_path / "glancetui.conf").write_text(f"[DEFAULT]\ndebug = true\n{config}")
        policy.write_text('"get_images": "!"\n')
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.read_text().count("were read again") >= 2)
        assert get(server) == 403
        until(lambda: "answered 403" in server.log.read_text())
        assert "level=DEBUG" in server.log.read_text()


def test_broken_configuration_at_sighup_changes_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path, config="[glancetui]\nmax_filters = 7\n") as server:
        (tmp_path / "glancetui.conf").write_text("[glancetui]\nmax_filters = many\n")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "stay as they were" in server.log.read_text())
        assert get(server) == 200


def test_address_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = serve_and_fail(tmp_path, "--listen", address)
    assert code == 1
    assert f"another program serves on {address}" in said


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_service_without_authentication_stays_on_this_machine(tmp_path: Path, address: str) -> None:
    code, said = serve_and_fail(tmp_path, "--auth", "none", "--listen", address)
    assert code == 1
    assert "loopback" in said


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:99999", "host:port", "no.such.host.invalid:80"])
def test_address_that_is_none_is_a_sentence(tmp_path: Path, address: str) -> None:
    code, said = serve_and_fail(tmp_path, "--listen", address)
    assert code == 1
    assert "listen" in said


def test_data_folder_has_one_service(serving: Serving, tmp_path: Path) -> None:
    serving()
    code, said = serve_and_fail(tmp_path, "--listen", "127.0.0.1:0")
    assert code == 1
    assert "Another service works in" in said


def test_worker_that_cannot_start_stops_the_start_with_its_sentence(tmp_path: Path) -> None:
    code, said = serve_and_fail(tmp_path, "--auth", "basic", "--listen", "127.0.0.1:0", "--workers", "2")
    assert code == 1
    assert "htpasswd_file" in said


def test_role_of_a_later_version_says_so(tmp_path: Path) -> None:
    code, said = serve_and_fail(tmp_path, "periodic")
    assert code == 2
    assert "not in this version" in said


def test_unix_socket_is_for_its_owner_only_and_goes_with_the_service(tmp_path: Path) -> None:
    path = tmp_path / "glancetui.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with running_server(tmp_path, listen=[f"unix:{path}"]) as server:
        assert server.endpoint == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /v2/images HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
        assert server.stop() == 0
    assert not path.exists()


def test_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("x")
    code, said = serve_and_fail(tmp_path, "--listen", f"unix:{path}")
    assert (code, path.read_text()) == (1, "x")
    assert "is no socket" in said


def test_ipv6_and_several_addresses_are_served(tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    server = start_server(tmp_path, listen=["[::1]:0", "127.0.0.1:0"])
    try:
        assert server.endpoint.startswith("http://[::1]:")
    finally:
        assert server.stop() == 0
        server.process.stdout.close()


def test_node_that_is_taken_out_of_service_says_so(tmp_path: Path) -> None:
    mark = tmp_path / "disable"
    with running_server(tmp_path, config=f"[healthcheck]\ndisable_by_file_path = {mark}\n") as server:
        assert get(server, "/healthcheck") == 200
        mark.touch()
        assert get(server, "/healthcheck") == 503
        mark.unlink()
        assert get(server, "/healthcheck") == 200


def test_log_holds_no_tokens_and_nothing_a_caller_sent_begins_a_line(tmp_path: Path) -> None:
    with running_server(tmp_path, arguments=["--debug"]) as server, Client(port_of(server)) as client:
        client.send(
            head("GET", "/v2/images/%0Alevel=FORGED", "X-Auth-Token: token-Wq7", "Authorization: Basic c2VjcmV0")
        )
        client.answer()
        until(lambda: "answered 404" in server.log.read_text())
        log = server.log.read_text()
    assert "token-Wq7" not in log
    assert "c2VjcmV0" not in log
    assert all(line.startswith(("time=", "glancetui: ")) for line in log.splitlines())


def refuses_connections(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=1).close()
    except OSError:
        return True
    return False
