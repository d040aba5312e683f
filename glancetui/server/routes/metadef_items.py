"""What lies in a metadata namespace: /v2/metadefs/namespaces/{namespace}/properties, …/objects, …/tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from glancetui.metadefs.rules import Definitions
from glancetui.model import Caller
from glancetui.registry.metadefs import ItemKind, ItemQuery, MetadefTag
from glancetui.server import wire_metadefs
from glancetui.server.bridge import in_thread
from glancetui.server.json_body import json_object, no_body
from glancetui.server.metadef_listing import read_items
from glancetui.server.routes.answers import json_answer, nothing
from glancetui.server.routes.metadef_namespaces import ONE, PATH, name_of
from glancetui.server.routing import Handler, Route, caller_of, service_of

Item = TypeVar("Item")
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})  # as oslo reads a boolean out of a header


async def _answer(request: Request, work: Callable[[Definitions, Caller], bytes], status: int = 200) -> Response:
    """What `work` makes of the rules and the caller, done on a thread."""
    service, caller = service_of(request), caller_of(request)
    return json_answer(request, await in_thread(request, lambda: work(service.metadefs, caller)), status=status)


async def _list(
    request: Request,
    kind: str,
    find: Callable[[Definitions, Caller, ItemQuery], Sequence[Item]],
    written: Callable[[str, Sequence[Item], str | None], bytes],
    **defaults: Any,
) -> Response:
    """One page of what `find` has; `written` takes its namespace, it and the link to the next."""
    await no_body(request)
    namespace = name_of(request)
    most = service_of(request).settings.server.max_filters
    listing = read_items(
        f"{PATH}/{namespace}/{kind}", namespace, request.scope["query_string"], max_filters=most, **defaults
    )

    def work(rules: Definitions, caller: Caller) -> bytes:
        found = find(rules, caller, listing.query)
        return written(namespace, found, listing.following(found))

    return await _answer(request, work)


def _names(request: Request) -> tuple[str, str]:
    return name_of(request), str(request.path_params["name"])


async def _document(request: Request) -> dict[str, object]:
    return await json_object(request, service_of(request).settings.server)


# -- properties --------------------------------------------------------------------------------------------------------


async def list_properties(request: Request) -> Response:
    """GET …/properties"""
    return await _list(request, "properties", Definitions.properties, wire_metadefs.properties_json)


async def add_property(request: Request) -> Response:
    """POST …/properties"""
    namespace, document = name_of(request), await _document(request)
    return await _answer(
        request,
        lambda rules, caller: wire_metadefs.property_json(namespace, rules.add_property(caller, namespace, document)),
        201,
    )


async def show_property(request: Request) -> Response:
    """GET …/properties/{name}"""
    await no_body(request)
    namespace, name = _names(request)
    resource_type = request.query_params.get("resource_type")
    return await _answer(
        request,
        lambda rules, caller: wire_metadefs.property_json(
            namespace, rules.property_named(caller, namespace, name, resource_type)
        ),
    )


async def change_property(request: Request) -> Response:
    """PUT …/properties/{name}"""
    (namespace, name), document = _names(request), await _document(request)
    return await _answer(
        request,
        lambda rules, caller: wire_metadefs.property_json(
            namespace, rules.change_property(caller, namespace, name, document)
        ),
    )


# -- objects -----------------------------------------------------------------------------------------------------------


async def list_objects(request: Request) -> Response:
    """GET …/objects"""
    return await _list(request, "objects", Definitions.objects, wire_metadefs.objects_json, least=1)


async def add_object(request: Request) -> Response:
    """POST …/objects"""
    namespace, document = name_of(request), await _document(request)
    return await _answer(
        request,
        lambda rules, caller: wire_metadefs.sent_object_json(
            namespace, rules.add_object(caller, namespace, document), document
        ),
        201,
    )


async def show_object(request: Request) -> Response:
    """GET …/objects/{name}"""
    await no_body(request)
    namespace, name = _names(request)
    return await _answer(
        request, lambda rules, caller: wire_metadefs.object_json(namespace, rules.object_named(caller, namespace, name))
    )


async def change_object(request: Request) -> Response:
    """PUT …/objects/{name}"""
    (namespace, name), document = _names(request), await _document(request)
    return await _answer(
        request,
        lambda rules, caller: wire_metadefs.sent_object_json(
            namespace, rules.change_object(caller, namespace, name, document), document
        ),
    )


# -- tags --------------------------------------------------------------------------------------------------------------


async def list_tags(request: Request) -> Response:
    """GET …/tags"""

    def written(_: str, found: Sequence[MetadefTag], following: str | None) -> bytes:
        return wire_metadefs.tags_json(found, following)

    return await _list(request, "tags", Definitions.tags, written, key="created_at", direction="desc")


async def add_tags(request: Request) -> Response:
    """POST …/tags"""
    namespace, document = name_of(request), await _document(request)
    append = request.headers.get("x-openstack-append", "").strip().lower() in _TRUE
    return await _answer(
        request,
        lambda rules, caller: wire_metadefs.tags_json(rules.add_tags(caller, namespace, document, append=append)),
        201,
    )


async def add_tag(request: Request) -> Response:
    """POST …/tags/{name}"""
    await no_body(request)
    namespace, name = _names(request)
    return await _answer(
        request, lambda rules, caller: wire_metadefs.tag_json(rules.add_tag(caller, namespace, name)), 201
    )


async def show_tag(request: Request) -> Response:
    """GET …/tags/{name}"""
    await no_body(request)
    namespace, name = _names(request)
    return await _answer(
        request, lambda rules, caller: wire_metadefs.tag_json(rules.tag_named(caller, namespace, name))
    )


async def rename_tag(request: Request) -> Response:
    """PUT …/tags/{name}"""
    (namespace, name), document = _names(request), await _document(request)
    return await _answer(
        request,
        lambda rules, caller: wire_metadefs.tag_json(rules.rename_tag(caller, namespace, name, document)),
    )


# -- removing ----------------------------------------------------------------------------------------------------------


def _remove(kind: ItemKind) -> Handler:
    async def remove(request: Request) -> Response:
        """DELETE …/{kind}/{name}"""
        await no_body(request)
        namespace, name = _names(request)
        await in_thread(request, service_of(request).metadefs.remove, caller_of(request), namespace, kind, name)
        return nothing()

    return remove


def _remove_all(kind: ItemKind) -> Handler:
    async def remove_all(request: Request) -> Response:
        """DELETE …/{kind}"""
        await no_body(request)
        await in_thread(request, service_of(request).metadefs.remove_all, caller_of(request), name_of(request), kind)
        return nothing()

    return remove_all


ROUTES = (
    Route("GET", ONE + "/properties", list_properties),
    Route("POST", ONE + "/properties", add_property),
    Route("DELETE", ONE + "/properties", _remove_all("property")),
    Route("GET", ONE + "/properties/{name}", show_property),
    Route("PUT", ONE + "/properties/{name}", change_property),
    Route("DELETE", ONE + "/properties/{name}", _remove("property")),
    Route("GET", ONE + "/objects", list_objects),
    Route("POST", ONE + "/objects", add_object),
    Route("DELETE", ONE + "/objects", _remove_all("object")),
    Route("GET", ONE + "/objects/{name}", show_object),
    Route("PUT", ONE + "/objects/{name}", change_object),
    Route("DELETE", ONE + "/objects/{name}", _remove("object")),
    Route("GET", ONE + "/tags", list_tags),
    Route("POST", ONE + "/tags", add_tags),
    Route("DELETE", ONE + "/tags", _remove_all("tag")),
    Route("GET", ONE + "/tags/{name}", show_tag),
    Route("POST", ONE + "/tags/{name}", add_tag),
    Route("PUT", ONE + "/tags/{name}", rename_tag),
    Route("DELETE", ONE + "/tags/{name}", _remove("tag")),
)
