"""Values that more than one part of the metadata interface speaks of."""

from __future__ import annotations

from datetime import datetime

import msgspec

from glancetui.model import ImageLocation


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an image that a change was decided on."""

    image_id: str
    revision: int
    updated_at: datetime


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who caused a change, for its event."""

    project: str | None = None
    user: str | None = None
    request_id: str | None = None
    node: str | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An object about to exist: bytes are being written for `image_id` under `object_id` in `store`.

    Held by `owner` (a worker's unique name) until `expires_at`; `fence` grows with each take-over.
    """

    id: int
    image_id: str
    store: str
    object_id: str
    owner: str
    fence: int
    expires_at: datetime
    job_id: str | None = None  # whose copy it will be; None: an upload's, or staged data


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload found out about its bytes."""

    size: int
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    virtual_size: int | None
    location: ImageLocation
    quota: int | None = None  # bytes that the owner may have stored with this upload included; None: any number
