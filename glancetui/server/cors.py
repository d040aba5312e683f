"""Cross-origin requests: what a page of a configured origin may do. Others get no header, so browsers refuse."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.config.settings import ServerSettings

ALLOWED = (
    "Content-MD5", "X-Image-Meta-Checksum", "X-Storage-Token", "Accept-Encoding", "X-Auth-Token", "X-Identity-Status",
    "X-Roles", "X-Service-Catalog", "X-User-Id", "X-Tenant-Id", "X-OpenStack-Request-ID",
)  # fmt: skip
EXPOSED = (
    "X-Image-Meta-Checksum", "X-Auth-Token", "X-Subject-Token", "X-Service-Token", "X-OpenStack-Request-ID",
)  # fmt: skip
SIMPLE = ("Accept", "Accept-Language", "Content-Language", "Content-Type", "Cache-Control", "Expires", "Last-Modified")


class Cors:
    def __init__(self, server: ServerSettings) -> None:
        self._origins = frozenset(server.cors_allowed_origins)
        self._credentials = server.cors_allow_credentials
        self._exposed = ",".join(server.cors_expose_headers or EXPOSED)
        self._methods = frozenset(server.cors_allow_methods)
        self._headers = frozenset(name.lower() for name in (*(server.cors_allow_headers or ALLOWED), *SIMPLE))
        self._max_age = str(server.cors_max_age)

    def allows(self, request: Request) -> bool:
        """Whether the request comes from a page of an origin that the operator listed."""
        return bool(self._origins) and self._is_allowed(request.headers.get("origin"))

    def preflight(self, request: Request) -> Response:
        """The answer to OPTIONS: always 200, and with permissions only for what is allowed."""
        headers = {"content-length": "0"}
        if self.allows(request) and self._grants(request):
            headers |= self._common(request)
            headers["access-control-allow-methods"] = request.headers["access-control-request-method"]
            headers["access-control-max-age"] = self._max_age
            if asked := request.headers.get("access-control-request-headers"):
                headers["access-control-allow-headers"] = asked
        return Response(status_code=200, headers=headers)

    def mark(self, request: Request, response: Response) -> None:
        """Lets the page of an allowed origin read the answer."""
        headers = self._common(request) | {"access-control-expose-headers": self._exposed}
        response.raw_headers += [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    def _common(self, request: Request) -> dict[str, str]:
        headers = {"access-control-allow-origin": request.headers["origin"], "vary": "Origin"}
        if self._credentials:
            headers["access-control-allow-credentials"] = "true"
        return headers

    def _grants(self, request: Request) -> bool:
        asked = request.headers.get("access-control-request-headers", "")
        names = {name.strip().lower() for name in asked.split(",") if name.strip()}
        return request.headers.get("access-control-request-method") in self._methods and names <= self._headers

    def _is_allowed(self, origin: str | None) -> bool:
        return origin is not None and (origin in self._origins or "*" in self._origins)
