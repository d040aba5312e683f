"""The caller's end: an object with the interface's methods, each of which is carried to the service and back.

What is done when the service goes away, by what is known of the call:

- not all of the request could be sent, or the service said goodbye before reading it: it was not done; sent again;
- sent, and the answer never came: a repeatable call is asked again. Any other is sent again only to the very process
  that it was sent to, which remembers what it has done; if that is gone, nobody knows, and RegistryUnavailable says so.

The first callers to find the service away wait for it a little; those who come later are refused at once, until a
thread of its own, which tries again and again, has reached it.
"""

from __future__ import annotations

import functools
import itertools
import logging
import secrets
import time
from typing import Any

import msgspec

from glancetui import __version__
from glancetui.config.settings import RegistryAddress, RegistrySettings
from glancetui.errors import LimitExceeded, RegistryUnavailable
from glancetui.registry.interface import Actor
from glancetui.registry.service import frames
from glancetui.registry.service.connection import Connection, Lost, NotHeard
from glancetui.registry.service.faults import error_of
from glancetui.registry.service.frames import Hello, Request
from glancetui.registry.service.operations import Operation, Operations
from glancetui.registry.service.pool import Pool
from glancetui.registry.service.signature import fingerprint, interface_of

log = logging.getLogger(__name__)

PATIENCE = 3.0  # seconds that a call waits for a service that has gone: about what its restart takes


class Remote:
    """Has a method for each operation. Usable from many threads; not across a fork."""

    def __init__(
        self,
        operations: Operations,
        address: RegistryAddress,
        settings: RegistrySettings,
        node: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Connects with the first call. `node` is told of actors who name none: the service's own would be wrong.

        Raises ConfigError for certificates that cannot be loaded.
        """
        interface = interface_of(operations)
        hello = Hello(
            release=__version__,
            name=secrets.token_hex(16),
            fingerprint=fingerprint(interface),
            interface=interface,
        )
        self._pool = Pool(address, settings, hello, patience)
        self._patience = patience
        self._numbers = itertools.count(1)
        self._node = node
        for name, operation in operations.items():
            setattr(self, name, functools.partial(self._call, operation))

    def close(self) -> None:
        """Running calls fail; further ones raise RegistryUnavailable."""
        self._pool.close()

    def _call(self, operation: Operation, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the interface's types
        located = [self._located(argument) for argument in arguments]
        packed = operation.packed(*located, **{name: self._located(argument) for name, argument in named.items()})
        request = Request(next(self._numbers), operation.name, packed)
        content = frames.encode(request)
        if len(content) > frames.LARGEST_REQUEST:
            raise LimitExceeded(
                f"What {operation.name} is to write has {len(content)} bytes; {frames.LARGEST_REQUEST} are the most."
            )
        answer = _Call(self._pool, operation, request, content, self._patience).answer()
        if answer.fault is not None:
            raise error_of(answer.fault)
        try:
            return operation.decode_result(answer.result)
        except msgspec.DecodeError as error:
            raise RegistryUnavailable(
                f"What the registry service answered to {operation.name} cannot be understood: {error}. "
                "Run the same release on both sides."
            ) from error

    def _located(self, argument: object) -> object:
        if isinstance(argument, Actor) and argument.node is None:
            return msgspec.structs.replace(argument, node=self._node)
        return argument


class _Call:
    """One call, however often it has to be sent."""

    def __init__(self, pool: Pool, operation: Operation, request: Request, content: bytes, patience: float) -> None:
        self._pool = pool
        self._operation = operation
        self._request = request
        self._content = content
        self._patience = patience
        self._deadline: float | None = None  # set by the first failure
        self._sent_to: str | None = None  # the process that may have done it
        self._sent_at = 0.0

    def answer(self) -> frames.Answer:
        while True:
            connection = self._connection()
            if self._sent_to not in {None, connection.service}:
                self._pool.give_back(connection)
                raise self._unknown()
            try:
                answer = connection.ask(self._request.number, self._message(), self._pool.is_alive)
            except NotHeard as error:
                self._failed(connection, error)
            except Lost as error:
                if not self._operation.repeatable and self._sent_to is None:
                    self._sent_to, self._sent_at = connection.service, connection.sent_at
                self._failed(connection, error)
            else:
                self._pool.give_back(connection)
                return answer

    def _connection(self) -> Connection:
        try:
            return self._pool.take(self._deadline, self._sent_to)
        except RegistryUnavailable as error:
            if self._sent_to is None:
                raise
            raise self._unknown() from error

    def _message(self) -> bytes:
        if self._sent_to is None:
            return self._content
        age = time.monotonic() - self._sent_at
        return frames.encode(Request(self._request.number, self._operation.name, self._request.arguments, age))

    def _failed(self, connection: Connection, error: Exception) -> None:
        """Raises RegistryUnavailable where it has been tried long enough."""
        self._pool.drop(connection)
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._patience
        elif now > self._deadline:
            if self._sent_to is not None:
                raise self._unknown() from error
            raise RegistryUnavailable(f"The registry service went away: {error}.") from error

    def _unknown(self) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"The registry service went away before it answered {self._operation.name}: nobody knows whether that was "
            "done. Look, then try again."
        )
