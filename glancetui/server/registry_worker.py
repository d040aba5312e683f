"""One process of `serve registry`: the database behind the private service, and an orderly end. No HTTP is loaded."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence

from glancetui.config.folders import sqlite_file
from glancetui.config.masking import mask_urls
from glancetui.config.settings import DatabaseSettings, Settings
from glancetui.errors import GlancetuiError
from glancetui.images.worker import node_name
from glancetui.registry.interface import Registry
from glancetui.registry.open import open_database
from glancetui.registry.service import access
from glancetui.registry.service.operations import operations_of
from glancetui.registry.service.server import Service
from glancetui.server import records
from glancetui.server.heartbeat import Heart
from glancetui.server.starting import raise_file_limit, say

log = logging.getLogger(__name__)


def serve(
    settings: Settings, sockets: Sequence[socket.socket], ready: int, lifeline: int, reload: Callable[[], Settings]
) -> int:
    """Run in the forked process. Writes a line to the descriptor `ready`: empty once it answers, else what is wrong;
    then that it still does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    raise_file_limit()
    threading.Thread(target=_follow, args=(lifeline,), name="lifeline", daemon=True).start()
    try:
        tls = any(address.tls for address in settings.registry.listen)
        context = access.service_context(settings.registry) if tls else None
        registry = open_database(settings, node_name())
    except GlancetuiError as error:
        log.critical("%s", error)
        say(ready, str(error))
        return 1
    shared = settings.registry.workers > 1
    service = Service(registry, operations_of(Registry), settings.registry.secret.encode(), shared=shared)
    signal.signal(signal.SIGTERM, lambda *_: service.stop())
    signal.signal(signal.SIGHUP, lambda *_: _reload(reload))
    # The supervisor forked with these blocked, so that none is lost, or kills, before there is a handler.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP})
    say(ready, "")
    clean = service.run(sockets, context, settings.server.drain_seconds, Heart(ready).beat)
    registry.close()
    return 0 if clean else 1


def named(database: DatabaseSettings) -> str:
    """The database, for people."""
    file = sqlite_file(database.connection)
    return str(file) if file is not None else mask_urls(database.connection)


def _reload(reload: Callable[[], Settings]) -> None:
    try:
        records.set_up(reload())
    except GlancetuiError as error:
        log.error("The settings stay as they were: %s", error)  # noqa: TRY400 - the sentence says it all
    else:
        log.info("Logging was read again.")


def _follow(lifeline: int) -> None:
    """The supervisor was killed: a successor must find the addresses and the data folder free, now."""
    os.read(lifeline, 1)
    os._exit(1)
