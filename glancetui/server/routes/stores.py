"""Which stores there are, and an image's copy in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from glancetui.config.settings import StoreSettings
from glancetui.errors import NotFound
from glancetui.server import wire
from glancetui.server.bridge import in_thread
from glancetui.server.build import Service
from glancetui.server.json_body import no_body
from glancetui.server.routes.answers import json_answer, nothing
from glancetui.server.routing import Route, caller_of, service_of

#: What a kind of store tells of itself: name on the wire → option.
PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "file": {
        "data_dir": "filesystem_store_datadir",
        "chunk_size": "filesystem_store_chunk_size",
        "thin_provisioning": "filesystem_thin_provisioning",
    },
    "rbd": {
        "chunk_size": "rbd_store_chunk_size",
        "pool": "rbd_store_pool",
        "thin_provisioning": "rbd_thin_provisioning",
    },
    "swift": {
        "container": "swift_store_container",
        "large_object_size": "swift_store_large_object_size",
        "large_object_chunk_size": "swift_store_large_object_chunk_size",
    },
    "s3": {
        name: name
        for name in ("s3_store_large_object_size", "s3_store_large_object_chunk_size", "s3_store_thread_pools")
    },
    "cinder": {"volume_type": "cinder_volume_type", "use_multipath": "cinder_use_multipath"},
}


async def list_stores(request: Request) -> Response:
    """GET /v2/info/stores"""
    await no_body(request)
    service = service_of(request)
    return json_answer(request, wire.encode({"stores": [short(service, store) for store in stores_of(service)]}))


async def list_stores_in_detail(request: Request) -> Response:
    """GET /v2/info/stores/detail"""
    await no_body(request)
    service = service_of(request)
    stores = stores_of(service)
    await in_thread(request, service.locations.permit_store_details, caller_of(request))
    return json_answer(request, wire.encode({"stores": [detailed(service, store) for store in stores]}))


async def delete_from_store(request: Request) -> Response:
    """DELETE /v2/stores/{store}/{image_id}"""
    await no_body(request)
    service, named = service_of(request), request.path_params
    await in_thread(request, service.locations.remove_copy, caller_of(request), named["store"], named["image_id"])
    service.housekeeping.wake()  # the bytes are removed now and not at the next round
    return nothing()


def stores_of(service: Service) -> tuple[StoreSettings, ...]:
    """Raises NotFound."""
    if not service.settings.multi_store:
        raise NotFound("This service has a single store, which has no name.")
    return service.settings.stores


def short(service: Service, store: StoreSettings) -> dict[str, Any]:
    """Flags are texts, and only there where they are true."""
    return {
        "id": store.id,
        **({"description": store.description} if store.description else {}),
        **({"default": "true"} if store.id == service.settings.default_store else {}),
        **({} if service.catalogue[store.id].capabilities.writes else {"read-only": "true"}),
    }


def detailed(service: Service, store: StoreSettings) -> dict[str, Any]:
    known = PROPERTIES.get(store.kind, {})
    properties = {shown: store.options[option] for shown, option in known.items() if option in store.options}
    return {**short(service, store), "type": store.kind, "weight": store.weight, "properties": properties}


ROUTES = (
    Route("GET", "/v2/info/stores", list_stores),
    Route("GET", "/v2/info/stores/detail", list_stores_in_detail),
    Route("DELETE", "/v2/stores/{store}/{image_id}", delete_from_store),
)
