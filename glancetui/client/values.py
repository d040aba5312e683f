"""What an endpoint told us, as immutable values.

A server may be old, odd or hostile: fields of the wrong type become "unknown" here instead of failing later, and the
document as it came stays beside them in `document`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

BASE_ATTRIBUTES = frozenset(
    {
        "id", "name", "status", "visibility", "protected", "os_hidden", "checksum", "os_hash_algo", "os_hash_value",
        "owner", "size", "virtual_size", "container_format", "disk_format", "created_at", "updated_at", "tags",
        "min_ram", "min_disk", "direct_url", "locations", "stores", "self", "file", "schema",
    }
)  # fmt: skip


class RemoteImage(msgspec.Struct, frozen=True, kw_only=True):
    """One image as an endpoint shows it. Sizes are bytes, `min_disk` GiB, `min_ram` MiB; times are UTC without zone."""

    id: str
    name: str | None = None
    status: str = "unknown"
    visibility: str = "unknown"
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
    created_at: datetime | None = None
    updated_at: datetime | None = None
    min_disk: int = 0
    min_ram: int = 0
    tags: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()  # empty where the endpoint has one store only
    direct_url: str | None = None
    properties: Mapping[str, str | None] = {}
    etag: str | None = None  # of the answer that brought it, where the endpoint sends one
    document: Mapping[str, object] = {}  # exactly as it came

    @classmethod
    def from_document(cls, document: Mapping[str, object], etag: str | None = None) -> RemoteImage:
        """Read the API's JSON object. `document` is kept, not copied."""
        field = document.get
        return cls(
            id=text(field("id")) or "",
            name=text(field("name")),
            status=text(field("status")) or "unknown",
            visibility=text(field("visibility")) or "unknown",
            protected=field("protected") is True,
            os_hidden=field("os_hidden") is True,
            checksum=text(field("checksum")),
            os_hash_algo=text(field("os_hash_algo")),
            os_hash_value=text(field("os_hash_value")),
            owner=text(field("owner")),
            size=number(field("size")),
            virtual_size=number(field("virtual_size")),
            container_format=text(field("container_format")),
            disk_format=text(field("disk_format")),
            created_at=moment(field("created_at")),
            updated_at=moment(field("updated_at")),
            min_disk=number(field("min_disk")) or 0,
            min_ram=number(field("min_ram")) or 0,
            tags=texts(field("tags")),
            stores=tuple(store for store in (text(field("stores")) or "").split(",") if store),
            direct_url=text(field("direct_url")),
            properties={key: text(value) for key, value in document.items() if key not in BASE_ATTRIBUTES},
            etag=etag,
            document=document,
        )

    def same_as(self, other: RemoteImage) -> bool:
        """Both show the same image in the same state. An endpoint may list tags in any order."""
        return _in_order(self.document) == _in_order(other.document)


def _in_order(document: Mapping[str, object]) -> Mapping[str, object]:
    return {**document, "tags": sorted(texts(document.get("tags")))}


class RemoteMember(msgspec.Struct, frozen=True, kw_only=True):
    image_id: str
    member_id: str
    status: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    document: Mapping[str, object] = {}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> RemoteMember:
        return cls(
            image_id=text(document.get("image_id")) or "",
            member_id=text(document.get("member_id")) or "",
            status=text(document.get("status")) or "unknown",
            created_at=moment(document.get("created_at")),
            updated_at=moment(document.get("updated_at")),
            document=document,
        )


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of an endpoint, such as its registry or a store, and how it is."""

    name: str
    ready: bool
    error: str = ""  # a sentence


class RemoteTask(msgspec.Struct, frozen=True, kw_only=True):
    """Background work. `done` and `total` in bytes, of the phase it is in; None where the endpoint does not tell."""

    id: str
    type: str
    status: str  # pending, processing, success, failure
    image_id: str | None = None
    message: str | None = None
    error_code: str | None = None
    phase: str | None = None
    done: int | None = None
    total: int | None = None
    rate: float | None = None  # bytes a second
    created_at: datetime | None = None
    updated_at: datetime | None = None
    document: Mapping[str, object] = {}

    @property
    def remaining(self) -> float | None:
        """Seconds until the phase is done; None where it cannot be told."""
        if self.total is None or self.done is None or not self.rate:
            return None
        return max(0.0, (self.total - self.done) / self.rate)

    @property
    def is_over(self) -> bool:
        return self.status in {"success", "failure"}

    @property
    def method(self) -> Mapping[str, object]:
        """How the data of an image come, in the words of the import that was asked for; empty for other work."""
        found: object = self.document
        for member in ("input", "import_req", "method"):
            found = found.get(member) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> RemoteTask:
        told = document.get("progress")
        progress: Mapping[str, object] = told if isinstance(told, dict) else {}
        return cls(
            id=text(document.get("id")) or "",
            type=text(document.get("type")) or "unknown",
            status=text(document.get("status")) or "unknown",
            image_id=text(document.get("image_id")),
            message=text(document.get("message")),
            error_code=text(document.get("error_code")),
            phase=text(progress.get("phase")),
            done=number(progress.get("done")),
            total=number(progress.get("total")),
            rate=quantity(progress.get("rate")),
            created_at=moment(document.get("created_at")),
            updated_at=moment(document.get("updated_at")),
            document=document,
        )


class ApiVersion(msgspec.Struct, frozen=True, kw_only=True):
    id: str  # "v2.17"
    status: str  # CURRENT or SUPPORTED
    url: str


class RemoteStore(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of /v2/info/stores."""

    id: str
    description: str | None = None
    default: bool = False
    read_only: bool = False


class RemoteLocation(msgspec.Struct, frozen=True, kw_only=True):
    """One copy of an image. Secrets in `url` are masked only where it is shown."""

    url: str
    metadata: Mapping[str, object] = {}


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A new image and what its endpoint said it could do with it."""

    image: RemoteImage
    import_methods: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()


def text(value: object) -> str | None:
    """A string, or None for whatever is not one; numbers and booleans are spelled as JSON does."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def quantity(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def moment(value: object) -> datetime | None:
    """An ISO 8601 time as UTC without zone; None if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed if parsed.tzinfo is None else parsed.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
