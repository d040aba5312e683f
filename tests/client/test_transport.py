import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from glancetui.client.cancel import Cancelled, CancelToken
from glancetui.client.client import Client
from glancetui.client.problems import ReadOnly, ServerFault, Unreachable
from glancetui.client.transport import Exchange, Limits, Origin, Transport, address_of, is_excepted, proxy_for
from glancetui.errors import BadRequest, ConfigError
from tests.client.scripted import Reply, scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SOON = Limits(connect=1.0, read=0.2, upload=0.2)


@contextmanager
def listening(serve: Callable[[socket.socket], None], path: Path | None = None) -> Iterator[str]:
    """A socket whose connections are each given to `serve` in a thread."""
    server = socket.socket(socket.AF_UNIX) if path else socket.create_server(("127.0.0.1", 0))
    if path:
        server.bind(str(path))
        server.listen()
    url = f"unix:{path}" if path else f"http://127.0.0.1:{server.getsockname()[1]}"
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            thread = threading.Thread(target=one, args=(connection,))
            thread.start()
            threads.append(thread)

    def one(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            try:
                serve(connection)
            except OSError:
                return

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield url
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        accepting.join()
        for thread in threads:
            thread.join()


def head_of(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65_536)
        if not chunk:
            raise OSError
        received += chunk
    return received


def get(transport: Transport, url: str, target: str = "/", token: CancelToken | None = None) -> bytes:
    return transport.request("GET", address_of(url), target, token=token).body


def test_one_connection_serves_many_requests() -> None:
    with scripted(lambda _: Reply(body=b"ok")) as server:
        transport = Transport()
        counted = [get(transport, server.url) for _ in range(5)]
        assert counted == [b"ok"] * 5
        assert sum(len(kept) for kept in transport._idle.values()) == 1
        transport.close()


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with listening(once) as url:
        transport = Transport()
        assert get(transport, url) == b"ok"
        assert closed.wait(5)
        assert transport.request("POST", address_of(url), "/").body == b"ok"
        transport.close()


def test_a_unix_socket_is_an_endpoint(tmp_path: Path) -> None:
    def serve(connection: socket.socket) -> None:
        assert b"Host: localhost\r\n" in head_of(connection)
        connection.sendall(OK)

    path = tmp_path / "s.sock"
    with listening(serve, path) as url:
        transport = Transport()
        assert get(transport, url) == b"ok"
        transport.close()
    with pytest.raises(Unreachable, match="no socket"):
        get(Transport(), f"unix:{tmp_path}/none.sock")


def test_nobody_there_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        get(Transport(), f"http://127.0.0.1:{port}")


def test_a_server_that_says_nothing_is_given_up() -> None:
    with listening(lambda connection: (head_of(connection), connection.recv(1))) as url:  # type: ignore[arg-type,return-value]
        transport = Transport(limits=SOON)
        with pytest.raises(Unreachable, match="in time"):
            get(transport, url)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", Unreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Unreachable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Unreachable),
        (b"SSH-2.0-OpenSSH\r\n", ServerFault),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", ServerFault),
    ],
)
def test_broken_answers_are_errors_not_short_bodies(answer: bytes, kind: type[Exception]) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    with listening(serve) as url, pytest.raises(kind):
        get(Transport(), url)


def test_cancelling_ends_a_request_that_waits_at_once() -> None:
    asked = threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        asked.set()
        connection.recv(1)

    token, caught = CancelToken(), []

    def ask(url: str) -> None:
        try:
            get(Transport(), url, token=token)
        except Cancelled as error:
            caught.append(error)

    with listening(serve) as url:
        thread = threading.Thread(target=ask, args=(url,))
        thread.start()
        assert asked.wait(5)
        started = time.monotonic()
        token.cancel()
        thread.join(5)
        assert caught
        assert time.monotonic() - started < 1
        with pytest.raises(Cancelled):
            get(Transport(), url, token=token)


def test_cancelling_ends_a_body_that_is_being_read_though_the_server_closes_after_it() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc")
        connection.recv(1)

    token = CancelToken()
    with listening(serve) as url:
        started = time.monotonic()
        threading.Timer(0.1, token.cancel).start()
        with pytest.raises(Cancelled):
            get(Transport(), url, token=token)
        assert time.monotonic() - started < 5


