"""/ops/v1: what the Image API has no words for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.images.access import viewer_of
from glancetui.server import wire
from glancetui.server.bridge import in_slow_thread
from glancetui.server.json_body import no_body
from glancetui.server.listing import read_listing
from glancetui.server.routes.answers import json_answer
from glancetui.server.routing import Route, caller_of, service_of

PREFIX = ["ops", "v1"]


async def count_images(request: Request) -> Response:
    """GET /ops/v1/images/count: how many images GET /v2/images with the same parameters lists in all.

    For whoever may list them. Where `exact` is false there are at least so many: counting never takes long.
    """
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
    # Tens of milliseconds: they shall not hold up what takes one.
    count = await in_slow_thread(request, service.images.count, caller, listing.query)
    return json_answer(request, wire.encode({"count": count.number, "exact": count.exact}))


ROUTES = (Route("GET", "/ops/v1/images/count", count_images),)
