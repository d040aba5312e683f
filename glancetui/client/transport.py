"""HTTP/1.1 over TCP, TLS or a unix socket: a pool of connections that are kept alive, limits in time, and cancelling.

Safe to use from many threads; each request has a connection to itself while it runs.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from glancetui.client.cancel import Cancelled, CancelToken
from glancetui.client.problems import ReadOnly, ServerFault, Unreachable
from glancetui.errors import BadRequest, ConfigError

if TYPE_CHECKING:
    import ssl

LARGEST_DOCUMENT = 256 << 20  # bytes of an answer that is held in memory
FRESH_SECONDS = 2.0  # servers close idle connections after some seconds; what cannot be repeated goes over younger ones
IDLE_SECONDS = 60.0
PROXY_VARIABLES = {"http": ("http_proxy",), "https": ("https_proxy", "HTTPS_PROXY")}  # HTTP_PROXY may be a CGI header


class Origin(msgspec.Struct, frozen=True):
    """Where to connect to. `host` is the socket's path for the scheme `unix`."""

    scheme: str  # http, https, unix
    host: str
    port: int

    @property
    def authority(self) -> str:
        """What the Host header says."""
        if self.scheme == "unix":
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


class Address(msgspec.Struct, frozen=True):
    """An endpoint's URL, taken apart: its origin, and the path that stands before every request's own."""

    origin: Origin
    path: str = ""

    def __str__(self) -> str:
        if self.origin.scheme == "unix":
            return f"unix:{self.origin.host}"
        return f"{self.origin.scheme}://{self.origin.authority}{self.path}"


