"""Bodies of the JSON routes: bounded in bytes and depth, decoded strictly, or refused."""

from __future__ import annotations

import msgspec
from starlette.requests import ClientDisconnect, Request

from glancetui.config.settings import ServerSettings
from glancetui.errors import BadRequest, BodyBroken, LimitExceeded


async def json_body(request: Request, limits: ServerSettings) -> object:
    """The decoded body. Raises BadRequest for none and for what is no JSON; LimitExceeded; BodyBroken."""
    raw = await _read(request, limits.max_json_bytes)
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
    await _read(request, most=0, refusal=BadRequest("This call takes no body. Leave it out."))


async def _read(request: Request, most: int, refusal: Exception | None = None) -> bytes:
    parts = bytearray()
    try:
        async for chunk in request.stream():
            parts += chunk
            if len(parts) > most:
                raise refusal or LimitExceeded(f"The body is longer than {most} bytes.")
    except ClientDisconnect as error:
        raise BodyBroken("The sender went away in the middle of the body.") from error
    return bytes(parts)


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
