"""One process that serves: the event loop, the application, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from glancetui.config.settings import Settings
from glancetui.errors import GlancetuiError
from glancetui.server import records
from glancetui.server.app import Application
from glancetui.server.build import Service, build
from glancetui.server.heartbeat import Heart
from glancetui.server.limits import WireLimits
from glancetui.server.protocol import ServiceProtocol
from glancetui.server.starting import raise_file_limit, say

log = logging.getLogger(__name__)

Reload = Callable[[], Settings]

TICK_SECONDS = 1.0
CUT_SECONDS = 3.0  # what uploads that were cut at the end of the drain get to undo themselves


class Worker:
    """Serves on `sockets` until SIGTERM, or until `lifeline` shows that the supervisor is gone."""

    def __init__(
        self, settings: Settings, sockets: Sequence[socket.socket], lifeline: int, reload: Reload, heart: Heart
    ) -> None:
        self._settings = settings
        self._heart = heart
        self._sockets = sockets
        self._lifeline = lifeline
        self._reload = reload
        self._state = ServerState()
        self._stop = asyncio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        """Raises GlancetuiError where the service cannot be built."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._lifeline, _follow_supervisor)
        service = build(self._settings)
        self._refresh_date()
        servers = [await self._listen(loop, listener, service) for listener in self._sockets]
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup, service)
        # The supervisor forked with these blocked, so that none is lost, or kills, before there is a handler.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGHUP})
        service.housekeeping.start()
        if service.notifications is not None:
            service.notifications.start()
        service.jobs.start()
        if service.cache is not None:
            service.cache.keeper.start()
        ready()
        await self._tick_until_stopped()
        for server in servers:
            server.close()
        await self._drain(service)
        await loop.run_in_executor(None, service.close)

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, listener: socket.socket, service: Service
    ) -> asyncio.AbstractServer:
        config = uvicorn.Config(
            Application(service), interface="asgi3", http=ServiceProtocol, ws="none", lifespan="off", log_config=None,
            access_log=False, proxy_headers=False, server_header=False,
        )  # fmt: skip
        config.load()
        protocol: Any = functools.partial(
            ServiceProtocol, config, self._state, {}, limits=WireLimits.of(self._settings.server), pools=service.pools
        )
        if listener.family == socket.AF_UNIX:
            return await loop.create_unix_server(protocol, sock=listener)
        return await loop.create_server(protocol, sock=listener)

    def _on_hangup(self, service: Service) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._reload_what_can_be, service)

    def _reload_what_can_be(self, service: Service) -> None:
        service.policy.reload_if_changed()
        service.images.protections.reload()
        try:
            records.set_up(self._reload())
        except GlancetuiError as error:
            log.error("The settings stay as they were: %s", error)  # noqa: TRY400 - the sentence says it all
        else:
            log.info("Policy, property protections and logging were read again.")

    async def _tick_until_stopped(self) -> None:
        while not self._stop.is_set():
            self._tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), TICK_SECONDS)

    def _tick(self) -> None:
        self._heart.beat()
        self._refresh_date()
        now = time.monotonic()
        for connection in tuple(self._connections()):
            connection.tick(now)

    def _connections(self) -> set[ServiceProtocol]:
        return self._state.connections  # type: ignore[return-value]  # all are made by _listen

    def _refresh_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]

    async def _drain(self, service: Service) -> None:
        """Idle connections end now, busy ones after their answer; what still runs after `drain_seconds` is cut.

        Jobs get the same time, and are then handed over.
        """
        service.jobs.close_claims()
        for connection in tuple(self._connections()):
            connection.shutdown()
        if await self._until(
            lambda: not self._connections() and not service.jobs.busy, self._settings.server.drain_seconds
        ):
            return
        log.warning("%d connections are cut at the end of the drain.", len(self._connections()))
        for connection in tuple(self._connections()):
            connection.cut()
        await self._until(lambda: not self._state.tasks and not service.pools.uploads.busy, CUT_SECONDS)

    async def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() >= deadline:
                return False
            self._tick()
            await asyncio.sleep(0.02)
        return True


def serve(settings: Settings, sockets: Sequence[socket.socket], ready: int, lifeline: int, reload: Reload) -> int:
    """Run in the forked process. Writes a line to the descriptor `ready`: empty once it answers, else what is wrong.
    Then it goes on to say there that it still does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGCHLD})
    raise_file_limit()
    try:
        uvloop.run(Worker(settings, sockets, lifeline, reload, Heart(ready)).run(lambda: say(ready, "")))
    except GlancetuiError as error:
        log.critical("%s", error)
        say(ready, str(error))
        return 1
    except Exception as error:
        log.exception("The worker failed.")
        say(ready, f"The worker failed: {error!r}. The log says more.")
        return 1
    return 0


def _follow_supervisor() -> None:
    """The supervisor was killed: a successor must find the addresses and the data folder free, now."""
    os._exit(1)
