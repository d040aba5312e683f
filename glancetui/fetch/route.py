"""The way to an address that was checked: directly, or through a proxy that the operator has named.

A proxy is asked for a tunnel to the checked address, not for the name: it never resolves anything itself.
"""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from glancetui.errors import ConfigError, FetchFailed
from glancetui.fetch.filter import Target

CONNECT_SECONDS = 10.0
PROXY_PORT = 3128
PROXY_HEAD = 16_384  # bytes of a proxy's answer


class Proxy(msgspec.Struct, frozen=True):
    host: str
    port: int
    login: str | None = None  # user:password in Base64; shown nowhere


class Route:
    """Callable from many threads. `proxies`: by scheme of the URL that is read."""

    def __init__(self, tls: ssl.SSLContext | None = None, proxies: Mapping[str, Proxy] | None = None) -> None:
        self._tls = tls
        self._proxies = proxies or {}

    def connected(self, target: Target) -> socket.socket:
        """A connection to the first of the checked addresses that answers; under TLS for https. Raises FetchFailed."""
        proxy = self._proxies.get(target.scheme)
        failure: OSError | FetchFailed | None = None
        for address in target.addresses:
            try:
                connection = reached(target, address, proxy)
            except (OSError, FetchFailed) as error:
                failure = error
                continue
            return self._secured(connection, target) if target.scheme == "https" else connection
        raise FetchFailed(
            "unreachable", f"{target.host}, port {target.port}, cannot be reached: {words(failure)}."
        ) from failure

    def _secured(self, connection: socket.socket, target: Target) -> socket.socket:
        try:
            context = self._tls or ssl.create_default_context()
            return context.wrap_socket(connection, server_hostname=target.host)
        except (OSError, ValueError) as error:
            connection.close()
            raise FetchFailed(
                "no-trust", f"The certificate of {target.host} is not trusted, or TLS failed: {words(error)}."
            ) from error


def words(error: Exception | None) -> str:
    """What an error says, without the number that the system gives it."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def reached(target: Target, address: str, proxy: Proxy | None) -> socket.socket:
    """Raises OSError, FetchFailed."""
    if proxy is None:
        return socket.create_connection((address, target.port), CONNECT_SECONDS)
    connection = socket.create_connection((proxy.host, proxy.port), CONNECT_SECONDS)
    try:
        open_tunnel(connection, f"[{address}]:{target.port}" if ":" in address else f"{address}:{target.port}", proxy)
    except BaseException:
        connection.close()
        raise
    return connection


def open_tunnel(connection: socket.socket, place: str, proxy: Proxy) -> None:
    """Raises FetchFailed where the proxy refuses, OSError where it goes away."""
    login = f"Proxy-Authorization: Basic {proxy.login}\r\n" if proxy.login else ""
    connection.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n".encode("ascii"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = connection.recv(1)  # not a byte more than the head: what follows is the other side's
        head += piece
        if not piece or len(head) > PROXY_HEAD:
            raise FetchFailed("no-http", f"The proxy {proxy.host} does not answer as a proxy does.")
    if head.split(b" ", 2)[1:2] != [b"200"]:
        said = head.partition(b"\r\n")[0][:80].decode("latin-1")
        raise FetchFailed("unreachable", f"the proxy {proxy.host} refuses a tunnel to it ({said})")


def read_proxy(text: str) -> Proxy:
    """`HOST:PORT`, or a URL with a user and password as well. Raises ConfigError."""
    try:
        parts = urlsplit(text if "//" in text else f"http://{text}")
        host, port = parts.hostname, parts.port or PROXY_PORT
    except ValueError as error:
        raise ConfigError(f"The proxy cannot be read: {error}. Write HOST:PORT.") from error
    if not host or parts.scheme != "http":
        raise ConfigError("The proxy must be HOST:PORT, or http://HOST:PORT. Other kinds of proxy are not spoken.")
    login = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = base64.b64encode(pair.encode()).decode()
    return Proxy(host, port, login)
