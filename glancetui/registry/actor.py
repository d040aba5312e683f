"""Who changes something, as every part of the registry's interface has it told."""

from __future__ import annotations

import msgspec


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who caused a change, for its event."""

    project: str | None = None
    user: str | None = None
    request_id: str | None = None
    node: str | None = None
