"""Reads a URL without ever connecting to an address that was not checked.

The host is resolved once, and the connection goes to the address that was checked: a name whose second answer differs
is never asked a second time. Redirects pass the same filter. No proxy of the environment stands between. What the
other side may cost is bounded: head bytes, framing, silence, time.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urljoin

from glancetui.config.settings import FetchSettings
from glancetui.errors import FetchFailed
from glancetui.fetch.filter import Filter, Target
from glancetui.fetch.route import Route, words

Method = Literal["GET", "HEAD"]
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEAD_BYTES = 65_536
#: What framing may cost beside the body: chunks of a byte need six bytes each. Beyond it the sender plays for time.
FRAMING_FACTOR = 8
READ_AHEAD = 4 << 20  # bytes that may have come and not been asked for yet
BUFFER = 1 << 16
PIECE = 1 << 17
AGENT = "glancetui"
AGAIN = "Try again, or use another source."


class Fetched:
    """An answer that is being received: a ByteSource. Used by one thread."""

    def __init__(self, url: str, response: http.client.HTTPResponse, wire: Wire) -> None:
        self.url = url
        self.status = response.status
        self.place = response.headers.get("Location")  # where a redirect leads
        self.headers = response.headers
        self.declared_size: int | None = response.length
        self._response = response
        self._wire = wire
        self._received = 0

    def read_into(self, buffer: memoryview) -> int:
        """Raises FetchFailed when the sender goes away, stalls, or ends too early."""
        try:
            # It fills what it is given before it returns: a slow sender's progress would be seen only now and then.
            count = self._response.readinto(buffer[:PIECE])
        except (http.client.HTTPException, ValueError) as error:
            raise FetchFailed(
                "broken-off", f"{host_of(self.url)} broke off after {self._received} bytes. {AGAIN}"
            ) from error
        self._received += count
        self._wire.body += count
        if count == 0 and self.declared_size is not None and self._received < self.declared_size:
            raise FetchFailed(
                "broken-off", f"{host_of(self.url)} ended after {self._received} of {self.declared_size} bytes. {AGAIN}"
            )
        return count

    def read_all(self, most: int) -> bytes:
        """A small body, such as a document. Raises FetchFailed beyond `most` bytes."""
        data, piece = b"", memoryview(bytearray(BUFFER))
        while count := self.read_into(piece):
            data += piece[:count]
            if len(data) > most:
                raise FetchFailed("too-large", f"{host_of(self.url)} answered with more than {most} bytes.")
        return data


class Fetcher:
    """Callable from many threads."""

    def __init__(self, filter_: Filter, settings: FetchSettings, route: Route | None = None) -> None:
        self._filter = filter_
        self._settings = settings
        self._route = route or Route()

    def check(self, url: str) -> None:
        """Would this be read? Raises BadRequest. A host that cannot be found now may be there later: it passes."""
        target = self._filter.parse(url)
        try:
            self._filter.locate(target)
        except FetchFailed:
            return

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Fetched]:
        """The answer with a status of 200. Raises BadRequest for a URL that may not be read, also one that a redirect
        leads to; FetchFailed."""
        with self.ask(url, headers) as fetched:
            yield accepted(fetched)

    @contextmanager
    def ask(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        method: Method = "GET",
        seconds: float | None = None,
    ) -> Iterator[Fetched]:
        """As `open`, with whatever status, but no redirect. `seconds` bounds the whole of it."""
        deadline = time.monotonic() + min(self._settings.most_seconds, seconds or self._settings.most_seconds)
        for _ in range(MOST_REDIRECTS + 1):
            with self._ask(url, method, headers or {}, deadline) as fetched:
                if fetched.status not in REDIRECTS:
                    yield fetched
                    return
                url = redirected(fetched)
        raise FetchFailed("too-many-redirects", f"{host_of(url)} redirects more than {MOST_REDIRECTS} times.")

    @contextmanager
    def _ask(self, url: str, method: Method, headers: Mapping[str, str], deadline: float) -> Iterator[Fetched]:
        target = self._filter.locate(self._filter.parse(url))
        wire = Wire(self._route.connected(target), self._settings.idle_seconds, deadline, target.host)
        try:
            wire.sendall(head_of(target, method, headers))
            # Any: the class asks only for makefile, but says that it wants a socket.
            response = http.client.HTTPResponse(wire, method=method)  # type: ignore[arg-type]
            try:
                response.begin()
            except (http.client.HTTPException, ValueError) as error:
                raise FetchFailed(
                    "no-http", f"{target.host} does not answer as a web server does. Check the URL."
                ) from error
            check_length(response, target.host)
            wire.head_is_over = True
            try:
                yield Fetched(url, response, wire)
            finally:
                response.close()
        finally:
            wire.close()


class Wire(io.RawIOBase):
    """A socket that is read with bounds: each wait, the whole time, and all that is not body."""

    def __init__(self, connection: socket.socket, idle: float, deadline: float, host: str) -> None:
        super().__init__()
        self._socket = connection
        self._idle = idle
        self._deadline = deadline
        self._host = host
        self._received = 0
        self.body = 0
        self.head_is_over = False

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._idle)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise FetchFailed("broken-off", f"{self._host} took no request: {words(error)}.") from error

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, BUFFER)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever takes bytes, as RawIOBase has it
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._too_slow()
        self._socket.settimeout(min(self._idle, left))
        try:
            count = self._socket.recv_into(buffer)
        except TimeoutError as error:
            if left < self._idle:
                raise self._too_slow() from error
            raise FetchFailed("stalled", f"{self._host} sent nothing for {self._idle:g} seconds. {AGAIN}") from error
        except OSError as error:
            raise FetchFailed("broken-off", f"The connection to {self._host} broke: {words(error)}. {AGAIN}") from error
        self._received += count
        allowed = FRAMING_FACTOR * self.body + READ_AHEAD if self.head_is_over else HEAD_BYTES + BUFFER
        if self._received > allowed + self.body:
            raise FetchFailed("too-large", f"{self._host} sends more headers than data.")
        return count

    def _too_slow(self) -> FetchFailed:
        return FetchFailed("too-slow", f"{self._host} takes too long. {AGAIN}")

    def close(self) -> None:
        self._socket.close()
        super().close()


def head_of(target: Target, method: Method, headers: Mapping[str, str]) -> bytes:
    lines = {
        "Host": target.authority, "User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity",
        "Connection": "close", **headers,
    }  # fmt: skip
    for name, value in lines.items():
        if not (name.isascii() and value.isascii() and value.isprintable()):
            raise FetchFailed("no-http", f"The header {name} cannot be sent.")
    head = f"{method} {target.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode("ascii") + b"\r\n"


def check_length(response: http.client.HTTPResponse, host: str) -> None:
    """A length that says nothing, or two things: where the data end is then anybody's guess."""
    told = {part.strip() for each in response.headers.get_all("Content-Length", ()) for part in each.split(",")}
    if not response.chunked and told and (len(told) > 1 or not all(map(is_number, told))):
        raise FetchFailed("no-http", f"{host} says of its data how long they are in a way that makes no sense.")


def is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def accepted(fetched: Fetched) -> Fetched:
    if fetched.status != 200:
        raise FetchFailed(
            "refused", f"{host_of(fetched.url)} answered {fetched.status}, not with the data. Check the URL."
        )
    return fetched


def redirected(fetched: Fetched) -> str:
    if not fetched.place:
        raise FetchFailed("no-http", f"{host_of(fetched.url)} redirects to nowhere.")
    return urljoin(fetched.url, fetched.place.strip())


def host_of(url: str) -> str:
    return url.split("/")[2] if url.count("/") >= 2 else url
