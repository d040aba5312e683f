"""Staging and import, and what clients may know of them beforehand."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.images.importing.imports import Elsewhere
from glancetui.server import wire
from glancetui.server.body import byte_source
from glancetui.server.bridge import in_asking_thread, in_slow_thread, in_stream_thread
from glancetui.server.elsewhere import pass_on
from glancetui.server.json_body import json_object, no_body
from glancetui.server.routes.answers import json_answer
from glancetui.server.routes.data import check_octets, declared_size
from glancetui.server.routing import Route, caller_of, service_of


async def stage(request: Request) -> Response:
    """PUT /v2/images/{image_id}/stage"""
    check_octets(request)
    await in_stream_thread(
        request,
        service_of(request).stage.put,
        caller_of(request),
        request.path_params["image_id"],
        byte_source(request),
        declared_size(request),
    )
    return Response(status_code=204)


async def import_image(request: Request) -> Response:
    """POST /v2/images/{image_id}/import"""
    service = service_of(request)
    body = await json_object(request, service.settings.server)
    image_id = request.path_params["image_id"]

    def endpoint_of(region: str, interface: str) -> str | None:
        return service.authenticator.catalog(request).endpoint(region, interface)

    begun = await in_slow_thread(
        request,
        service.imports.begin,
        caller_of(request),
        image_id,
        body,
        request.headers.get("x-image-meta-store") or None,
        request.headers.get("x-auth-token"),
        endpoint_of,
    )
    if isinstance(begun, Elsewhere):
        return await in_slow_thread(request, pass_on, request, begun.url, wire.encode(body))
    return Response(status_code=202)


async def import_methods(request: Request) -> Response:
    """GET /v2/info/import"""
    await no_body(request)
    methods = list(service_of(request).settings.enabled_import_methods)
    described = {"description": "Import methods available.", "type": "array", "value": methods}
    return json_answer(request, wire.encode({"import-methods": described}))


async def usage(request: Request) -> Response:
    """GET /v2/info/usage"""
    await no_body(request)
    quotas, project = service_of(request).images.quotas, caller_of(request).project
    found = await in_asking_thread(request, quotas.usage, project)
    return json_answer(request, wire.encode({"usage": found}))


ROUTES = (
    Route("PUT", "/v2/images/{image_id}/stage", stage),
    Route("POST", "/v2/images/{image_id}/import", import_image),
    Route("GET", "/v2/info/import", import_methods),
    Route("GET", "/v2/info/usage", usage),
)
