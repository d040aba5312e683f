"""The ASGI application: version, identity, route, answer. Any ASGI server can carry it."""

from __future__ import annotations

import logging
import re
import time
import uuid
from itertools import chain

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from glancetui.errors import GlancetuiError, HeadTooLarge
from glancetui.server import errors, health
from glancetui.server.auth.base import Authenticator
from glancetui.server.build import Service
from glancetui.server.compression import compress
from glancetui.server.cors import Cors
from glancetui.server.routes import (
    actions,
    cache,
    data,
    images,
    imports,
    locations,
    members,
    metadef_items,
    metadef_namespaces,
    ops,
    schemas,
    stores,
    tags,
    tasks,
)
from glancetui.server.routing import CALLER, SERVICE, Router, segments_of
from glancetui.server.versions import Versions

log = logging.getLogger(__name__)

ROUTES = tuple(
    chain(
        images.ROUTES,
        data.ROUTES,
        imports.ROUTES,
        locations.ROUTES,
        stores.ROUTES,
        tasks.ROUTES,
        actions.ROUTES,
        members.ROUTES,
        tags.ROUTES,
        schemas.ROUTES,
        metadef_namespaces.ROUTES,
        metadef_items.ROUTES,
        cache.ROUTES,
        ops.ROUTES,
    ),
)
REQUEST_ID = b"x-openstack-request-id"
_ECHOED = re.compile(r"[!-~]+", re.ASCII)  # an id with anything else could forge lines of a log
_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]+")  # anything else could not be a host, and is not put into links
_REQUEST_ID_KEY = "glancetui.request_id"


class Application:
    """One worker's application. `unexpected` counts the answers with 500."""

    def __init__(self, service: Service) -> None:
        server = service.settings.server
        self._service = service
        self._authenticator: Authenticator = service.authenticator
        self._policy = service.policy
        self._router = Router(ROUTES)
        settings = service.settings
        self._versions = Versions(server, multi_store=settings.multi_store, cache=settings.cache is not None)
        self._cors = Cors(server)
        self._compresses = server.compress_json
        self._behind_proxy = server.enable_proxy_headers_parsing
        self._longest_id = server.max_request_id_length
        self.unexpected = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # neither lifespan events nor websockets mean anything here
        scope[SERVICE] = self._service
        request = Request(scope, receive)
        started = time.perf_counter()
        response = await self._answer(request)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "%s %s answered %d after %.1f ms (%s)", request.method, request.url.path, response.status_code,
                (time.perf_counter() - started) * 1000, scope.get(_REQUEST_ID_KEY, "-"),
            )  # fmt: skip
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if self._behind_proxy:
            believe_proxy(request.scope)
        if request.method == "OPTIONS":
            return self._cors.preflight(request)
        try:
            response = await self._respond(request)
            if self._compresses:
                await compress(request, response)
        except GlancetuiError as error:
            response = errors.answer(request, error, self._authenticator.challenge)
        except Exception as error:
            self.unexpected += 1
            log.exception("%s %s (%s) failed unexpectedly.", request.method, request.url.path, self._id_of(request))
            response = errors.answer(request, error)
        if (request_id := request.scope.get(_REQUEST_ID_KEY)) is not None:
            response.raw_headers.append((REQUEST_ID, request_id.encode("latin-1")))
        if self._cors.allows(request):
            self._cors.mark(request, response)
        return response

    async def _respond(self, request: Request) -> Response:
        segments = segments_of(request.scope)
        whole = self._without_identity(segments)
        if whole is not None:
            return await whole(request)
        if segments[0] == "versions" and segments[1:] in ([], [""]):
            return self._versions.document(request, 200)
        is_ops = segments[: len(ops.PREFIX)] == ops.PREFIX
        versioned = segments if is_ops else self._versions.without_version(request, segments)
        if versioned is None:
            return self._versions.document(request, 300)
        if versioned == ["v2"]:
            return RedirectResponse("/v2/", 302)
        request.scope[_REQUEST_ID_KEY] = self._request_id(request)
        return await self._route(request, versioned)

    async def _route(self, request: Request, segments: list[str]) -> Response:
        self._policy.reload_if_changed()
        request.scope[CALLER] = await self._authenticator.caller(request, request.scope[_REQUEST_ID_KEY])
        match = self._router.find(request.method, segments)
        request.scope["path_params"] = match.parameters
        return await match.handler(request)

    def _without_identity(self, segments: list[str]) -> health.Check | None:
        return health.CHECKS.get(segments[0]) if segments[1:] in ([], [""]) else None

    def _request_id(self, request: Request) -> str:
        """The caller's own id where it sent a usable one. Raises HeadTooLarge."""
        given = request.headers.get("x-openstack-request-id", "")
        if len(given) > self._longest_id:
            # The answer still needs an id, by which the operator finds it.
            request.scope[_REQUEST_ID_KEY] = new_request_id()
            raise HeadTooLarge(f"X-Openstack-Request-Id is longer than {self._longest_id} characters. Shorten it.")
        if not _ECHOED.fullmatch(given):
            return new_request_id()
        return given if given.startswith("req-") else f"req-{given}"

    def _id_of(self, request: Request) -> str:
        return str(request.scope.get(_REQUEST_ID_KEY, "no request id"))


def forwarded(element: bytes) -> dict[bytes, bytes]:
    """The pairs of one element of a Forwarded header, without the quotes of their values."""
    pairs = (pair.partition(b"=") for pair in element.split(b";"))
    return {name.strip().lower(): value.strip().strip(b'"') for name, _, value in pairs}


def new_request_id() -> str:
    return f"req-{uuid.uuid4()}"


def believe_proxy(scope: Scope) -> None:
    """Puts scheme, host and prefix as the proxy tells that its clients see them (enable_proxy_headers_parsing)."""
    told = {
        name: value.partition(b",")[0].strip()
        for name, value in scope["headers"]
        if name == b"forwarded" or name.startswith(b"x-forwarded-")
    }
    scheme, host = told.get(b"x-forwarded-proto"), told.get(b"x-forwarded-host")
    if b"forwarded" in told:  # the standard's word goes before what there was before the standard (RFC 7239)
        pairs = forwarded(told[b"forwarded"])
        scheme, host = pairs.get(b"proto"), pairs.get(b"host")
    if scheme in (b"http", b"https"):
        scope["scheme"] = scheme.decode()
    if host and _HOST.fullmatch(host):
        scope["headers"] = [(name, host if name == b"host" else value) for name, value in scope["headers"]]
    if prefix := told.get(b"x-forwarded-prefix"):
        scope["root_path"] = prefix.decode("latin-1").rstrip("/")
