"""The metadata interface. Every method is one transaction; none spans calls.

Writers of an image name what they saw (`revision` and `updated_at` of the Image they read): where the row has moved on,
`Stale` is raised and nothing is written. The change, its event and its outbox rows commit together.

The private registry service (`registry.service`) carries these methods as they are annotated here: a method added is an
operation added. One without a mark (`marks`) counts as a write, which is never done again where its fate is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from glancetui.model import Image, ImageLocation, Location, Member, Viewer
from glancetui.registry.caching import Caching
from glancetui.registry.jobs import Jobs
from glancetui.registry.marks import local, repeatable
from glancetui.registry.metadefs import Metadefs
from glancetui.registry.values import UNLIMITED, Actor, Allowance, Intent, Published, Seen, Usage

__all__ = ["Actor", "Allowance", "Intent", "Published", "Seen", "Usage"]  # for those who import them from here

SortKey = Literal["name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at"]
Direction = Literal["asc", "desc"]


class Sort(msgspec.Struct, frozen=True):
    key: SortKey
    direction: Direction


class OneOf(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A base attribute equals one of the values."""

    field: Literal[
        "name", "id", "status", "container_format", "disk_format", "owner", "checksum",
        "os_hash_value", "os_hash_algo", "min_ram", "min_disk", "size", "virtual_size",
    ]  # fmt: skip
    values: tuple[str | int, ...]


