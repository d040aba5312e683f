"""Values as the JSON of the Image API: names, order and formats are what its clients know."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from glancetui.images.properties import HIDDEN, RESERVED_PREFIX
from glancetui.model import Image, ImageLocation, Member

Document = dict[str, Any]  # JSON has no narrower type

encode = msgspec.json.Encoder().encode


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What of an image shows beyond its own attributes. `shown_locations` asks the policy for this caller."""

    nullable: frozenset[str]  # custom properties that may be null; any other null, left by an old service, shows as ""
    shown_locations: Callable[[Image], Sequence[ImageLocation]]
    locations: bool = False
    direct_url: bool = False
    stores: bool = False
    weights: Mapping[str, int] = {}


def image_document(image: Image, view: View) -> Document:
    image_id = image.id
    address = f"/v2/images/{image_id}"
    document: Document = _properties(image.properties, view.nullable) if image.properties else {}
    document.update(
        {
            "name": image.name,
            "disk_format": image.disk_format,
            "container_format": image.container_format,
            "visibility": image.visibility,
            "size": image.size,
            "virtual_size": image.virtual_size,
            "status": image.status,
            "checksum": image.checksum,
            "protected": image.protected,
            "min_ram": image.min_ram,
            "min_disk": image.min_disk,
            "owner": image.owner,
            "os_hidden": image.os_hidden,
            "os_hash_algo": image.os_hash_algo,
            "os_hash_value": image.os_hash_value,
            "id": image_id,
            "created_at": _time(image.created_at),
            "updated_at": _time(image.updated_at),
        }
    )
    if view.locations or view.direct_url:
        _add_locations(document, image, view)
    document["tags"] = image.tags
    document["self"] = address
    document["file"] = address + "/file"
    document["schema"] = "/v2/schemas/image"
    if view.stores and image.locations:
        stores = [location.metadata["store"] for location in image.locations if location.metadata.get("store")]
        if stores:
            document["stores"] = ",".join(stores)
    return document


def page_document(images: Sequence[Image], view: View, first: str, following: str | None) -> Document:
    document: Document = {"images": [image_document(image, view) for image in images], "first": first}
    if following is not None:
        document["next"] = following
    document["schema"] = "/v2/schemas/images"
    return document


def member_document(member: Member) -> Document:
    return {
        "member_id": member.member_id,
        "image_id": member.image_id,
        "status": member.status,
        "created_at": _time(member.created_at),
        "updated_at": _time(member.updated_at),
        "schema": "/v2/schemas/member",
    }


def members_document(members: Sequence[Member]) -> Document:
    return {"members": [member_document(member) for member in members], "schema": "/v2/schemas/members"}


def etag(body: bytes) -> str:
    """Names what the caller was shown, not the image: two callers may see different things."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def _properties(properties: Mapping[str, str | None], nullable: frozenset[str]) -> Document:
    if None not in properties.values() and not any(name.startswith(RESERVED_PREFIX) for name in properties):
        return dict(properties)
    return {
        name: "" if value is None and name not in nullable else value
        for name, value in properties.items()
        if name not in HIDDEN
    }


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds") + "Z"


def _add_locations(document: Document, image: Image, view: View) -> None:
    shown = view.shown_locations(image)
    if view.locations:
        document["locations"] = [{"url": location.url, "metadata": location.metadata} for location in shown]
    if view.direct_url and shown:
        # The first of the heaviest: max keeps the earlier of equals.
        document["direct_url"] = max(shown, key=lambda place: view.weights.get(place.metadata.get("store", ""), 0)).url
