"""What the routes of metadata answer with."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server import wire


def json_answer(
    request: Request, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None, tagged: bool = False
) -> Response:
    """Encoded JSON. `tagged`: with an ETag, and 304 to a client that has this very answer."""
    if not tagged:
        return Response(body, status, headers, media_type="application/json")
    tag = wire.etag(body)
    known = request.headers.get("if-none-match")
    if request.method == "GET" and known is not None and _matches(known, tag):
        return Response(status_code=304, headers={"etag": tag})
    return Response(body, status, {**(headers or {}), "etag": tag}, media_type="application/json")


def nothing() -> Response:
    return Response(status_code=204)


def _matches(known: str, tag: str) -> bool:
    """If-None-Match compares weakly: W/ before a tag says nothing."""
    tags = {part.strip().removeprefix("W/") for part in known.split(",")}
    return tag in tags or "*" in tags
