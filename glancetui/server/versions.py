"""Which version of the API a request speaks, and the document that lists the versions."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from glancetui.config.settings import ServerSettings

MEDIA_TYPE = "application/vnd.openstack.images-"
ALWAYS = (0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 17)
SEVERAL_STORES = (8, 10, 11, 12, 13)
CACHE = (14, 16, 18)


def minors(*, multi_store: bool, cache: bool) -> tuple[int, ...]:
    """The minor numbers of version 2 that are announced, newest first."""
    listed = ALWAYS + (SEVERAL_STORES if multi_store else ()) + (CACHE if cache else ())
    return tuple(sorted(listed, reverse=True))


class Versions:
    def __init__(self, server: ServerSettings, *, multi_store: bool, cache: bool) -> None:
        self._minors = minors(multi_store=multi_store, cache=cache)
        self._public = server.public_endpoint
        self.names = frozenset({"v2", *(f"v2.{minor}" for minor in self._minors)})

    def without_version(self, request: Request, segments: list[str]) -> list[str] | None:
        """The segments with `v2` in the place of what names a version; None where the request names none we have."""
        if segments[0] in self.names:
            return ["v2", *segments[1:]]
        accept = request.headers.get("accept", "").strip()
        if accept.startswith(MEDIA_TYPE) and accept[len(MEDIA_TYPE) :] in self.names:
            return ["v2", *segments]
        return None

    def document(self, request: Request, status: int) -> Response:
        href = f"{endpoint(request, self._public)}/v2/"
        newest = self._minors[0]
        entries = [
            {
                "id": f"v2.{minor}",
                "status": "CURRENT" if minor == newest else "SUPPORTED",
                "links": [{"rel": "self", "href": href}],
            }
            for minor in self._minors
        ]
        return Response(msgspec.json.encode({"versions": entries}), status, media_type="application/json")


def endpoint(request: Request, public: str | None) -> str:
    """Scheme and host as clients reach this service, without a slash at the end."""
    if public:
        return public.rstrip("/")
    url = request.url
    return f"{url.scheme}://{url.netloc}{request.scope.get('root_path', '')}"
