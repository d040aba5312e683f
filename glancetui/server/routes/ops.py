"""/ops/v1: what the Image API has no words for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server import wire
from glancetui.server.bridge import in_slow_thread
from glancetui.server.json_body import no_body
from glancetui.server.routes.answers import json_answer
from glancetui.server.routes.images import listing_of
from glancetui.server.routing import Route, caller_of, service_of

PREFIX = ["ops", "v1"]


async def count_images(request: Request) -> Response:
    """GET /ops/v1/images/count: how many images GET /v2/images with the same parameters lists in all.

    For whoever may list them. Where `exact` is false there are at least so many: counting never takes long.
    """
    await no_body(request)
    service, caller = service_of(request), caller_of(request)
    listing = listing_of(request, caller)
    # Tens of milliseconds: they shall not hold up what takes one.
    count = await in_slow_thread(request, service.images.count, caller, listing.query)
    return json_answer(request, wire.encode({"count": count.number, "exact": count.exact}))


ROUTES = (Route("GET", "/ops/v1/images/count", count_images),)
