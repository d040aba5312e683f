"""Count quotas. -1 is no limit; what lowers or keeps a count passes even where the quota is already exceeded."""

from __future__ import annotations

from collections.abc import Collection

from glancetui.errors import LimitExceeded


def check_count(what: str, quota: int, after: Collection[str], before: Collection[str] = ()) -> None:
    """Raises LimitExceeded where `after` is beyond `quota` and holds something that `before` does not."""
    if quota < 0 or len(after) <= quota or set(after) <= set(before):
        return
    raise LimitExceeded(f"An image has at most {quota} {what}, and this would make it {len(after)}. Remove some first.")
