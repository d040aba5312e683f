"""/v2/metadefs/namespaces and /v2/metadefs/resource_types."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from glancetui.definitions.schemas import DOCUMENTS
from glancetui.server import wire, wire_metadefs
from glancetui.server.bridge import in_thread
from glancetui.server.json_body import json_object, no_body
from glancetui.server.metadef_listing import read_items, read_namespaces
from glancetui.server.routes.answers import json_answer, nothing
from glancetui.server.routing import Route, caller_of, service_of
from glancetui.server.versions import endpoint

PATH = "/v2/metadefs/namespaces"
ONE = PATH + "/{namespace}"


async def list_namespaces(request: Request) -> Response:
    """GET /v2/metadefs/namespaces"""
    await no_body(request)
    service, caller = service_of(request), caller_of(request)
    options = service.settings.images
    listing = read_namespaces(
        PATH,
        request.scope["query_string"],
        default_limit=options.limit_param_default,
        max_limit=options.api_limit_max,
        max_filters=service.settings.server.max_filters,
    )

    def answer() -> bytes:
        page = service.metadefs.namespaces(caller, listing.query)
        links = listing.links
        return wire_metadefs.namespaces_json(page.namespaces, links.first(), links.next(page.next_marker))

    return json_answer(request, await in_thread(request, answer), tagged="if-none-match" in request.headers)


async def create_namespace(request: Request) -> Response:
    """POST /v2/metadefs/namespaces"""
    service, caller = service_of(request), caller_of(request)
    document = await json_object(request, service.settings.server)

    def answer() -> tuple[str, bytes]:
        made = service.metadefs.create(caller, document)
        return made.namespace.name, wire_metadefs.created_json(made, document)

    name, body = await in_thread(request, answer)
    address = f"{endpoint(request, service.settings.server.public_endpoint)}{PATH}/{quote(name, safe=':')}"
    return json_answer(request, body, status=201, headers={"location": address})


async def show_namespace(request: Request) -> Response:
    """GET /v2/metadefs/namespaces/{namespace}"""
    await no_body(request)
    service, caller = service_of(request), caller_of(request)
    name, resource_type = name_of(request), request.query_params.get("resource_type")
    # Glance refuses a visibility that is none here too, though it asks for nothing.
    read_items(PATH, name, request.scope["query_string"], max_filters=service.settings.server.max_filters)

    def answer() -> bytes:
        return wire_metadefs.contents_json(service.metadefs.show(caller, name), resource_type)

    return json_answer(request, await in_thread(request, answer), tagged=True)


async def change_namespace(request: Request) -> Response:
    """PUT /v2/metadefs/namespaces/{namespace}"""
    service = service_of(request)
    document = await json_object(request, service.settings.server)
    changed = await in_thread(request, service.metadefs.change, caller_of(request), name_of(request), document)
    return json_answer(request, wire_metadefs.namespace_json(changed))


async def delete_namespace(request: Request) -> Response:
    """DELETE /v2/metadefs/namespaces/{namespace}"""
    await no_body(request)
    await in_thread(request, service_of(request).metadefs.delete, caller_of(request), name_of(request))
    return nothing()


async def list_resource_types(request: Request) -> Response:
    """GET /v2/metadefs/resource_types"""
    await no_body(request)
    service, caller = service_of(request), caller_of(request)
    listing = read_items(
        "/v2/metadefs/resource_types",
        "",
        request.scope["query_string"],
        max_filters=service.settings.server.max_filters,
    )
    query = listing.query
    found = await in_thread(request, service.metadefs.resource_types, caller, query.limit, query.marker)
    return json_answer(request, wire_metadefs.resource_types_json(found, listing.following(found)))


async def list_associations(request: Request) -> Response:
    """GET /v2/metadefs/namespaces/{namespace}/resource_types"""
    await no_body(request)
    found = await in_thread(request, service_of(request).metadefs.associations, caller_of(request), name_of(request))
    return json_answer(request, wire_metadefs.associations_json(found))


async def add_association(request: Request) -> Response:
    """POST /v2/metadefs/namespaces/{namespace}/resource_types"""
    service = service_of(request)
    document = await json_object(request, service.settings.server)
    made = await in_thread(request, service.metadefs.associate, caller_of(request), name_of(request), document)
    return json_answer(request, wire_metadefs.association_json(made), status=201)


async def remove_association(request: Request) -> Response:
    """DELETE /v2/metadefs/namespaces/{namespace}/resource_types/{name}"""
    await no_body(request)
    names = name_of(request), request.path_params["name"]
    await in_thread(request, service_of(request).metadefs.dissociate, caller_of(request), *names)
    return nothing()


async def show_schema(request: Request) -> Response:
    """GET /v2/schemas/metadefs/NAME"""
    await no_body(request)
    name = request.url.path.rpartition("/")[2]
    return json_answer(request, wire.encode(DOCUMENTS[name]), tagged=True)


def name_of(request: Request) -> str:
    return str(request.path_params["namespace"])


ROUTES = (
    Route("GET", "/v2/metadefs/resource_types", list_resource_types),
    Route("GET", PATH, list_namespaces),
    Route("POST", PATH, create_namespace),
    Route("GET", ONE, show_namespace),
    Route("PUT", ONE, change_namespace),
    Route("DELETE", ONE, delete_namespace),
    Route("GET", ONE + "/resource_types", list_associations),
    Route("POST", ONE + "/resource_types", add_association),
    Route("DELETE", ONE + "/resource_types/{name}", remove_association),
    *(Route("GET", f"/v2/schemas/metadefs/{name}", show_schema) for name in DOCUMENTS),
)
