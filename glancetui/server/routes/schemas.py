"""/v2/schemas/…: the documents that describe what the API sends and takes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server import wire
from glancetui.server.json_body import no_body
from glancetui.server.routes.answers import json_answer
from glancetui.server.routing import Route, caller_of, service_of


async def show_schema(request: Request) -> Response:
    """GET /v2/schemas/NAME"""
    await no_body(request)
    name = request.url.path.rpartition("/")[2]
    document = service_of(request).images.schema(caller_of(request), name)
    return json_answer(request, wire.encode(document), tagged=True)


ROUTES = tuple(
    Route("GET", f"/v2/schemas/{name}", show_schema)
    for name in ("image", "images", "member", "members", "task", "tasks")
)
