"""/healthcheck as Glance's pipeline answers it, and /readyz, which also asks registry and store; without identity."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from glancetui.config.settings import HealthSettings
from glancetui.errors import Forbidden, GlancetuiError
from glancetui.server.bridge import Pools, in_thread
from glancetui.server.errors import MethodNotAllowed, told
from glancetui.server.peers import is_among, is_local_socket
from glancetui.server.routing import service_of

READING = ("GET", "HEAD")
log = logging.getLogger(__name__)

PRIVATE = "It cannot be used now. The operator finds the reason in the log."
PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix")
PROBE_SECONDS = 5.0  # a balancer has gone on by then


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What this worker depends on, as it is now. `error` is a sentence; the log has the reason, which names places."""

    name: str
    ready: bool
    error: str | None = None


class Probes:
    """Asks each part once at a time, however many want to know: a part that hangs holds one thread, not all."""

    def __init__(self, parts: Mapping[str, Callable[[], str | None]], pools: Pools) -> None:
        """`parts`: by name, a call that says what is wrong, or raises it; it may take its time."""
        self._parts = parts
        self._pools = pools
        self._asked: dict[str, asyncio.Task[str | None]] = {}
        self._logged: dict[str, str | None] = {}

    async def look(self) -> list[Part]:
        """In at most PROBE_SECONDS."""
        asked = [self._ask(name) for name in self._parts]
        await asyncio.wait(asked, timeout=PROBE_SECONDS)
        return [self._part(name, task) for name, task in zip(self._parts, asked, strict=True)]

    def _ask(self, name: str) -> asyncio.Task[str | None]:
        task = self._asked.get(name)
        if task is None or task.done():
            task = self._asked[name] = asyncio.create_task(self._pools.slow.run(self._parts[name]))
            task.add_done_callback(lambda ended: ended.exception())  # else one that ends too late is complained of
        return task

    def _part(self, name: str, task: asyncio.Task[str | None]) -> Part:
        public, reason = _found(task)
        if reason != self._logged.get(name):
            self._logged[name] = reason
            log.log(logging.WARNING if reason else logging.INFO, "Ready, %s: %s", name, reason or "it answers again.")
        return Part(name=name, ready=reason is None, error=public)


def _found(task: asyncio.Task[str | None]) -> tuple[str | None, str | None]:
    """What is wrong: for everybody, and for the operator's log."""
    if not task.done():
        silent = f"It has not answered within {PROBE_SECONDS:g} seconds."
        return silent, silent
    error = task.exception()
    if error is None:
        return (PRIVATE if task.result() else None), task.result()
    if isinstance(error, GlancetuiError):
        return told(error), str(error)
    raise error


async def healthcheck(request: Request) -> Response:
    """OK, or 503 while the operator's files say that this node, or this port of it, is to get no requests.

    Raises Forbidden for those who may not ask.
    """
    check_method(request)
    health = service_of(request).settings.server.health
    check_asker(request, health)
    disabled = [health.disabled_by, health.disabled_on_port.get(port_of(request))]
    if await in_thread(request, _any_exists, [file for file in disabled if file is not None]):
        return text("DISABLED BY FILE", 503)
    if not await in_thread(request, _all_exist, health.enabled_by):
        return text("FILE PATH MISSING", 503)
    return text("OK", 200)


def check_asker(request: Request, health: HealthSettings) -> None:
    """Raises Forbidden."""
    if health.ignore_proxied and any(name in request.headers for name in PROXIES):
        raise Forbidden("This is not answered through a proxy. Ask this node itself.")
    if not health.networks or is_local_socket(request.scope):
        return
    host = request.client.host if request.client else ""
    if not is_among(host, [ip_network(each, strict=False) for each in health.networks]):
        raise Forbidden("Your address may not ask this. The operator lists those that may.")


def port_of(request: Request) -> int:
    """The port that the request came to; 0 for a unix socket."""
    server = request.scope.get("server")
    return int(server[1] or 0) if server else 0


def _any_exists(files: Sequence[Path]) -> bool:
    return any(file.exists() for file in files)


def _all_exist(files: Sequence[Path]) -> bool:
    return all(file.exists() for file in files)


async def readyz(request: Request) -> Response:
    """200 while registry and default store answer; else 503. In either case all parts, and what is wrong with them."""
    check_method(request)
    parts = await service_of(request).probes.look()
    ready = all(part.ready for part in parts)
    document: dict[str, Any] = {"ready": ready, "parts": parts}  # Any: as JSON has it
    return Response(msgspec.json.encode(document), 200 if ready else 503, media_type="application/json")


def check_method(request: Request) -> None:
    if request.method not in READING:
        raise MethodNotAllowed(request.method, READING)


def text(body: str, status: int) -> Response:
    return Response(body, status, media_type="text/plain")


Check = Callable[[Request], Awaitable[Response]]
CHECKS: Mapping[str, Check] = {"healthcheck": healthcheck, "readyz": readyz}
