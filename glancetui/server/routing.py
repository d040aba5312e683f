"""Which handler answers a path. Paths are matched segment by segment, after each segment was percent-decoded by itself:
an encoded slash is therefore never mistaken for a separator, and is refused, since no name here may hold one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response

from glancetui.errors import NotFound
from glancetui.model import Caller
from glancetui.server.errors import MethodNotAllowed, MethodUnknown

if TYPE_CHECKING:
    from glancetui.server.build import Service

Handler = Callable[[Request], Awaitable[Response]]

SERVICE = "glancetui.service"  # keys of the ASGI scope
CALLER = "glancetui.caller"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})
_SLASHES = re.compile(rb"/{2,}")


class Route(NamedTuple):
    """`path_template` is the full path; a segment in braces matches any text that is not empty."""

    method: str
    path_template: str
    handler: Handler


class Match(NamedTuple):
    handler: Handler
    parameters: dict[str, str]


def service_of(request: Request) -> Service:
    """What this process was built of."""
    return cast("Service", request.scope[SERVICE])


def caller_of(request: Request) -> Caller:
    return cast("Caller", request.scope[CALLER])


class _Resource:
    """One path template and the methods it knows."""

    def __init__(self, segments: tuple[str, ...]) -> None:
        self.literals = tuple((i, text) for i, text in enumerate(segments) if not _is_parameter(text))
        self.names = tuple((i, text[1:-1]) for i, text in enumerate(segments) if _is_parameter(text))
        self.methods: dict[str, Handler] = {}

    def matches(self, segments: list[str]) -> bool:
        return all(segments[i] == text for i, text in self.literals) and all(segments[i] for i, _ in self.names)

    def parameters(self, segments: list[str]) -> dict[str, str]:
        return {name: segments[i] for i, name in self.names}


class Router:
    """Finds a route among those whose paths have as many segments and begin alike; literal ones are looked at first.

    The first two segments of every path are literal.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        resources: dict[tuple[str, ...], _Resource] = {}
        for route in routes:
            segments = tuple(route.path_template.split("/")[1:])
            resources.setdefault(segments, _Resource(segments)).methods[route.method] = route.handler
        self._alike: dict[tuple[object, ...], list[_Resource]] = {}
        for segments, resource in sorted(resources.items(), key=lambda item: len(_Resource(item[0]).names)):
            self._alike.setdefault((len(segments), *segments[:2]), []).append(resource)

    def find(self, method: str, segments: list[str]) -> Match:
        """`segments` are decoded. Raises MethodNotAllowed where the path is known, else NotFound or MethodUnknown."""
        allowed: set[str] = set()
        for resource in self._alike.get((len(segments), *segments[:2]), ()):
            if resource.matches(segments):
                handler = resource.methods.get(method)
                if handler is not None:
                    return Match(handler, resource.parameters(segments))
                allowed.update(resource.methods)
        if allowed:
            raise MethodNotAllowed(method, allowed)
        if method not in KNOWN_METHODS:
            raise MethodUnknown(method)
        raise NotFound("There is nothing at this path. Check its spelling, and that it ends without a slash.")


def segments_of(scope: Mapping[str, object]) -> list[str]:
    """The decoded segments of the path; the first is what follows the leading slash.

    Several slashes count as one, as in Glance: clients join an endpoint that ends with a slash and a path that begins
    with one. Raises NotFound for what can be no name: bad UTF-8, an encoded slash, a NUL.
    """
    raw = _SLASHES.sub(b"/", cast("bytes", scope["raw_path"]))
    if b"%" not in raw:
        return raw.decode("latin-1").split("/")[1:]
    return [_decoded(segment) for segment in raw.split(b"/")[1:]]


def _decoded(segment: bytes) -> str:
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise NotFound("The path is not UTF-8. Encode names as UTF-8, then percent-encode.") from error
    if "/" in text or "\0" in text:
        raise NotFound("No name in a path may hold a slash or a NUL character.")
    return text


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")
