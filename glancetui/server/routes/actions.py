"""/v2/images/{image_id}/actions/…"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server.bridge import in_thread
from glancetui.server.json_body import no_body
from glancetui.server.routes.answers import nothing
from glancetui.server.routes.conditions import if_match
from glancetui.server.routes.images import view_for
from glancetui.server.routing import Route, caller_of, service_of


async def deactivate(request: Request) -> Response:
    """POST /v2/images/{image_id}/actions/deactivate"""
    await no_body(request)
    images, caller = service_of(request).images, caller_of(request)
    condition = if_match(request, view_for(request, caller))
    await in_thread(request, images.deactivate, caller, request.path_params["image_id"], condition)
    return nothing()


async def reactivate(request: Request) -> Response:
    """POST /v2/images/{image_id}/actions/reactivate"""
    await no_body(request)
    images, caller = service_of(request).images, caller_of(request)
    condition = if_match(request, view_for(request, caller))
    await in_thread(request, images.reactivate, caller, request.path_params["image_id"], condition)
    return nothing()


ROUTES = (
    Route("POST", "/v2/images/{image_id}/actions/deactivate", deactivate),
    Route("POST", "/v2/images/{image_id}/actions/reactivate", reactivate),
)
