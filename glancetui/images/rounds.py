"""Work that comes round again: a loop outlives whatever goes wrong in one of its pieces."""

from __future__ import annotations

import logging
from collections.abc import Callable

from glancetui.errors import GlancetuiError


def attempt(log: logging.Logger, who: str, name: str, piece: Callable[[], object]) -> None:
    """Do one piece. `log` hears that `who` could not do it; the next round tries again."""
    try:
        piece()
    except GlancetuiError as error:
        log.warning("%s could not do its %s; it is tried again: %s", who, name, error)
    except Exception:  # the loop's edge: whatever went wrong, the next round tries again
        log.exception("%s failed in its %s; it is tried again.", who, name)