class Proxy(msgspec.Struct, frozen=True):
    origin: Origin
    credentials: str | None = None  # user:password


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds. `upload` is for the answer to a body that was sent whole."""

    connect: float = 5.0
    read: float = 30.0
    upload: float = 3600.0


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Which TLS servers to believe, and who we are to them."""

    verify: bool = True
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered, for a log: secrets are not masked here."""

    method: str
    url: str
    request_headers: Mapping[str, str]
    status: int | None  # None: no answer
    headers: Mapping[str, str]
    seconds: float
    at: float  # seconds since the epoch


Observer = Callable[[Exchange], None]
BodySender = Callable[["Wire"], None]


class Wire(http.client.HTTPConnection):
    """One connection; knows when it was last used, and connects so that a token can call it off."""

    def __init__(self, origin: Origin, limits: Limits, context: ssl.SSLContext | None, proxy: Proxy | None) -> None:
        super().__init__(origin.authority, timeout=limits.connect)
        self.origin, self.limits, self.proxy, self.used_at = origin, limits, proxy, time.monotonic()
        self.stream: socket.socket | None = None  # stays when http.client lets go of `sock` before the answer is read
        self.is_spoiled = False  # a body was broken off: what follows would be taken for the rest of it
        self._context = context

    def open(self, token: CancelToken) -> None:
        """Connect, through the proxy if there is one, and agree on TLS."""
        plain = self._connected(token)
        try:
            with token.watching(plain):
                self.sock = self.stream = self._secured(plain)
        except BaseException:
            plain.close()
            raise
        self.stream.settimeout(self.limits.read)

    def _connected(self, token: CancelToken) -> socket.socket:
        if self.proxy is None:
            return connected(self.origin, self.limits.connect, token)
        try:
            return connected(self.proxy.origin, self.limits.connect, token)
        except OSError as error:
            token.check()
            raise Unreachable(f"The proxy {self.proxy.origin.authority} cannot be reached: {error}.") from error

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._context is None:
            return plain
        if self.proxy:
            open_tunnel(plain, self.origin, self.proxy)
        return self._context.wrap_socket(plain, server_hostname=self.origin.host)

    def wait(self, seconds: float) -> None:
        """Allow this long for each later read or write."""
        if self.stream is not None:
            self.stream.settimeout(seconds)

    @property
    def is_usable(self) -> bool:
        """Whether the other side has left it open: a closed one is readable; so is one that says what nobody asked."""
        if self.sock is None or self.sock.fileno() < 0:
            return False
        return not is_readable(self.sock)


def is_readable(connection: socket.socket) -> bool:
    """Whether something has come already. Counts what TLS has in its own buffer."""
    if getattr(connection, "pending", int)():
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def connected(origin: Origin, seconds: float, token: CancelToken) -> socket.socket:
    """A connected socket; tries each address of a name in turn."""
    if origin.scheme == "unix":
        addresses: list[Any] = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", origin.host)]
    else:
        addresses = list(socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM))
    last: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        attempt = socket.socket(family, kind, protocol)
        try:
            with token.watching(attempt):
                attempt.settimeout(seconds)
                attempt.connect(address)
            if family != socket.AF_UNIX:
                attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            attempt.close()
            last = error
        except BaseException:
            attempt.close()
            raise
        else:
            return attempt
    raise last or OSError("the name has no address")


class Transport:
    """Sends requests to any origin. `observer` hears of every exchange; `read_only` refuses all but GET and HEAD."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        trust: Trust | None = None,
        observer: Observer | None = None,
        read_only: bool = False,
        user_agent: str = "glancetui",
    ) -> None:
        self.limits = limits or Limits()
        self.read_only = read_only
        self._trust = trust or Trust()
        self._observer = observer
        self._user_agent = user_agent
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Wire]] = {}
        self._tls: ssl.SSLContext | None = None

    def close(self) -> None:
        """Close idle connections; those in use end with their request."""
        with self._lock:
            wires = [wire for kept in self._idle.values() for wire in kept]
            self._idle.clear()
        for wire in wires:
            wire.close()

    def request(
        self,
        method: str,
        address: Address,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        token: CancelToken | None = None,
        changes: bool | None = None,
    ) -> Answer:
        """Send a request and read its whole answer. Raises Unreachable, ServerFault, Cancelled, ReadOnly.

        `changes` says whether it alters anything there, where the method alone would tell it wrongly.
        """
        with self.open(method, address, target, headers=headers, body=body, token=token, changes=changes) as response:
            return read_whole(response, address)

    @contextlib.contextmanager
    def open(
        self,
        method: str,
        address: Address,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        sender: BodySender | None = None,
        token: CancelToken | None = None,
        changes: bool | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request and hand out its answer for reading. `sender` writes a body that is not in memory.

        Reading inside the block raises the same errors as sending. Leaving it early closes the connection.
        """
        if self.read_only and (changes if changes is not None else method not in {"GET", "HEAD"}):
            raise ReadOnly(method)
        watch = token or CancelToken()
        repeatable = method in {"GET", "HEAD"}
        with self._explained(address, watch):
            wire, response = self._exchange(
                method, address, target, dict(headers or {}), body, sender, watch, repeatable=repeatable
            )
            try:
                with watching(watch, wire):
                    yield response
            except BaseException:
                response.close()
                wire.close()
                raise
            self._give_back(wire, response)

    def _exchange(
        self,
        method: str,
        address: Address,
        target: str,
        headers: dict[str, str],
        body: bytes | None,
        sender: BodySender | None,
        token: CancelToken,
        *,
        repeatable: bool,
    ) -> tuple[Wire, http.client.HTTPResponse]:
        wire = self._take(address.origin, fresh=not repeatable)
        reused = wire is not None
        wire = wire or self._new_wire(address.origin, token)
        try:
            return wire, self._send(wire, method, address, target, headers, body, sender, token)
        except (http.client.HTTPException, OSError):
            wire.close()
            token.check()
            if not (reused and repeatable):
                raise
        except BaseException:
            wire.close()
            raise
        wire = self._new_wire(address.origin, token)  # it had been closed just as we took it
        try:
            return wire, self._send(wire, method, address, target, headers, body, sender, token)
        except BaseException:
            wire.close()
            raise

    def _send(
        self,
        wire: Wire,
        method: str,
        address: Address,
        target: str,
        headers: dict[str, str],
        body: bytes | None,
        sender: BodySender | None,
        token: CancelToken,
    ) -> http.client.HTTPResponse:
        started, at = time.monotonic(), time.time()
        path = address.path + target
        full = headers | {"Host": address.origin.authority, "User-Agent": self._user_agent}
        if body is not None:
            full["Content-Length"] = str(len(body))
        if wire.proxy and address.origin.scheme == "http":
            path = f"http://{address.origin.authority}{path}"
            full |= proxy_credentials(wire.proxy)
        status: int | None = None
        answered: Mapping[str, str] = {}
        try:
            with watching(token, wire):
                response = self._speak(wire, method, path, full, body, sender)
            status, answered = response.status, header_map(response)
            return response
        finally:
            if self._observer:
                seconds = time.monotonic() - started
                url = f"{address}{target}"
                self._observer(
                    Exchange(
                        method=method,
                        url=url,
                        request_headers=full,
                        status=status,
                        headers=answered,
                        seconds=seconds,
                        at=at,
                    )
                )

    def _speak(
        self,
        wire: Wire,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        sender: BodySender | None,
    ) -> http.client.HTTPResponse:
        wire.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            try:
                wire.putheader(name, value)
            except ValueError as error:  # a line break or a letter beyond Latin-1, from whatever made the value
                raise BadRequest(f"The header {name} cannot carry the value that it was given.") from error
        wire.endheaders(body)
        if sender is None:
            return wire.getresponse()
        try:
            sender(wire)
        except (BrokenPipeError, ConnectionResetError) as error:
            return self._early_answer(wire, error)
        wire.wait(self.limits.upload)
        response = wire.getresponse()
        wire.wait(self.limits.read)
        return response

    def _early_answer(self, wire: Wire, broken: OSError) -> http.client.HTTPResponse:
        """A server that refuses an upload may answer and hang up before the body is through: its answer tells why."""
        wire.is_spoiled = True
        try:
            return wire.getresponse()
        except (http.client.HTTPException, OSError):
            raise broken from None

    def _take(self, origin: Origin, *, fresh: bool) -> Wire | None:
        limit = time.monotonic() - (FRESH_SECONDS if fresh else IDLE_SECONDS)
        while True:
            with self._lock:
                kept = self._idle.get(origin)
                wire = kept.pop() if kept else None
            if wire is None or (wire.used_at >= limit and wire.is_usable):
                return wire
            wire.close()

    def _new_wire(self, origin: Origin, token: CancelToken) -> Wire:
        token.check()
        proxy = proxy_for(origin)
        wire = Wire(origin, self.limits, self._context() if origin.scheme == "https" else None, proxy)
        wire.open(token)
        return wire

    def _give_back(self, wire: Wire, response: http.client.HTTPResponse) -> None:
        """Keep the connection if the answer was read to its end and the server keeps it too."""
        if not response.isclosed() or wire.sock is None or wire.is_spoiled:
            response.close()
            wire.close()
            return
        wire.used_at = time.monotonic()
        with self._lock:
            self._idle.setdefault(wire.origin, []).append(wire)

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            self._tls = self._tls or tls_context(self._trust)
            return self._tls

    @contextlib.contextmanager
    def _explained(self, address: Address, token: CancelToken) -> Iterator[None]:
        """Turn what sockets and parsers raise into one sentence that names the endpoint."""
        try:
            yield
        except (http.client.HTTPException, OSError) as error:
            if token.cancelled:
                raise Cancelled from error
            raise explained(error, address) from error


def explained(error: Exception, address: Address) -> Unreachable | ServerFault:
    """The sentence for a failure below HTTP."""
    where = str(address)
    if isinstance(error, TimeoutError):
        return Unreachable(f"{where} did not answer in time.")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"Nothing listens at {where}: the connection was refused.")
    if isinstance(error, socket.gaierror):
        return Unreachable(f"The name {address.origin.host!r} is not known here: {error.strerror}.")
    if isinstance(error, (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionError)):
        return Unreachable(f"{where} broke the connection off.")
    if isinstance(error, http.client.HTTPException):
        return ServerFault(f"{where} does not speak HTTP as it should: {type(error).__name__} {error}.")
    if isinstance(error, FileNotFoundError):
        return Unreachable(f"There is no socket {address.origin.host}.")
    if type(error).__name__ == "SSLCertVerificationError":
        why = getattr(error, "verify_message", error)
        return Unreachable(f"The certificate of {where} is not trusted: {why}. Name its authority with --os-cacert.")
    return Unreachable(f"{where} cannot be reached: {error}.")


def watching(token: CancelToken, wire: Wire) -> contextlib.AbstractContextManager[None]:
    return token.watching(wire.stream) if wire.stream is not None else contextlib.nullcontext()


def read_whole(response: http.client.HTTPResponse, address: Address) -> Answer:
    """An answer with all of its body. Raises ServerFault if that is too large to be a document."""
    data = response.read(LARGEST_DOCUMENT + 1)
    if response.length:  # a short read with a limit is no error to http.client
        raise http.client.IncompleteRead(data, response.length)
    if len(data) > LARGEST_DOCUMENT:
        raise ServerFault(f"{address} answered with more than {LARGEST_DOCUMENT >> 20} MiB where a document belongs.")
    return Answer(status=response.status, headers=header_map(response), body=data)


def header_map(response: http.client.HTTPResponse) -> Mapping[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def tls_context(trust: Trust) -> ssl.SSLContext:
    import ssl

    try:
        context = ssl.create_default_context(cafile=trust.cacert)
        if trust.cert:
            context.load_cert_chain(trust.cert, trust.key)
    except OSError as error:
        raise ConfigError(
            f"The certificates {trust.cacert or ''} {trust.cert or ''} cannot be read: {error}."
        ) from error
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


# Addresses ------------------------------------------------------------------------------------------------------------


def address_of(url: str) -> Address:
    """Take an endpoint's URL apart: http://HOST:PORT/PATH, https://…, unix:PATH. Raises ConfigError."""
    if url.startswith("unix:"):
        path = unquote(url.removeprefix("unix:").removeprefix("//"))
        if not path:
            raise ConfigError(f"The endpoint {url!r} names no socket; write unix:/path/to/socket.")
        return Address(Origin("unix", path, 0))
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"The endpoint {url!r} is no URL: {error}.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"The endpoint {url!r} must look like http://host:9292, https://host/image or unix:/path.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("An endpoint holds no user or password; use OS_USERNAME and OS_PASSWORD or clouds.yaml.")
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    return Address(Origin(parts.scheme, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme]), path)


