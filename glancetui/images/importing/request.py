"""What a client asks of an import: the body of POST …/import, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from glancetui.errors import BadRequest
from glancetui.images.schemas import UUID
from glancetui.registry.jobs import Method

METHODS: tuple[Method, ...] = ("glance-direct", "web-download", "glance-download", "copy-image")
_UUID = re.compile(UUID)


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`stores` None: the default store. `body` is what the task shows as its input."""

    method: Method
    body: Mapping[str, Any]  # JSON
    uri: str | None = None
    region: str | None = None
    remote_image: str | None = None
    interface: str = "public"
    stores: tuple[str, ...] | None = None
    all_stores: bool = False
    must_succeed: bool = True


def read_import(body: Mapping[str, object], header_store: str | None, enabled: tuple[str, ...]) -> ImportRequest:
    """Raises BadRequest."""
    method = body.get("method")
    if not isinstance(method, dict) or not isinstance(method.get("name"), str):
        raise BadRequest("The body needs a method with a name: " + ", ".join(enabled) + ".")
    name = method["name"]
    if name not in enabled or name not in METHODS:
        raise BadRequest(f"The import method {name[:40]!r} is not enabled here. Choose from: {', '.join(enabled)}.")
    all_stores = flag(body, "all_stores", default=False)
    stores = asked_stores(body, header_store)
    if all_stores and stores is not None:
        raise BadRequest("Name stores, or ask for all_stores, not both.")
    remote = remote_of(method) if name == "glance-download" else {}
    return ImportRequest(
        method=cast("Method", name),
        body=body,
        uri=text(method, "uri") if name == "web-download" else None,
        stores=stores,
        all_stores=all_stores,
        must_succeed=flag(body, "all_stores_must_succeed", default=True),
        **remote,
    )


def asked_stores(body: Mapping[str, object], header_store: str | None) -> tuple[str, ...] | None:
    stores = body.get("stores")
    if stores is None:
        return (header_store,) if header_store else None
    if header_store:
        raise BadRequest("Name stores in the body, or one in X-Image-Meta-Store, not both.")
    if not isinstance(stores, list) or not all(isinstance(store, str) and store for store in stores):
        raise BadRequest("stores must be a list of ids of stores.")
    if not stores:
        raise BadRequest("stores names no store. Leave it out for the default one.")
    return tuple(dict.fromkeys(stores))


def remote_of(method: Mapping[str, object]) -> dict[str, str]:
    interface = method.get("glance_service_interface")
    if interface is None or interface == "":  # clients send null for what they leave open
        interface = "public"
    if not isinstance(interface, str):
        raise BadRequest("glance_service_interface must be a text: public, internal or admin.")
    image_id = text(method, "glance_image_id")
    if not _UUID.match(image_id):
        raise BadRequest("The remote image id does not look like a UUID. Check glance_image_id.")
    return {"region": text(method, "glance_region"), "remote_image": image_id, "interface": interface}


def text(method: Mapping[str, object], name: str) -> str:
    value = method.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"The method needs {name}, a text.")
    return value


def flag(body: Mapping[str, object], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.")
    return value
