"""/healthcheck as Glance's pipeline answers it, and /readyz, which also asks the registry; both without identity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from glancetui.errors import Unavailable
from glancetui.server.bridge import in_thread
from glancetui.server.errors import MethodNotAllowed
from glancetui.server.routing import service_of

READING = ("GET", "HEAD")


async def healthcheck(request: Request) -> Response:
    """OK, or 503 while the operator's file says that this node is to get no requests."""
    check_method(request)
    file = service_of(request).settings.server.disable_by_file_path
    if file is not None and await in_thread(request, file.exists):
        return text("DISABLED BY FILE", 503)
    return text("OK", 200)


async def readyz(request: Request) -> Response:
    """OK while this worker can reach its registry."""
    check_method(request)
    try:
        await in_thread(request, service_of(request).registry.check)
    except Unavailable as error:
        return text(str(error), 503)
    return text("OK", 200)


def check_method(request: Request) -> None:
    if request.method not in READING:
        raise MethodNotAllowed(request.method, READING)


def text(body: str, status: int) -> Response:
    return Response(body, status, media_type="text/plain")


Check = Callable[[Request], Awaitable[Response]]
CHECKS: Mapping[str, Check] = {"healthcheck": healthcheck, "readyz": readyz}
