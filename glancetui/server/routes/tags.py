"""/v2/images/{image_id}/tags/{tag}."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server.bridge import in_thread
from glancetui.server.json_body import no_body
from glancetui.server.routes.answers import nothing
from glancetui.server.routing import Route, caller_of, service_of


async def add_tag(request: Request) -> Response:
    """PUT /v2/images/{image_id}/tags/{tag}"""
    await no_body(request)
    await in_thread(request, service_of(request).images.add_tag, caller_of(request), *_image_and_tag(request))
    return nothing()


async def remove_tag(request: Request) -> Response:
    """DELETE /v2/images/{image_id}/tags/{tag}"""
    await no_body(request)
    await in_thread(request, service_of(request).images.remove_tag, caller_of(request), *_image_and_tag(request))
    return nothing()


def _image_and_tag(request: Request) -> tuple[str, str]:
    return request.path_params["image_id"], request.path_params["tag"]


ROUTES = (
    Route("PUT", "/v2/images/{image_id}/tags/{tag}", add_tag),
    Route("DELETE", "/v2/images/{image_id}/tags/{tag}", remove_tag),
)
