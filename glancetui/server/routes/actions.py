"""/v2/images/{image_id}/actions/…"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server.bridge import in_thread
from glancetui.server.json_body import no_body
from glancetui.server.routes.answers import nothing
from glancetui.server.routing import Route, caller_of, service_of


async def deactivate(request: Request) -> Response:
    """POST /v2/images/{image_id}/actions/deactivate"""
    await no_body(request)
    await in_thread(request, service_of(request).images.deactivate, caller_of(request), request.path_params["image_id"])
    return nothing()


async def reactivate(request: Request) -> Response:
    """POST /v2/images/{image_id}/actions/reactivate"""
    await no_body(request)
    await in_thread(request, service_of(request).images.reactivate, caller_of(request), request.path_params["image_id"])
    return nothing()


ROUTES = (
    Route("POST", "/v2/images/{image_id}/actions/deactivate", deactivate),
    Route("POST", "/v2/images/{image_id}/actions/reactivate", reactivate),
)
