"""Connections to the service, and what is known of whether it is there."""

from __future__ import annotations

import logging
import threading
import time

from glancetui.config.settings import RegistryAddress, RegistrySettings
from glancetui.errors import RegistryUnavailable
from glancetui.registry.service import access
from glancetui.registry.service.access import Crowded
from glancetui.registry.service.connection import SILENCE, Connection, connect
from glancetui.registry.service.frames import Hello

log = logging.getLogger(__name__)

MOST = 16  # connections of a process: twice the threads that answer short requests
WAIT_SECONDS = 10.0  # for one of them to come free
IDLE_SECONDS = 60.0  # the service lets go after five times that
FIRST_NAP, LONGEST_NAP = 0.05, 2.0  # between two attempts to reach a service that is away


class Pool:
    """`patience`: seconds for which callers wait for a service that has just gone."""

    def __init__(self, address: RegistryAddress, settings: RegistrySettings, hello: Hello, patience: float) -> None:
        self._address = address
        self._secret = settings.secret.encode()
        self._context = access.caller_context(settings) if address.tls else None
        self._hello = hello
        self._patience = patience
        self._changed = threading.Condition()
        self._free: list[Connection] = []  # the one used last is taken first
        self._open = 0  # connections in use or being made
        self._away: RegistryUnavailable | None = None
        self._away_since = 0.0
        self._closed = threading.Event()
        self._returning: threading.Thread | None = None
        self._asking = threading.Lock()
        self._asked_at = 0.0

    def take(self, deadline: float | None, service: str | None) -> Connection:
        """A connection, for one call; to the process named `service` if there is one. Raises RegistryUnavailable."""
        while True:
            free = self._reserve(deadline, service)
            if free is not None:
                return free
            try:
                return connect(self._address, self._secret, self._context, self._hello)
            except Crowded:
                self._release()
                raise
            except RegistryUnavailable as error:
                self._release()
                self._note_away(error)
            except BaseException:
                self._release()
                raise

    def give_back(self, connection: Connection) -> None:
        with self._changed:
            self._open -= 1
            keep = not self._closed.is_set() and self._away is None
            if keep:
                self._free.append(connection)
            self._changed.notify()
        if not keep:
            connection.close()

    def drop(self, connection: Connection) -> None:
        connection.close()
        self._release()

    def is_alive(self) -> bool:
        """Whether the service still greets newcomers; threads that ask at the same time ask once."""
        wanted = time.monotonic()
        with self._asking:
            if self._asked_at >= wanted:
                return self._away is None
            try:
                connect(self._address, self._secret, self._context, self._hello).close()
            except Crowded:
                return True
            except RegistryUnavailable as error:
                self._note_away(error)
                return False
            finally:
                self._asked_at = time.monotonic()
        return True

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._close_free()
        if self._returning is not None:
            self._returning.join(SILENCE)  # whoever forks next must not do so in the middle of it

    # -- inside --------------------------------------------------------------------------------------------------------
    def _reserve(self, deadline: float | None, service: str | None) -> Connection | None:
        """A free connection, or None: the caller may make one."""
        with self._changed:
            full_until = time.monotonic() + WAIT_SECONDS
            while True:
                if self._closed.is_set():
                    raise RegistryUnavailable("This service is stopping.")
                if self._away is not None:
                    self._wait_for_return(self._away, deadline)
                elif (free := self._pick(service)) is not None:
                    self._open += 1
                    return free
                elif self._open + len(self._free) < MOST or self._free:
                    self._make_room()
                    self._open += 1
                    return None
                elif not self._changed.wait(full_until - time.monotonic()):
                    raise RegistryUnavailable("All connections to the registry service are in use. Try again.")

    def _pick(self, service: str | None) -> Connection | None:
        while self._free and time.monotonic() - self._free[0].used_at > IDLE_SECONDS:
            self._free.pop(0).close()
        for index in reversed(range(len(self._free))):
            if service in {None, self._free[index].service}:
                return self._free.pop(index)
        return None

    def _make_room(self) -> None:
        if self._open + len(self._free) >= MOST:
            self._free.pop(0).close()

    def _wait_for_return(self, away: RegistryUnavailable, deadline: float | None) -> None:
        until = self._away_since + self._patience
        left = (until if deadline is None else min(until, deadline)) - time.monotonic()
        if left <= 0 or not self._changed.wait(left):
            raise RegistryUnavailable(str(away))

    def _release(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def _note_away(self, error: RegistryUnavailable) -> None:
        with self._changed:
            first = self._away is None
            if str(error) != str(self._away):
                log.error("%s It is tried again until it answers.", error)
            self._away = error
            if first:
                self._away_since = time.monotonic()
                self._returning = threading.Thread(target=self._come_back, name="registry-return", daemon=True)
                self._returning.start()
        if first:
            self._close_free()

    def _come_back(self) -> None:
        """Tries again and again; the connection that succeeds is the first of the next ones."""
        nap = FIRST_NAP
        while not self._closed.wait(nap):
            nap = min(2 * nap, LONGEST_NAP)
            try:
                connection = connect(self._address, self._secret, self._context, self._hello)
            except RegistryUnavailable as error:
                self._note_away(error)
            else:
                log.info("The registry service at %s answers again.", self._address)
                with self._changed:
                    self._away = None
                    self._free.append(connection)
                    self._changed.notify_all()
                return

    def _close_free(self) -> None:
        with self._changed:
            free, self._free = self._free, []
        for connection in free:
            connection.close()