def test_an_answer_before_the_end_of_the_body_is_heard() -> None:
    refusal = b'HTTP/1.1 415 No\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{"message": "bad"}'

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(refusal)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with listening(serve) as url:
        from glancetui.client import transfer
        from glancetui.errors import UnsupportedMedia

        with (
            Client.at(url) as client,
            Path("/dev/zero").open("rb") as endless,
            pytest.raises(UnsupportedMedia, match="bad"),
        ):
            transfer.upload(client, "x", endless)
        assert not client.transport._idle


def test_read_only_sends_nothing_that_changes() -> None:
    with scripted(lambda _: Reply(body=b"{}")) as server:
        client = Client(Transport(read_only=True), Client.at(server.url).auth)
        with pytest.raises(ReadOnly):
            client.delete("x")
        assert server.asked == []


def test_the_observer_hears_of_every_exchange_and_of_silence() -> None:
    heard: list[Exchange] = []
    with scripted(lambda _: Reply(status=404)) as server:
        get(Transport(observer=heard.append), server.url, "/x?y=1")
    with pytest.raises(Unreachable):
        get(Transport(observer=heard.append, limits=SOON), server.url)
    assert [(exchange.method, exchange.status) for exchange in heard][:1] == [("GET", 404)]
    assert heard[0].url.endswith("/x?y=1")


def test_values_that_no_header_can_carry_are_refused() -> None:
    with scripted(lambda _: Reply()) as server, pytest.raises(BadRequest):
        Transport().request("GET", address_of(server.url), "/", headers={"X-Image-Meta-Store": "a\r\nX-Evil: 1"})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://host:9292/", "http://host:9292"),
        ("https://host/image/v2", "https://host/image/v2"),
        ("host:9292", "http://host:9292"),
        ("http://[::1]:9292", "http://[::1]:9292"),
        ("unix:/run/glance.sock", "unix:/run/glance.sock"),
        ("http://host/a b", "http://host/a%20b"),
    ],
)
def test_addresses_are_understood(url: str, shown: str) -> None:
    assert str(address_of(url)) == shown


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://", "unix:", "http://host:port", "http://user:secret@host", "http://[::1"]
)
def test_addresses_that_are_none_are_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        address_of(url)
    assert "secret" not in str(caught.value)


def test_proxies_are_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:pw@proxy:3128")
    monkeypatch.setenv("no_proxy", "internal.example, 10.0.0.1")
    assert proxy_for(Origin("http", "127.0.0.1", 80)) is None
    assert proxy_for(Origin("unix", "/x", 0)) is None
    assert proxy_for(Origin("http", "glance.internal.example", 80)) is None
    found = proxy_for(Origin("http", "elsewhere.example", 80))
    assert found is not None
    assert (found.origin.host, found.credentials) == ("proxy", "user:pw")
    assert is_excepted("any", "*")


def test_an_unknown_authority_is_named_and_insecure_goes_on(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            head_of(secured)
            secured.sendall(OK)

    from glancetui.client.transport import Trust

    with listening(serve) as url:
        secure = url.replace("http:", "https:")
        with pytest.raises(Unreachable, match="--os-cacert"):
            get(Transport(), secure)
        assert get(Transport(trust=Trust(verify=False)), secure) == b"ok"
        assert get(Transport(trust=Trust(cacert=str(certificate))), secure) == b"ok"
    with pytest.raises(ConfigError):
        get(Transport(trust=Trust(cacert=str(tmp_path / "none.pem"))), secure)


def self_signed(folder: Path, name: str = "127.0.0.1") -> Path:
    """A certificate and key, made by the openssl command."""
    import shutil
    import subprocess

    if not shutil.which("openssl"):
        pytest.skip("the openssl command is not installed")
    path = folder / "server.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    names = [
        "-addext",
        f"subjectAltName={'IP' if name[0].isdigit() else 'DNS'}:{name}",
        "-keyout",
        str(folder / "key.pem"),
        "-out",
        str(folder / "cert.pem"),
    ]
    subprocess.run([*request, *names], check=True, capture_output=True)
    path.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return path
