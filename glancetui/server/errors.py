"""The only place where errors become HTTP: one table of statuses, three renderings chosen by the request's Accept."""

from __future__ import annotations

import html
import http
import logging
import re
from collections.abc import Iterable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from glancetui.errors import (
    BadRequest,
    BodyBroken,
    BodyTimeout,
    ConditionFailed,
    Conflict,
    Forbidden,
    GlancetuiError,
    Gone,
    HeadTooLarge,
    JobFailed,
    LimitExceeded,
    NotFound,
    RangeNotSatisfiable,
    ShortRead,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)

log = logging.getLogger(__name__)

BLAND = "The service failed in a way that it did not expect. Give the operator the request id of this answer."
ACCEPT_PATCH = "application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch"
RETRY_SECONDS = 1
_Q = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)


class MethodNotAllowed(GlancetuiError):
    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"{method} is not possible here. Use {' or '.join(self.allowed)}.")


class MethodUnknown(GlancetuiError):
    def __init__(self, method: str) -> None:
        super().__init__(f"This service does not know the method {method}.")


class OtherNodeBroken(GlancetuiError):
    """A node that a request was passed on to answers what is no answer."""


class OtherNodeSilent(GlancetuiError):
    """It does not answer at all."""


STATUS_OF: Mapping[type[GlancetuiError], int] = {
    BadRequest: 400,
    BodyBroken: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    BodyTimeout: 408,
    Conflict: 409,
    Gone: 410,
    ConditionFailed: 412,
    LimitExceeded: 413,
    UnsupportedMedia: 415,
    RangeNotSatisfiable: 416,
    HeadTooLarge: 431,
    MethodUnknown: 501,
    JobFailed: 400,
    OtherNodeBroken: 502,
    OtherNodeSilent: 504,
    Unavailable: 503,
    ShortRead: 503,
}


def status_of(error: Exception) -> int:
    """The nearest class decides; 500 for what has no row."""
    return next((STATUS_OF[cls] for cls in type(error).__mro__ if cls in STATUS_OF), 500)


def answer(request: Request, error: Exception, challenge: str | None = None) -> Response:
    """What the client hears. `challenge` is the WWW-Authenticate of a 401."""
    status = status_of(error)
    message = BLAND if status == 500 else told(error)
    if status >= 500 and status != 501:
        log.error("%s %s failed with %d: %s", request.method, request.url.path, status, error)
    body, media_type = rendered(request.headers.get("accept", ""), status, message)
    headers = extra_headers(error, challenge)
    headers["content-type"] = media_type
    return Response(body, status, headers)


def told(error: Exception) -> str:
    return (error.told if isinstance(error, GlancetuiError) else None) or str(error)


def extra_headers(error: Exception, challenge: str | None) -> dict[str, str]:
    if isinstance(error, MethodNotAllowed):
        return {"allow": ", ".join(error.allowed)}
    if isinstance(error, UnsupportedMedia) and error.accept_patch:
        return {"accept-patch": ACCEPT_PATCH}
    if isinstance(error, RangeNotSatisfiable) and error.size is not None:
        return {"content-range": f"bytes */{error.size}"}
    if isinstance(error, Unauthenticated) and challenge is not None:
        return {"www-authenticate": challenge}
    if isinstance(error, Unavailable):
        return {"retry-after": str(RETRY_SECONDS)}
    return {}


def rendered(accept: str, status: int, message: str) -> tuple[bytes, str]:
    """Body and Content-Type as WebOb renders its exceptions, which is what clients of this API parse."""
    title = phrase(status)
    for_html, for_json = preference(accept, "text", "html"), preference(accept, "application", "json")
    if for_html > 0 and for_html >= for_json:
        shown = html.escape(message, quote=False)  # clients print it; some do not turn &#x27; back into a quote
        page = (
            f"<html>\n <head>\n  <title>{status} {title}</title>\n </head>\n <body>\n"
            f"  <h1>{status} {title}</h1>\n  {shown}<br /><br />\n\n\n\n </body>\n</html>"
        )
        return page.encode(), "text/html; charset=UTF-8"
    if for_json > 0:
        document = {"message": message, "code": f"{status} {title}", "title": title}
        return msgspec.json.encode(document), "application/json"
    return f"{status} {title}\n\n{message}\n\n   ".encode(), "text/plain; charset=UTF-8"


def preference(accept: str, kind: str, subtype: str) -> float:
    """The q that an Accept header gives to a media type; 0 where it does not take it. What is malformed is left out."""
    best = (0, 0.0)  # how specific, q
    for part in accept[:1000].lower().split(","):
        name, _, parameters = part.partition(";")
        specific = {f"{kind}/{subtype}": 3, f"{kind}/*": 2, "*/*": 1}.get(name.strip(), 0)
        if specific:
            best = max(best, (specific, quality(parameters)))
    return best[1]


def quality(parameters: str) -> float:
    """The q among the parameters of one entry of an Accept header; 1 where there is none, 0 where it is malformed."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _Q.fullmatch(value.strip()) else 0.0
    return 1.0


def phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"
