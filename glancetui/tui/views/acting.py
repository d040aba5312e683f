"""Actions on images, for the views that show some: the list acts on what is marked, the detail on its one image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from glancetui.client.values import RemoteImage
from glancetui.tui.actions import Action
from glancetui.tui.views.base import View

if TYPE_CHECKING:
    Base = View
else:
    Base = object

NEED_AN_IMAGE = frozenset(
    {
        "go.open",
        "look.copy",
        "look.raw",
        "look.save",
        "image.delete",
        "image.protect",
        "image.hide",
        "image.visibility",
        "image.activate",
    }
)


class ImageActions(Base):
    """What a view inherits to act on its chosen images."""

    def chosen(self) -> list[RemoteImage]:
        raise NotImplementedError

    def forget(self, image_ids: Iterable[str]) -> None:
        """These images are deleted."""
        raise NotImplementedError

    def replaced(self, image: RemoteImage) -> None:
        """This image is now so."""
        raise NotImplementedError

    def off(self, action: Action) -> str | None:
        if action.acts and self.session.read_only:
            return "this session is read-only"
        if action.id in NEED_AN_IMAGE and not self.chosen():
            return "no image is chosen"
        if action.id == "image.activate" and any(
            image.status not in {"active", "deactivated"} for image in self.chosen()
        ):
            return "only active and deactivated images can change so"
        if action.id == "look.save" and self.chosen()[0].status != "active":
            return "the image has no data that could be fetched"
        return None

    def act_raw(self) -> None:
        self.desk.open_raw(self.chosen()[0])