def is_loopback(origin: Origin) -> bool:
    return origin.scheme == "unix" or origin.host in {"localhost", "::1"} or origin.host.startswith("127.")


def proxy_for(origin: Origin) -> Proxy | None:
    """The proxy that the environment names for an origin; never one for this machine itself."""
    if is_loopback(origin):
        return None
    found = next((os.environ[name] for name in PROXY_VARIABLES[origin.scheme] if os.environ.get(name)), None)
    if not found or is_excepted(origin.host, os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""):
        return None
    refusal = ConfigError(
        f"The proxy for {origin.host} must be given as http://host:port."
    )  # its own may hold a password
    try:
        parts = urlsplit(found if "://" in found else f"http://{found}")
        port = parts.port or 80
    except ValueError:
        raise refusal from None
    if parts.scheme != "http" or not parts.hostname:
        raise refusal
    user = None if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(Origin("http", parts.hostname, port), user)


def is_excepted(host: str, exceptions: str) -> bool:
    names = [name.strip().lstrip(".").lower() for name in exceptions.split(",") if name.strip()]
    return "*" in names or any(host.lower() == name or host.lower().endswith(f".{name}") for name in names)


def proxy_credentials(proxy: Proxy) -> Mapping[str, str]:
    if proxy.credentials is None:
        return {}
    import base64

    return {"Proxy-Authorization": "Basic " + base64.b64encode(proxy.credentials.encode()).decode()}


def open_tunnel(plain: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask a proxy for a way through to `origin`; bytes beyond its answer are left unread. Raises Unreachable."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{host}:{origin.port}"
    lines = [
        f"CONNECT {target} HTTP/1.1",
        f"Host: {target}",
        *(f"{k}: {v}" for k, v in proxy_credentials(proxy).items()),
    ]
    plain.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = plain.recv(1)
        if not byte or len(head) > 65_536:
            raise Unreachable(f"The proxy {proxy.origin.authority} hung up when asked for a way to {target}.")
        head += byte
    status_line = head.splitlines()[0].decode("latin-1")
    if not re.match(r"HTTP/\S+ 2\d\d(\s|$)", status_line):
        raise Unreachable(f"The proxy {proxy.origin.authority} lets nobody through to {target}: {status_line!r}.")
