"""Values as the JSON of the Image API: names, order and formats are what its clients know.

Listings are made of this, so an image is encoded in two steps that cost little: its own attributes as a struct, and its
custom properties, which lie flat beside them, spliced in before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from glancetui.images.properties import HIDDEN
from glancetui.model import Image, ImageLocation, ImageStatus, Member

DEACTIVATED = ImageStatus.DEACTIVATED.value
QUEUED = ImageStatus.QUEUED.value
encode = msgspec.json.Encoder().encode


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What of an image shows beyond its own attributes. `shown_locations` asks the policy for this caller."""

    readable: Callable[[Mapping[str, str | None]], Mapping[str, str | None]]  # the properties that this caller may read
    nullable: frozenset[str]  # custom properties that may be null; any other null, left by an old service, shows as ""
    shown_locations: Callable[[Image], Sequence[ImageLocation]]
    locations: bool = False
    direct_url: bool = False
    stores: bool = False
    admin: bool = False  # also sees where deactivated images lie
    weights: Mapping[str, int] = {}


class _Location(msgspec.Struct, gc=False):
    url: str
    metadata: Mapping[str, Any]  # Any: JSON


class _Image(msgspec.Struct, gc=False):
    name: str | None
    disk_format: str | None
    container_format: str | None
    visibility: str
    size: int | None
    virtual_size: int | None
    status: str
    checksum: str | None
    protected: bool
    min_ram: int
    min_disk: int
    owner: str | None
    os_hidden: bool
    os_hash_algo: str | None
    os_hash_value: str | None
    id: str
    created_at: str
    updated_at: str
    locations: list[_Location] | UnsetType
    direct_url: str | UnsetType
    tags: tuple[str, ...]
    self_: str = msgspec.field(name="self")
    file: str
    schema: str
    stores: str | UnsetType


class _Member(msgspec.Struct):
    member_id: str
    image_id: str
    status: str
    created_at: str
    updated_at: str
    schema: str = "/v2/schemas/member"


class _Members(msgspec.Struct):
    members: list[_Member]
    schema: str = "/v2/schemas/members"


def image_json(image: Image, view: View) -> bytes:
    address = "/v2/images/" + image.id
    locations: list[_Location] | UnsetType = UNSET
    direct_url: str | UnsetType = UNSET
    if view.locations or view.direct_url:
        locations, direct_url = _where(image, view)
    own = encode(
        _Image(
            image.name,
            image.disk_format,
            image.container_format,
            image.visibility,
            image.size,
            image.virtual_size,
            image.status,
            image.checksum,
            image.protected,
            image.min_ram,
            image.min_disk,
            image.owner,
            image.os_hidden,
            image.os_hash_algo,
            image.os_hash_value,
            image.id,
            image.created_at.isoformat("T", "seconds") + "Z",
            image.updated_at.isoformat("T", "seconds") + "Z",
            locations,
            direct_url,
            image.tags,
            address,
            address + "/file",
            "/v2/schemas/image",
            _stores(image, view) if view.stores and (view.admin or image.status != DEACTIVATED) else UNSET,
        )
    )
    properties = _properties(view.readable(image.properties), view.nullable) if image.properties else None
    return encode(properties)[:-1] + b"," + own[1:] if properties else own


def page_json(images: Sequence[Image], view: View, first: str, following: str | None) -> bytes:
    parts = [b'{"images":[', b",".join([image_json(image, view) for image in images]), b'],"first":', encode(first)]
    if following is not None:
        parts += [b',"next":', encode(following)]
    return b"".join([*parts, b',"schema":"/v2/schemas/images"}'])


def member_json(member: Member) -> bytes:
    return encode(_member(member))


def members_json(members: Sequence[Member]) -> bytes:
    return encode(_Members([_member(member) for member in members]))


def locations_json(locations: Sequence[ImageLocation]) -> bytes:
    return encode([_Location(place.url, place.metadata) for place in locations])


def etag(body: bytes) -> str:
    """Names what the caller was shown, not the image: two callers may see different things."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def _properties(properties: Mapping[str, str | None], nullable: frozenset[str]) -> Mapping[str, str | None]:
    if None not in properties.values() and HIDDEN.isdisjoint(properties):
        return properties
    return {
        name: "" if value is None and name not in nullable else value
        for name, value in properties.items()
        if name not in HIDDEN
    }


def _where(image: Image, view: View) -> tuple[list[_Location] | UnsetType, str | UnsetType]:
    shown = view.shown_locations(image)
    locations = [_Location(place.url, place.metadata) for place in shown] if view.locations else UNSET
    if not (view.direct_url and shown) or image.status == QUEUED:  # then it is no data, but what was refused
        return locations, UNSET
    return locations, _heaviest_first(shown, view)[0].url


def _stores(image: Image, view: View) -> str | UnsetType:
    named = [place for place in image.locations if place.store]
    return ",".join(place.store for place in _heaviest_first(named, view)) or UNSET


def _heaviest_first(places: Sequence[ImageLocation], view: View) -> list[ImageLocation]:
    """By the weights of their stores; equals as they were recorded."""
    return sorted(places, key=lambda place: -view.weights.get(place.store, 0))


def _member(member: Member) -> _Member:
    return _Member(member.member_id, member.image_id, member.status, _time(member.created_at), _time(member.updated_at))


def _time(at: datetime) -> str:
    return at.isoformat("T", "seconds") + "Z"
