"""/v2/images/{image_id}/members."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.errors import BadRequest
from glancetui.server import wire
from glancetui.server.bridge import in_thread
from glancetui.server.json_body import json_object, no_body
from glancetui.server.routes.answers import json_answer, nothing
from glancetui.server.routing import Route, caller_of, service_of


async def list_members(request: Request) -> Response:
    """GET /v2/images/{image_id}/members"""
    await no_body(request)
    members = service_of(request).images.members
    found = await in_thread(request, members.list, caller_of(request), request.path_params["image_id"])
    return json_answer(request, wire.members_json(found))


async def add_member(request: Request) -> Response:
    """POST /v2/images/{image_id}/members"""
    service = service_of(request)
    project = await _text_of(request, "member")
    member = await in_thread(
        request, service.images.members.add, caller_of(request), request.path_params["image_id"], project
    )
    return json_answer(request, wire.member_json(member))


async def show_member(request: Request) -> Response:
    """GET /v2/images/{image_id}/members/{member_id}"""
    await no_body(request)
    member = await in_thread(request, service_of(request).images.members.show, caller_of(request), *_ids(request))
    return json_answer(request, wire.member_json(member))


async def set_member(request: Request) -> Response:
    """PUT /v2/images/{image_id}/members/{member_id}"""
    service = service_of(request)
    status = await _text_of(request, "status")
    member = await in_thread(request, service.images.members.set_status, caller_of(request), *_ids(request), status)
    return json_answer(request, wire.member_json(member))


async def remove_member(request: Request) -> Response:
    """DELETE /v2/images/{image_id}/members/{member_id}"""
    await no_body(request)
    await in_thread(request, service_of(request).images.members.remove, caller_of(request), *_ids(request))
    return nothing()


def _ids(request: Request) -> tuple[str, str]:
    return request.path_params["image_id"], request.path_params["member_id"]


async def _text_of(request: Request, name: str) -> str:
    """The one member of the body that counts."""
    value = (await json_object(request, service_of(request).settings.server)).get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"The body needs a member named {name} that is a text.")
    return value


ROUTES = (
    Route("GET", "/v2/images/{image_id}/members", list_members),
    Route("POST", "/v2/images/{image_id}/members", add_member),
    Route("GET", "/v2/images/{image_id}/members/{member_id}", show_member),
    Route("PUT", "/v2/images/{image_id}/members/{member_id}", set_member),
    Route("DELETE", "/v2/images/{image_id}/members/{member_id}", remove_member),
)