class TimeIs(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    field: Literal["created_at", "updated_at"]
    op: Literal["gt", "gte", "lt", "lte", "eq", "neq"]
    at: datetime  # UTC without zone


class Between(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Both ends included; None: open."""

    field: Literal["size", "virtual_size", "min_ram", "min_disk"]
    least: int | None = None
    most: int | None = None


class PropertyIs(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    name: str
    value: str


# Tagged, so that one can be told from another when they cross to the service.
Filter = OneOf | TimeIs | Between | PropertyIs


class ImageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One page of images, as contract §7 defines what is seen.

    `sort` is what the caller asked for; created_at and id are appended by the registry as tie-breakers (in the
    direction of the last key; desc by default). Null sorts as the smallest value in every sort and direction.
    """

    viewer: Viewer
    limit: int
    sort: tuple[Sort, ...] = (Sort("created_at", "desc"),)
    marker: str | None = None  # image id; unknown or invisible: BadRequest
    filters: tuple[Filter, ...] = ()
    tags: tuple[str, ...] = ()  # all must be present
    visibility: Literal["public", "private", "shared", "community", "all"] | None = None
    member_status: Literal["pending", "accepted", "rejected", "all"] = "accepted"
    os_hidden: bool = False
    protected: bool | None = None
    search: str | None = None  # ours: name contains (case-insensitive), or id starts with


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """`exact` or at least so many: see `Registry.count`."""

    number: int
    exact: bool


class NewImage(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    owner: str | None
    name: str | None = None
    visibility: str = "shared"
    protected: bool = False
    os_hidden: bool = False
    container_format: str | None = None
    disk_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    properties: dict[str, str | None] = {}
    tags: tuple[str, ...] = ()


class ImageChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a change writes; UNSET leaves a field as it is. Properties and tags are the whole new set when given.

    `locations`: the whole new list in its order, known rows by their ids. The bytes of those left out are owed to the
    outbox, after `keep` seconds; None: at once. `quota`: bytes that the owner may then have stored; None: any number.
    """

    name: str | None | msgspec.UnsetType = msgspec.UNSET
    visibility: str | msgspec.UnsetType = msgspec.UNSET
    protected: bool | msgspec.UnsetType = msgspec.UNSET
    os_hidden: bool | msgspec.UnsetType = msgspec.UNSET
    owner: str | None | msgspec.UnsetType = msgspec.UNSET
    container_format: str | None | msgspec.UnsetType = msgspec.UNSET
    disk_format: str | None | msgspec.UnsetType = msgspec.UNSET
    min_disk: int | msgspec.UnsetType = msgspec.UNSET
    min_ram: int | msgspec.UnsetType = msgspec.UNSET
    status: str | msgspec.UnsetType = msgspec.UNSET
    properties: dict[str, str | None] | msgspec.UnsetType = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    locations: tuple[ImageLocation, ...] | msgspec.UnsetType = msgspec.UNSET
    size: int | None | msgspec.UnsetType = msgspec.UNSET
    checksum: str | None | msgspec.UnsetType = msgspec.UNSET
    os_hash_algo: str | None | msgspec.UnsetType = msgspec.UNSET
    os_hash_value: str | None | msgspec.UnsetType = msgspec.UNSET
    quota: int | None = None
    keep: float | None = None


class OutboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A side effect that a committed change owes: today, bytes to remove."""

    id: int
    kind: str  # "delete-object"
    image_id: str
    location: Location
    attempts: int


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What a committed change owes to the operator's message broker."""

    id: int
    message_id: str
    kind: str  # Glance's event type: image.create, image.member.update, task.success, metadef_tag.delete …
    priority: str  # INFO, ERROR
    payload: str  # JSON
    created_at: datetime


class Event(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    kind: str  # image.create, image.update, image.upload, image.delete, member.create, metadef_namespace.create …
    image_id: str | None
    project: str | None
    node: str | None
    at: datetime


class Registry(Jobs, Metadefs, Caching, Protocol):
    # -- images ------------------------------------------------------------------------------------------------------
    def create_image(self, new: NewImage, actor: Actor, allowance: Allowance = UNLIMITED) -> Image:
        """Raises Duplicate if the id was ever used, deleted images included; LimitExceeded."""

    @repeatable
    def image(self, image_id: str, viewer: Viewer) -> Image:
        """Raises NotFound if absent, deleted, or not visible: own, public, community, or shared with the project
        (a member row in any status). One statement."""

    @repeatable
    def page(self, query: ImageQuery) -> Sequence[Image]:
        """At most `query.limit` images, in order. Raises BadRequest for a marker that the viewer cannot see."""

    @repeatable
    def count(self, query: ImageQuery) -> Count:
        """How many images `page` would give in all; limit, sort and marker do not matter. Exact up to some thousands,
        beyond that a least number: it costs about the same however many there are."""

    def change_image(self, seen: Seen, change: ImageChange, actor: Actor) -> Image:
        """Raises Stale; NotFound if deleted meanwhile; LimitExceeded beyond the change's quota."""

    def delete_image(self, seen: Seen, actor: Actor, keep: float | None = None) -> None:
        """Row, properties, tags, members, locations soft-deleted; an outbox row for each location.

        With `keep`, bytes stay for so many seconds, and image and locations are `pending_delete` until they are gone.
        Raises Stale, NotFound.
        """

    def add_tag(self, image_id: str, tag: str, quota: int, actor: Actor) -> None:
        """Idempotent. Raises NotFound; LimitExceeded if the image would have more than `quota` tags (-1: no limit)."""

    def remove_tag(self, image_id: str, tag: str, actor: Actor) -> None:
        """Raises NotFound if the image has no such tag."""

    @repeatable
    def bytes_stored(self, owner: str | None, besides: str | None = None) -> int:
        """For user_storage_quota: size × number of locations of the owner's images, and the staged data of those that
        have none yet, but for that of image `besides`."""

    @repeatable
    def usage(self, owner: str) -> Usage:
        """What the unified limits are held against."""

    # -- bytes -------------------------------------------------------------------------------------------------------
    def begin_upload(
        self,
        seen: Seen,
        store: str,
        object_id: str,
        owner: str,
        lease: float,
        actor: Actor,
        allowance: Allowance = UNLIMITED,
    ) -> Intent:
        """queued → saving, and the intent; a location that shows what was tried before goes. `lease` in seconds.
        Raises Stale, NotFound, Conflict if not queued, LimitExceeded."""

    @repeatable
    def renew_intent(self, intent: Intent, lease: float) -> Intent:
        """Raises Stale if another took it over or it was cleared."""

    def publish_upload(self, intent: Intent, published: Published, actor: Actor) -> Image:
        """saving → active with location, sizes, hashes; clears the intent. Raises Gone if the image was deleted
        meanwhile (the intent stays: the caller removes the bytes, then clears it), Stale if the fence is not ours,
        LimitExceeded if the owner would have more stored than the quota: also by uploads that end at the same time."""

    @repeatable
    def abandon_upload(self, intent: Intent, reason: str, actor: Actor) -> None:
        """saving → queued with size, hashes and checksum cleared and `reason` kept; clears the intent.
        To be called after the bytes are gone. Idempotent; silently done if the image was deleted. Raises Stale."""

    @repeatable
    def expired_intents(self, now: datetime, limit: int) -> Sequence[Intent]: ...

    @repeatable
    def intents_of(self, owner: str) -> Sequence[Intent]: ...

    def take_over(self, intent: Intent, owner: str, lease: float) -> Intent:
        """The intent under a new owner and a higher fence. Raises Stale if somebody else was first."""

    @repeatable
    def stuck_images(self, limit: int) -> Sequence[Image]:
        """Images in saving that no intent speaks of (an older service left them)."""

    @repeatable
    def knows_object(self, store: str, object_id: str, url: str) -> bool:
        """Whether an intent, a live location or an outbox row speaks of this object. What none does is nobody's."""

    @repeatable
    def is_location(self, url: str) -> bool:
        """Whether a live location of any image has this URL."""

    # -- outbox ------------------------------------------------------------------------------------------------------
    def claim_outbox(self, owner: str, lease: float, now: datetime, limit: int) -> Sequence[OutboxEntry]:
        """Due rows, claimed so that no other worker does them for `lease` seconds."""

    @repeatable
    def finish_outbox(self, entry: OutboxEntry) -> None: ...

    def postpone_outbox(self, entry: OutboxEntry, until: datetime, error: str) -> None: ...

    # -- notifications -----------------------------------------------------------------------------------------------
    @repeatable
    def notifications(self, limit: int) -> Sequence[Notification]:
        """The oldest that wait. Only who holds a lease sends them, so that they stay in order."""

    def note_download(
        self, image_id: str, owner: str | None, sent: int, actor: Actor, whole: bool = True, address: str | None = None
    ) -> None:
        """`sent` bytes of the image went to `actor`: all, or not `whole`, since no store gave more. `address`: the
        taker's, where they came from a cache. Nothing is written where nobody wants to be notified of it."""

    @repeatable
    def finish_notifications(self, numbers: Sequence[int]) -> None:
        """They were sent. Idempotent."""

    # -- members -----------------------------------------------------------------------------------------------------
    @repeatable
    def members(self, image_id: str) -> Sequence[Member]: ...

    @repeatable
    def member(self, image_id: str, member_id: str) -> Member:
        """Raises NotFound."""

    def add_member(self, image_id: str, member_id: str, quota: int, actor: Actor) -> Member:
        """Pending. Raises Duplicate, LimitExceeded (-1: no limit), NotFound if the image is gone."""

    def set_member_status(self, image_id: str, member_id: str, status: str, actor: Actor) -> Member:
        """Raises NotFound."""

    def remove_member(self, image_id: str, member_id: str, actor: Actor) -> None:
        """Raises NotFound."""

    # -- events, leases, service -------------------------------------------------------------------------------------
    @repeatable
    def events_after(self, number: int, limit: int) -> Sequence[Event]:
        """In order of their numbers, which have no meaning but order."""

    @repeatable
    def last_event(self) -> int:
        """0 if there is none."""

    @repeatable
    def acquire_lease(self, name: str, owner: str, seconds: float) -> int | None:
        """A fencing number, or None while another holds the lease. Renews when `owner` holds it."""

    @repeatable
    def release_lease(self, name: str, owner: str) -> None: ...

    @repeatable
    def check(self) -> None:
        """A round trip to the database. Raises RegistryUnavailable."""

    @local
    def close(self) -> None: ...
