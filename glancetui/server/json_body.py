"""Bodies of the JSON routes: bounded in bytes, depth and patience, decoded strictly, or refused."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.types import Message

from glancetui.config.settings import ServerSettings
from glancetui.errors import BadRequest, GlancetuiError, LimitExceeded
from glancetui.server.body import broken, stalled
from glancetui.server.routing import service_of


async def json_body(request: Request, limits: ServerSettings) -> object:
    """The decoded body. Raises BadRequest for none and for what is no JSON; LimitExceeded; BodyBroken, BodyTimeout."""
    too_long = LimitExceeded(f"The body is longer than {limits.max_json_bytes} bytes. Send less at once.")
    raw = await _read(request, limits.max_json_bytes, too_long, limits.body_idle_seconds)
    if not raw:
        raise BadRequest("A JSON body is needed here.")
    try:
        body: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    if raw.count(b"[") + raw.count(b"{") > limits.max_json_depth and _deeper_than(body, limits.max_json_depth):
        raise BadRequest(f"The body is nested deeper than {limits.max_json_depth} levels.")
    return body


async def json_object(request: Request, limits: ServerSettings) -> dict[str, object]:
    """As `json_body`, and the body must be a JSON object."""
    body = await json_body(request, limits)
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return body


async def no_body(request: Request) -> None:
    """Raises BadRequest where a body came to a route that takes none."""
    if "transfer-encoding" not in request.headers and request.headers.get("content-length", "0") == "0":
        return
    refusal = BadRequest("This call takes no body. Leave it out.")
    await _read(request, 0, refusal, service_of(request).settings.server.body_idle_seconds)


async def _read(request: Request, most: int, too_long: GlancetuiError, idle_seconds: float) -> bytes:
    parts = bytearray()
    more = True
    while more:
        message = await _next(request, idle_seconds)
        parts += message.get("body", b"")
        if len(parts) > most:
            raise too_long
        more = message.get("more_body", False)
    return bytes(parts)


async def _next(request: Request, idle_seconds: float) -> Message:
    """The next piece. Our own server tells of a sender that stalls; for any other the time is taken here."""
    try:
        async with asyncio.timeout(idle_seconds * 1.5):
            message = await request.receive()
    except TimeoutError as error:
        raise stalled(idle_seconds) from error
    if message["type"] != "http.request":
        raise stalled(idle_seconds) if message.get("stalled") else broken(message.get("reason"))
    return message


def _deeper_than(value: object, levels: int) -> bool:
    """Breadth first, so that the depth of the value costs no stack."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [child for item in layer for child in _children(item)]
        if not layer:
            return False
    return True


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
