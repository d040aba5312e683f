"""Who sees an image, and what becomes of a refusal: 403 to those who may see the image, absence to all others."""

from __future__ import annotations

from glancetui.errors import Forbidden, NotFound
from glancetui.images.policy import Policy
from glancetui.images.policy_compile import Target
from glancetui.images.target import target_of
from glancetui.model import Caller, Image, Viewer
from glancetui.registry.interface import Actor, Registry

EVERYTHING = Viewer(project=None, is_admin=True)  # the service's own eyes

# Owning the image is what protects it also where these rules let others pass: with the older defaults, which let
# everybody, and where an operator opened them. So it is in Glance, whose database layer has the last word.
_OWNERS_RULES = frozenset(
    {
        "modify_image", "delete_image", "upload_image", "deactivate", "reactivate", "set_image_location",
        "delete_image_location",
    }
)  # fmt: skip


def viewer_of(caller: Caller) -> Viewer:
    return Viewer(project=caller.project, is_admin=caller.is_admin)


def there(registry: Registry, image_id: str) -> Image | None:
    """The image as the service itself sees it; None: it is gone."""
    try:
        return registry.image(image_id, EVERYTHING)
    except NotFound:
        return None


def actor_of(caller: Caller) -> Actor:
    return Actor(project=caller.project, user=caller.user, request_id=caller.request_id or None)


def refuse_read_only(caller: Caller) -> None:
    """Raises Forbidden for anonymous callers, who may only read."""
    if caller.read_only:
        raise Forbidden("You are not logged in, so you may only read. Send a token to change anything.")


def absent(image_id: str) -> NotFound:
    return NotFound(f"No image with id {image_id} is visible to you. Check the id, and the project of your token.")


class Access:
    def __init__(self, registry: Registry, policy: Policy) -> None:
        self._registry, self._policy = registry, policy

    def visible(self, caller: Caller, image_id: str) -> Image:
        """The image as it is now. Raises NotFound for what no rule could show: another project's own.

        It is for calls that go on to ask a rule of their own by `forbid_or_hide`. Who passes that needs no `get_image`.
        """
        return self._registry.image(image_id, viewer_of(caller))

    def shown(self, caller: Caller, image_id: str) -> Image:
        """The image, to be looked at. Raises NotFound also where `get_image` refuses."""
        image = self.visible(caller, image_id)
        self.hide_unless_shown(caller, image)
        return image

    def forbid_or_hide(self, rule: str, caller: Caller, image: Image, target: Target | None = None) -> None:
        """Raises Forbidden where `rule` refuses; NotFound where `get_image` does so too."""
        if self._policy.allows(rule, caller, target or target_of(caller, image)) and not self._is_anothers(
            rule, caller, image
        ):
            return
        self.hide_unless_shown(caller, image)
        raise Forbidden(f"The policy rule {rule} does not let you do this to image {image.id}.")

    def hide_unless_shown(self, caller: Caller, image: Image) -> None:
        """Raises NotFound where `get_image` refuses: to be called before a refusal tells that there is an image."""
        if not self._policy.allows("get_image", caller, target_of(caller, image)):
            raise absent(image.id)

    def _is_anothers(self, rule: str, caller: Caller, image: Image) -> bool:
        owns = image.owner is not None and image.owner == caller.project
        return rule in _OWNERS_RULES and not owns and not caller.is_admin
