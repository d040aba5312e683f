"""/v2/images and /v2/images/{image_id}."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from glancetui.errors import UnsupportedMedia
from glancetui.images.access import viewer_of
from glancetui.images.patch import Dialect, read_patch
from glancetui.model import Caller
from glancetui.server import wire
from glancetui.server.bridge import in_asking_thread, in_slow_thread, in_thread
from glancetui.server.elsewhere import pass_on
from glancetui.server.json_body import json_body, json_object, no_body
from glancetui.server.listing import read_listing
from glancetui.server.routes.answers import json_answer, nothing
from glancetui.server.routes.conditions import if_match
from glancetui.server.routing import Route, caller_of, service_of
from glancetui.server.versions import endpoint

PATCH_TYPES: dict[str, Dialect] = {
    "application/openstack-images-v2.0-json-patch": "v2.0",
    "application/openstack-images-v2.1-json-patch": "v2.1",
}


def view_for(request: Request, caller: Caller) -> wire.View:
    """How images look to `caller` in this service."""
    service = service_of(request)
    settings = service.settings
    return wire.View(
        nullable=service.images.schemas.nullable,
        readable=lambda properties: service.images.protections.readable(properties, caller),
        shown_locations=lambda image: service.images.shown_locations(caller, image),
        locations=settings.images.show_multiple_locations,
        direct_url=settings.images.show_image_direct_url,
        stores=settings.multi_store,
        admin=caller.is_admin,
        weights={store.id: store.weight for store in settings.stores},
    )


async def list_images(request: Request) -> Response:
    """GET /v2/images"""
    await no_body(request)
    service, caller = service_of(request), caller_of(request)
    options = service.settings.images
    listing = read_listing(
        request.scope["query_string"],
        viewer_of(caller),
        default_limit=options.limit_param_default,
        max_limit=options.api_limit_max,
        max_filters=service.settings.server.max_filters,
    )
    view = view_for(request, caller)

    def answer() -> bytes:
        page = service.images.page(caller, listing.query)
        following = None if page.next_marker is None else listing.next(page.next_marker)
        return wire.page_json(page.images, view, listing.first(), following)

    return json_answer(request, await in_thread(request, answer), tagged="if-none-match" in request.headers)


async def create_image(request: Request) -> Response:
    """POST /v2/images"""
    service, caller = service_of(request), caller_of(request)
    attributes = await json_object(request, service.settings.server)
    image = await in_asking_thread(request, service.images.create, caller, attributes)
    body = wire.image_json(image, view_for(request, caller))
    headers = {"location": f"{endpoint(request, service.settings.server.public_endpoint)}/v2/images/{image.id}"}
    if service.settings.enabled_import_methods:
        headers["openstack-image-import-methods"] = ",".join(service.settings.enabled_import_methods)
    if service.settings.multi_store:
        headers["openstack-image-store-ids"] = ",".join(store.id for store in service.settings.stores)
    return json_answer(request, body, status=201, headers=headers)


async def show_image(request: Request) -> Response:
    """GET /v2/images/{image_id}"""
    await no_body(request)
    caller = caller_of(request)
    image = await in_thread(request, service_of(request).images.show, caller, request.path_params["image_id"])
    return json_answer(request, wire.image_json(image, view_for(request, caller)), tagged=True)


async def patch_image(request: Request) -> Response:
    """PATCH /v2/images/{image_id}"""
    service, caller = service_of(request), caller_of(request)
    dialect = _dialect(request)
    body: Any = await json_body(request, service.settings.server)
    operations = read_patch(body, dialect, service.images.schemas, service.settings.server.max_patch_operations)
    view, image_id = view_for(request, caller), request.path_params["image_id"]
    # Slow: what lies at a location is looked at before it is added.
    placing = any(operation.name == "locations" for operation in operations)
    run = in_slow_thread if placing else in_thread
    image = await run(request, service.images.patch, caller, image_id, operations, if_match(request, view))
    if placing:
        service.housekeeping.wake()  # the bytes of a removed one go now and not at the next round
    return json_answer(request, wire.image_json(image, view), tagged=True)


async def delete_image(request: Request) -> Response:
    """DELETE /v2/images/{image_id}"""
    await no_body(request)
    service, caller, image_id = service_of(request), caller_of(request), request.path_params["image_id"]
    condition = if_match(request, view_for(request, caller))
    elsewhere = await in_thread(request, service.imports.delete, caller, image_id, condition)
    if elsewhere is not None:
        return await in_slow_thread(request, pass_on, request, elsewhere, None)
    service.housekeeping.wake()  # the bytes are removed now and not at the next round
    if service.cache is not None:
        await in_thread(request, service.cache.cache.forget, image_id)
    return nothing()


def _dialect(request: Request) -> Dialect:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in PATCH_TYPES:
        raise UnsupportedMedia(
            f"An image is patched with a Content-Type of {' or '.join(PATCH_TYPES)}.", accept_patch=True
        )
    return PATCH_TYPES[media_type]


ROUTES = (
    Route("GET", "/v2/images", list_images),
    Route("POST", "/v2/images", create_image),
    Route("GET", "/v2/images/{image_id}", show_image),
    Route("PATCH", "/v2/images/{image_id}", patch_image),
    Route("DELETE", "/v2/images/{image_id}", delete_image),
)
