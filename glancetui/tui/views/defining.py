"""Changing definitions: a namespace as it was and as it shall be, shown as steps before they are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glancetui.tui.views.base import View

if TYPE_CHECKING:
    Base = View
else:
    Base = object


class Defining(Base):
    """What the view of definitions inherits to change them."""
