"""Members: projects that an image is shared with."""

from __future__ import annotations

from collections.abc import Sequence

from glancetui.errors import BadRequest, Forbidden, NotFound
from glancetui.images.access import Access, actor_of, refuse_read_only
from glancetui.images.policy import Policy
from glancetui.images.target import ImageTarget
from glancetui.model import Caller, Image, Member, MemberStatus
from glancetui.registry.interface import Registry

_MAX_MEMBER = 255  # characters of a project id


class Members:
    def __init__(self, registry: Registry, policy: Policy, access: Access, quota: int) -> None:
        self._registry, self._policy, self._access, self._quota = registry, policy, access, quota

    def list(self, caller: Caller, image_id: str) -> Sequence[Member]:
        """All members for the owner, only itself for a member. Raises NotFound; Forbidden for an image not shared."""
        image = self._shared(caller, image_id)
        self._enforce("get_members", caller, image, caller.project)
        return [
            member
            for member in self._registry.members(image_id)
            if (caller.is_admin or _owns(caller, image) or member.member_id == caller.project)
            and self._policy.allows("get_member", caller, ImageTarget(image, member.member_id))
        ]

    def show(self, caller: Caller, image_id: str, member_id: str) -> Member:
        """Raises NotFound to all but the owner and that member, so that nobody learns with whom an image is shared."""
        image = self._access.visible(caller, image_id)
        if image.visibility != "shared":
            raise _no_member(image_id, member_id)
        return self._known(caller, image, member_id)

    def add(self, caller: Caller, image_id: str, member_id: str) -> Member:
        """A pending member. Raises NotFound, Forbidden, Duplicate, LimitExceeded, BadRequest for a bad project id."""
        refuse_read_only(caller)
        _check_member_id(member_id)
        image = self._shared(caller, image_id)
        self._enforce("add_member", caller, image, member_id)
        self._owner_only(caller, image)
        return self._registry.add_member(image_id, member_id, self._quota, actor_of(caller))

    def set_status(self, caller: Caller, image_id: str, member_id: str, status: str) -> Member:
        """The member's own answer, or an administrator's. Raises NotFound, Forbidden, BadRequest."""
        refuse_read_only(caller)
        if status not in set(MemberStatus):
            raise BadRequest("The status of a member is pending, accepted or rejected.")
        image = self._shared(caller, image_id)
        self._known(caller, image, member_id)
        self._enforce("modify_member", caller, image, member_id)
        if self._policy.legacy and not caller.is_admin and caller.project != member_id:
            raise Forbidden(f"Only project {member_id} itself answers whether it takes the image.")
        return self._registry.set_member_status(image_id, member_id, status, actor_of(caller))

    def remove(self, caller: Caller, image_id: str, member_id: str) -> None:
        """Raises NotFound, Forbidden."""
        refuse_read_only(caller)
        image = self._shared(caller, image_id)
        self._known(caller, image, member_id)
        self._enforce("delete_member", caller, image, member_id)
        self._owner_only(caller, image)
        self._registry.remove_member(image_id, member_id, actor_of(caller))

    def _shared(self, caller: Caller, image_id: str) -> Image:
        image = self._access.visible(caller, image_id)
        if image.visibility != "shared":
            self._access.hide_unless_shown(caller, image)
            raise Forbidden(f"Only shared images have members. Image {image_id} is {image.visibility}.")
        return image

    def _known(self, caller: Caller, image: Image, member_id: str) -> Member:
        if not self._policy.allows("get_member", caller, ImageTarget(image, member_id)):
            raise _no_member(image.id, member_id)
        return self._registry.member(image.id, member_id)

    def _enforce(self, rule: str, caller: Caller, image: Image, member_id: str | None) -> None:
        """Raises Forbidden; NotFound where `get_image` refuses too."""
        self._access.forbid_or_hide(rule, caller, image, ImageTarget(image, member_id))

    def _owner_only(self, caller: Caller, image: Image) -> None:
        """With the older default rules, which let everybody pass, owning the image is what counts."""
        if self._policy.legacy and not caller.is_admin and not _owns(caller, image):
            raise Forbidden(f"Only the owner of image {image.id} decides with whom it is shared.")


def _owns(caller: Caller, image: Image) -> bool:
    return image.owner is not None and image.owner == caller.project


def _no_member(image_id: str, member_id: str) -> NotFound:
    return NotFound(f"Project {member_id} is no member of image {image_id}, as far as you may see.")


def _check_member_id(member_id: str) -> None:
    if not member_id or len(member_id) > _MAX_MEMBER or "\0" in member_id:
        raise BadRequest(f"A member is a project id of 1 to {_MAX_MEMBER} characters.")
