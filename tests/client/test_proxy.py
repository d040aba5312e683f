"""Through an HTTP proxy: a real one, of some forty lines, that makes tunnels and passes plain requests on."""

from __future__ import annotations

import base64
import contextlib
import os
import select
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from glancetui.client.problems import Unreachable
from glancetui.client.transport import Origin, Transport, Trust, Wire, address_of, proxy_for
from glancetui.errors import ConfigError
from tests.client.scripted import Asked, Reply, scripted
from tests.client.test_transport import get, head_of, listening, self_signed

NAME = "image.example"  # known to the proxy alone


@dataclass
class Proxy:
    """Sends whoever asks for `NAME` to `port` of this machine; others are refused."""

    port: int
    url: str = ""
    heads: list[str] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        head = head_of(client)
        self.heads.append(head.decode("latin-1"))
        line = self.heads[-1].splitlines()[0]
        if "Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss").decode() not in self.heads[-1]:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif NAME not in line:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as server:
                if line.startswith("CONNECT "):
                    client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
                else:
                    server.sendall(head)
                relay(client, server)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Until either side ends."""
    while True:
        for ready in select.select([one, other], [], [], 10)[0]:
            data = ready.recv(65_536)
            if not data:
                return
            (other if ready is one else one).sendall(data)


@contextlib.contextmanager
def proxied(port: int, monkeypatch: pytest.MonkeyPatch, user: str = "me:p%40ss@") -> Iterator[Proxy]:
    proxy = Proxy(port)
    with listening(proxy.serve) as url:
        monkeypatch.setenv("http_proxy", url.replace("://", f"://{user}"))
        monkeypatch.setenv("https_proxy", url.replace("://", f"://{user}"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        proxy.url = url
        yield proxy


@contextlib.contextmanager
def secure_front(port: int, certificate: Path) -> Iterator[int]:
    """TLS in front of a plain server; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", port), timeout=10) as server,
        ):
            pass_on(secured, server)

    with listening(serve) as url:
        yield int(url.rpartition(":")[2])


def pass_on(secured: ssl.SSLSocket, server: socket.socket) -> None:
    while True:
        ready = [secured] if secured.pending() else select.select([secured, server], [], [], 10)[0]
        for each in ready:
            data = each.recv(65_536)
            if not data:
                return
            (server if each is secured else secured).sendall(data)


def answer(asked: Asked) -> Reply:
    return Reply(body=f"{asked.method} {asked.path} {asked.headers['host']} {len(asked.body)}".encode())


def test_tls_goes_through_a_tunnel_and_stays_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(3_000_000)
    trust = Trust(cacert=str(self_signed(tmp_path, NAME)))

    def send(wire: Wire) -> None:
        for start in range(0, len(data), 65_536):
            wire.send(data[start : start + 65_536])

    with (
        scripted(answer) as server,
        secure_front(int(server.url.rpartition(":")[2]), tmp_path / "server.pem") as port,
        proxied(port, monkeypatch) as proxy,
    ):
        transport, address = Transport(trust=trust), address_of(f"https://{NAME}")
        assert get(transport, f"https://{NAME}", "/v2/images") == b"GET /v2/images image.example 0"
        with transport.open(
            "PUT", address, "/v2/images/x/file", headers={"Content-Length": str(len(data))}, sender=send
        ) as response:
            assert response.read() == b"PUT /v2/images/x/file image.example 3000000"
        assert [head.splitlines()[0] for head in proxy.heads] == [f"CONNECT {NAME}:443 HTTP/1.1"]
        assert server.asked[-1].body == data
        assert "proxy-authorization" not in server.asked[0].headers
        transport.close()


def test_plain_requests_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(answer) as server, proxied(int(server.url.rpartition(":")[2]), monkeypatch) as proxy:
        transport = Transport()
        assert get(transport, f"http://{NAME}:9292", "/v2/images").endswith(b" image.example:9292 0")
        assert proxy.heads[0].startswith(f"GET http://{NAME}:9292/v2/images HTTP/1.1\r\n")
        transport.close()


@pytest.mark.parametrize(
    ("user", "url", "why"),
    [
        ("", f"https://{NAME}", "407 Proxy Authentication Required"),
        ("me:p%40ss@", "https://elsewhere.example", "403 Forbidden"),
    ],
)
def test_a_proxy_that_refuses_is_named_with_its_reason_and_without_the_password(
    monkeypatch: pytest.MonkeyPatch, user: str, url: str, why: str
) -> None:
    with proxied(9, monkeypatch, user) as proxy:
        with pytest.raises(Unreachable, match=why) as caught:
            get(Transport(), url)
        assert f"The proxy {proxy.url.removeprefix('http://')}" in str(caught.value)
        assert "p@ss" not in str(caught.value)


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(Unreachable, match=f"The proxy 127.0.0.1:{port} cannot be reached"):
        get(Transport(), f"https://{NAME}")


def test_a_tunnel_to_an_address_of_version_6_is_asked_for_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(9, monkeypatch) as proxy:
        with pytest.raises(Unreachable):
            get(Transport(), "https://[2001:db8::1]:9292")
        assert proxy.heads[0].startswith("CONNECT [2001:db8::1]:9292 HTTP/1.1\r\nHost: [2001:db8::1]:9292\r\n")


@pytest.mark.parametrize("value", ["http://u:secret@proxy:port", "socks5://u:secret@proxy:1080", "http://u:secret@"])
def test_a_proxy_that_is_none_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("https_proxy", value)
    with pytest.raises(ConfigError, match=NAME) as caught:
        proxy_for(Origin("https", NAME, 443))
    assert "secret" not in str(caught.value)
