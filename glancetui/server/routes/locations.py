"""/v2/images/{image_id}/locations: where an image's data lies, for services."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server import wire
from glancetui.server.bridge import in_slow_thread, in_thread
from glancetui.server.json_body import json_object, no_body
from glancetui.server.routes.answers import json_answer
from glancetui.server.routing import Route, caller_of, service_of


async def list_locations(request: Request) -> Response:
    """GET /v2/images/{image_id}/locations"""
    await no_body(request)
    locations = service_of(request).locations
    found = await in_thread(request, locations.listed, caller_of(request), request.path_params["image_id"])
    return json_answer(request, wire.locations_json(found))


async def add_location(request: Request) -> Response:
    """POST /v2/images/{image_id}/locations"""
    service = service_of(request)
    body = await json_object(request, service.settings.server)
    # Slow: the host of the address is looked up.
    await in_slow_thread(request, service.locations.add, caller_of(request), request.path_params["image_id"], body)
    return Response(status_code=202)


ROUTES = (
    Route("GET", "/v2/images/{image_id}/locations", list_locations),
    Route("POST", "/v2/images/{image_id}/locations", add_location),
)
