"""Answers of JSON, compressed for those who take gzip: Glance's filters of the image cache bring this with them."""

from __future__ import annotations

import gzip

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server.bridge import in_thread
from glancetui.server.errors import quality

LEVEL = 1  # lists of images shrink to a tenth at once; more costs the processor more than it saves the network
LONG = 32 << 10  # bytes that take a fifth of a millisecond; with more, others would wait for the event loop


async def compress(request: Request, response: Response) -> None:
    """Leaves alone what is not JSON: images above all, whose length clients ask for. An ETag stays as it is, because
    it names what is shown and If-Match compares it strongly. Raises Overloaded."""
    if type(response) is not Response or response.media_type != "application/json":
        return
    response.headers.add_vary_header("Accept-Encoding")
    if not takes_gzip(request.headers.get("accept-encoding", "")):
        return
    body = bytes(response.body)
    response.body = zipped(body) if len(body) < LONG else await in_thread(request, zipped, body)
    response.headers["content-encoding"] = "gzip"
    response.headers["content-length"] = str(len(response.body))


def takes_gzip(accepted: str) -> bool:
    """RFC 9110, 12.5.3; what is malformed is not taken."""
    codings = {}
    for part in accepted[:1000].lower().split(","):
        name, _, parameters = part.partition(";")
        codings[name.strip()] = quality(parameters)
    return codings.get("gzip", codings.get("*", 0.0)) > 0


def zipped(body: bytes) -> bytes:
    """The same bytes for the same body: no time stands in them."""
    return gzip.compress(body, LEVEL, mtime=0)
