"""PUT and GET of an image's bytes."""

from __future__ import annotations

import re
from collections.abc import Generator

from starlette.requests import Request
from starlette.responses import Response

from glancetui.errors import BadRequest, UnsupportedMedia
from glancetui.images.deliver import Delivery, Growing
from glancetui.server.body import byte_source
from glancetui.server.bridge import in_slow_thread, in_stream_thread
from glancetui.server.files import chunk_response, file_response, growing_response
from glancetui.server.json_body import no_body
from glancetui.server.routing import Route, caller_of, service_of
from glancetui.server.telling import told

OCTETS = "application/octet-stream"
_SIZE = re.compile(r"[0-9]{1,18}", re.ASCII)


async def upload(request: Request) -> Response:
    """PUT /v2/images/{image_id}/file"""
    check_octets(request)
    await in_stream_thread(
        request,
        service_of(request).ingest.upload,
        caller_of(request),
        request.path_params["image_id"],
        byte_source(request),
        value_of(request, "x-image-meta-store") or None,
        declared_size(request),
        request.headers.get("x-auth-token"),
    )
    return Response(status_code=204)


async def download(request: Request) -> Response:
    """GET /v2/images/{image_id}/file"""
    await no_body(request)
    delivery = await in_slow_thread(
        request,
        service_of(request).deliver.open,
        caller_of(request),
        request.path_params["image_id"],
        value_of(request, "range"),
        value_of(request, "content-range"),
        request.query_params.get("prefer"),
    )
    if delivery is None:
        return Response(status_code=204)
    return told(request, delivery, answer_of(request, delivery))


def answer_of(request: Request, delivery: Delivery) -> Response:
    status = 206 if delivery.partial else 200
    if isinstance(delivery.content, Generator):
        return chunk_response(request, delivery.content, headers_of(delivery), status)
    if isinstance(delivery.content, Growing):
        return growing_response(
            request, delivery.content, delivery.offset, delivery.count, headers_of(delivery), status
        )
    return file_response(request, delivery.content, delivery.offset, delivery.count, headers_of(delivery), status)


def check_octets(request: Request) -> None:
    kind = (value_of(request, "content-type") or "").partition(";")[0].strip().lower()
    if kind != OCTETS:
        raise UnsupportedMedia(f"Image data is sent as {OCTETS}, not as {kind or 'data without a Content-Type'}.")


def value_of(request: Request, header: str) -> str | None:
    """What a header says. One that came several times is the list of its values (RFC 9110, 5.2), which then means
    nothing where one value is expected: never does one of two contradicting values win."""
    return ", ".join(request.headers.getlist(header)) if header in request.headers else None


def declared_size(request: Request) -> int | None:
    """Bytes, from x-openstack-image-size."""
    text = value_of(request, "x-openstack-image-size")
    if text is None:
        return None
    if not _SIZE.fullmatch(text.strip()):
        raise BadRequest("x-openstack-image-size is the number of bytes of the image, an integer from 0 up.")
    return int(text)


def headers_of(delivery: Delivery) -> dict[str, str]:
    headers = {"content-type": OCTETS, "content-length": str(delivery.count), "accept-ranges": "bytes"}
    if delivery.etag is not None:
        headers["etag"] = f'"{delivery.etag}"'
    if delivery.partial:
        last = delivery.offset + delivery.count - 1
        headers["content-range"] = f"bytes {delivery.offset}-{last}/{delivery.size}"
    elif delivery.checksum is not None:
        headers["content-md5"] = delivery.checksum
    return headers


ROUTES = (
    Route("PUT", "/v2/images/{image_id}/file", upload),
    Route("GET", "/v2/images/{image_id}/file", download),
)
