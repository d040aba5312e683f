"""Passes a request on to the node that holds an image's staged data, as Glance does."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from glancetui.fetch.route import words
from glancetui.server.errors import OtherNodeBroken, OtherNodeSilent

SECONDS = 60.0
LARGEST_ANSWER = 1 << 20  # bytes
PASSED_ON = b"x-glancetui-passed-on"  # a request is passed on once; two nodes that name each other must not play ball
#: What tells the other node who asks; X-… of a trusted proxy are believed there as they are here.
KEPT = frozenset(
    {
        "accept", "if-match", "x-auth-token", "x-service-token", "x-image-meta-store", "x-openstack-request-id",
        "x-identity-status",
        "x-user-id", "x-project-id", "x-tenant-id", "x-roles", "x-service-roles", "x-domain-id", "x-user-domain-id",
        "x-project-domain-id", "openstack-system-scope", "authorization",
    }
)  # fmt: skip


def pass_on(request: Request, url: str, body: bytes | None) -> Response:
    """The other node's own answer. Raises OtherNodeSilent where it refuses or takes too long, OtherNodeBroken where it
    answers what is no answer."""
    if any(name == PASSED_ON for name, _ in request.scope["headers"]):
        raise OtherNodeBroken(
            f"The node at {url} should hold the staged data, but passed it on. Check worker_self_reference_url."
        )
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise OtherNodeBroken(f"The image names {url!r} as the node of its staged data, which is no http address.")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=SECONDS)
    path = f"{parts.path.rstrip('/')}{without_version(request.url.path)}"
    try:
        connection.request(request.method, path, body, headers_for(request, body))
        answer = connection.getresponse()
        text = answer.read(LARGEST_ANSWER)
    except (ConnectionRefusedError, TimeoutError) as error:
        raise OtherNodeSilent(
            f"Stage host is unavailable: {url}, which holds the staged data, does not answer. Try later."
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OtherNodeBroken(
            f"Stage host is unavailable: {url}, which holds the staged data, answers badly: {words(error)}."
        ) from error
    finally:
        connection.close()
    if answer.status < 300:
        return Response(status_code=answer.status)
    return Response(text or answer.reason.encode(), answer.status, media_type=answer.headers.get_content_type())


def without_version(path: str) -> str:
    """The path under /v2, whatever minor version the client named, and whatever prefix this node has."""
    return "/v2/images/" + path.partition("/images/")[2]


def headers_for(request: Request, body: bytes | None) -> dict[str, str]:
    kept = {name: value for name, value in request.headers.items() if name in KEPT}
    kept[PASSED_ON.decode()] = "1"
    return kept if body is None else {**kept, "content-type": "application/json"}
