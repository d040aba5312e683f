"""How much a project and an image may have.

Counts of one image are the options' own: -1 is no limit, and what lowers or keeps a count passes even where the quota
is already exceeded. What a project may have in all is user_storage_quota, and Keystone's unified limits where the
operator keeps to them; the registry holds both against what there is, in the transaction that takes more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from glancetui.errors import LimitExceeded
from glancetui.images.properties import RESERVED_PREFIX
from glancetui.registry.interface import Registry
from glancetui.registry.values import UNLIMITED, Allowance

MIB = 1 << 20
SIZE_TOTAL, STAGE_TOTAL = "image_size_total", "image_stage_total"
COUNT_TOTAL, COUNT_UPLOADING = "image_count_total", "image_count_uploading"
LIMITS = (SIZE_TOTAL, STAGE_TOTAL, COUNT_TOTAL, COUNT_UPLOADING)


class UnifiedLimits(Protocol):
    """Keystone's, by their names. Callable from many threads; each call may wait for a network."""

    def of(self, project: str) -> Mapping[str, int]:
        """Every one of `LIMITS`; -1 is no limit. Raises Unavailable."""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    usage: int
    limit: int


class Quotas:
    """What a project may have. `limits` None: the operator does not keep to Keystone's."""

    def __init__(self, registry: Registry, limits: UnifiedLimits | None) -> None:
        self._registry = registry
        self._limits = limits

    @property
    def asks_keystone(self) -> bool:
        """Whether `allowance` may wait for a network."""
        return self._limits is not None

    def allowance(self, owner: str | None, declared: int | None = None) -> Allowance:
        """As it is now. `declared`: bytes that are announced, None where nobody knows. Raises Unavailable."""
        if self._limits is None or owner is None:
            return UNLIMITED
        limits = {name: None if limit < 0 else limit for name, limit in self._limits.of(owner).items()}
        return Allowance(
            size_total=limits[SIZE_TOTAL],
            stage_total=limits[STAGE_TOTAL],
            count_total=limits[COUNT_TOTAL],
            count_uploading=limits[COUNT_UPLOADING],
            declared=declared or 0,
        )

    def usage(self, project: str | None) -> Mapping[str, Used]:
        """By the names of the limits; nothing where Keystone's are not kept to. Raises Unavailable."""
        if self._limits is None or project is None:
            return {}
        limits, used = self._limits.of(project), self._registry.usage(project)
        counts = {
            SIZE_TOTAL: used.stored // MIB,
            STAGE_TOTAL: used.staged // MIB,
            COUNT_TOTAL: used.images,
            COUNT_UPLOADING: used.uploading,
        }
        return {name: Used(usage=counts[name], limit=limits[name]) for name in LIMITS}


def check_properties(quota: int, after: Collection[str], before: Collection[str] = ()) -> None:
    """As `check_count`; what the service itself notes with an image is not its owner's."""
    check_count("custom properties", quota, _clients(after), _clients(before))


def _clients(names: Collection[str]) -> Collection[str]:
    return [name for name in names if not name.startswith(RESERVED_PREFIX)]


def check_count(what: str, quota: int, after: Collection[str], before: Collection[str] = ()) -> None:
    """Raises LimitExceeded where `after` is beyond `quota` and holds something that `before` does not."""
    if quota < 0 or len(after) <= quota or set(after) <= set(before):
        return
    raise LimitExceeded(f"An image has at most {quota} {what}, and this would make it {len(after)}. Remove some first.")
