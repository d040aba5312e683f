"""Immutable values that cross packages. Sizes are bytes, times are UTC without zone (as the database holds them)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec


class ImageStatus(enum.StrEnum):
    QUEUED = "queued"
    SAVING = "saving"
    ACTIVE = "active"
    KILLED = "killed"
    DELETED = "deleted"
    UPLOADING = "uploading"
    IMPORTING = "importing"
    PENDING_DELETE = "pending_delete"
    DEACTIVATED = "deactivated"


class Visibility(enum.StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    SHARED = "shared"
    COMMUNITY = "community"


class MemberStatus(enum.StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as authentication found. `roles` and `service_roles` are lower case."""

    user: str | None = None
    project: str | None = None
    roles: frozenset[str] = frozenset()
    service_roles: frozenset[str] = frozenset()
    user_domain: str | None = None
    project_domain: str | None = None
    domain: str | None = None
    system_scope: str | None = None
    request_id: str = ""
    is_admin: bool = False  # passes the rule `context_is_admin`
    read_only: bool = False  # anonymous access


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Through whose eyes the registry looks. An admin sees every project's images."""

    project: str | None
    is_admin: bool


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where an object lies. `url` is glance_store's spelling, such as file:///srv/images/ID."""

    store: str
    url: str


class ImageLocation(msgspec.Struct, frozen=True, kw_only=True):
    """One copy of an image, as the registry records it. `id` is the row's number; 0 before it has one."""

    url: str
    metadata: Mapping[str, Any] = {}  # Any: JSON
    status: str = "active"
    id: int = 0

    @property
    def store(self) -> str:
        """As the metadata name it; empty where they name none, as with a single store."""
        named = self.metadata.get("store")
        return named if isinstance(named, str) else ""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    status: str  # an ImageStatus; a plain string, since a database of long standing may hold others
    visibility: str
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    protected: bool = False
    os_hidden: bool = False
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    owner: str | None = None
    size: int | None = None
    virtual_size: int | None = None
    container_format: str | None = None
    disk_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    properties: Mapping[str, str | None] = {}
    tags: tuple[str, ...] = ()
    locations: tuple[ImageLocation, ...] = ()
    revision: int = 0  # counts our changes; with updated_at it is what compare-and-swap compares
    reason: str | None = None  # why the last attempt to give it data failed


class Member(msgspec.Struct, frozen=True, kw_only=True):
    image_id: str
    member_id: str
    status: str
    created_at: datetime
    updated_at: datetime


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    object_id: str
    size: int


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    free: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of one probe of a store."""

    ok: bool
    seconds: float
    error: str | None = None
