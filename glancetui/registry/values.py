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


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """Keystone's unified limits of an image's owner, as they are when it asks for more; None: no limit.

    Sizes are whole MiB. As everywhere in OpenStack a size may be exceeded by what was not told before: who has reached
    a limit, and not more, may send one image without a declared size.
    """

    size_total: int | None = None  # of copies
    stage_total: int | None = None  # of staged data, and of images that are being imported or copied
    count_total: int | None = None
    count_uploading: int | None = None  # images that take data, or are imported or copied
    declared: int = 0  # bytes that were announced


UNLIMITED = Allowance()


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a project has; sizes in bytes."""

    stored: int  # of copies
    staged: int
    images: int
    uploading: int


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload found out about its bytes."""

    size: int
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    virtual_size: int | None
    location: ImageLocation
    quota: int | None = None  # bytes that the owner may have stored with this upload included; None: any number
    allowance: Allowance = UNLIMITED
