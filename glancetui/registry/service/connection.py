"""One connection to the service, from the caller's side."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from glancetui.config.settings import RegistryAddress
from glancetui.errors import RegistryUnavailable
from glancetui.registry.service import access, frames
from glancetui.registry.service.access import Crowded
from glancetui.registry.service.frames import Answer, BrokenFrame, Hello
from glancetui.registry.service.signature import incompatible
from glancetui.registry.service.stream import Stream

if TYPE_CHECKING:
    import ssl

#: Seconds. For connecting; for sending; and for silence, after which it is asked whether the service still lives.
SILENCE = 3.0
#: Seconds: longer than the service waits for a database that is busy.
LONGEST_ANSWER = 60.0


class NotHeard(Exception):
    """The request was certainly not done."""


class Lost(Exception):
    """The request was sent and its answer never came."""


class Connection:
    """For one call at a time. `service` names the process at the other end."""

    def __init__(self, stream: Stream, service: str, local: bool) -> None:
        self._stream = stream
        self._local = local
        self.service = service
        self.sent_at = 0.0  # monotonic, as is:
        self.used_at = time.monotonic()

    def ask(self, number: int, content: bytes, is_alive: Callable[[], bool]) -> Answer:
        """Raises NotHeard, Lost. `is_alive` tells after a silence whether to wait on."""
        self._send(content)
        try:
            answer = self._receive(is_alive)
        except (OSError, BrokenFrame, msgspec.DecodeError) as error:
            raise Lost(str(error)) from error
        if answer.number == frames.GOODBYE:
            raise NotHeard("it is stopping")
        if answer.number != number:
            raise Lost("it answered another call")
        self.used_at = time.monotonic()
        return answer

    def close(self) -> None:
        self._stream.close()

    def _send(self, content: bytes) -> None:
        self.sent_at = time.monotonic()
        try:
            # What is sent to a unix socket that has been closed fails; over TCP, the first may seem to succeed.
            if not self._local and self._has_ended():
                raise NotHeard("it has ended the connection")
            self._stream.send(content)
        except OSError as error:
            raise NotHeard(f"the request could not be sent ({error.strerror or error})") from error

    def _has_ended(self) -> bool:
        """Whether there is anything to read: a goodbye, or the end."""
        plain, poll = self._stream.socket, select.poll()
        poll.register(plain, select.POLLIN)
        if not poll.poll(0):
            return False
        # Not the method of that name: under TLS it takes no flags. What is there may then be a session ticket.
        return not socket.socket.recv(plain, 1, socket.MSG_PEEK) or not hasattr(plain, "pending")

    def _receive(self, is_alive: Callable[[], bool]) -> Answer:
        while True:
            try:
                content = self._stream.frame()
            except TimeoutError:
                if time.monotonic() - self.sent_at > LONGEST_ANSWER:
                    raise BrokenFrame(f"no answer within {LONGEST_ANSWER:g} seconds") from None
                if not is_alive():
                    raise BrokenFrame("it does not answer any more") from None
            else:
                if content is None:
                    raise BrokenFrame("the connection ended")
                return frames.decode_answer(content)


def connect(address: RegistryAddress, secret: bytes, context: ssl.SSLContext | None, hello: Hello) -> Connection:
    """Raises RegistryUnavailable that says what is wrong with the service or with what it speaks."""
    try:
        stream = Stream(_connected(address, context), frames.LARGEST_HELLO)
        try:
            theirs = _introduced(stream, secret, hello)
        except BaseException:
            stream.close()
            raise
    except Crowded:
        raise
    except RegistryUnavailable as error:
        raise RegistryUnavailable(f"The registry service at {address} cannot be used: {error}.") from error
    except TimeoutError as error:
        raise RegistryUnavailable(
            f"The registry service at {address} did not answer within {SILENCE:g} seconds: it is overloaded or stopped."
        ) from error
    except (OSError, BrokenFrame, msgspec.DecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RegistryUnavailable(f"The registry service at {address} cannot be reached: {why}.") from error
    stream.allow(frames.LARGEST_ANSWER)
    if context is None:
        stream.time_out_in_kernel(SILENCE)
    return Connection(stream, theirs.name, address.path is not None)


def _connected(address: RegistryAddress, context: ssl.SSLContext | None) -> socket.socket:
    if address.path is not None:
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.settimeout(SILENCE)
        try:
            plain.connect(str(address.path))
        except BaseException:
            plain.close()
            raise
        return plain
    plain = socket.create_connection((address.host, address.port), SILENCE)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain if context is None else context.wrap_socket(plain, server_hostname=address.host)
    except BaseException:
        plain.close()
        raise


def _introduced(stream: Stream, secret: bytes, hello: Hello) -> Hello:
    access.introduce(stream, secret)
    stream.send(frames.encode(hello))
    content = stream.frame()
    if content is None:
        raise BrokenFrame("it ended the connection")
    theirs = frames.decode_hello(content)
    if theirs.fingerprint != hello.fingerprint:
        reason = incompatible(hello.interface, theirs.interface)
        if reason is not None:
            raise RegistryUnavailable(
                f"its release {theirs.release} does not fit this one, {hello.release}: {reason}. Upgrade the older one"
            )
    return theirs
