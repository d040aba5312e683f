"""What may be done to images and by whom. Decides; the registry writes, and nothing here knows HTTP or SQL."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from glancetui.config.settings import Settings
from glancetui.errors import BadRequest, Forbidden, Stale
from glancetui.images.access import Access, actor_of, refuse_read_only, viewer_of
from glancetui.images.members import Members
from glancetui.images.patch import Operation, apply_patch
from glancetui.images.policy import Policy
from glancetui.images.properties import MAX_NAME, RESERVED_PREFIX, WRITABLE, refuse_reserved
from glancetui.images.protection import Protections
from glancetui.images.quotas import Quotas, UnifiedLimits, check_count, check_properties
from glancetui.images.schemas import Schemas, as_integer
from glancetui.images.target import ImageTarget, target_of
from glancetui.model import Caller, Image, ImageLocation, ImageStatus
from glancetui.registry.interface import Count, ImageChange, ImageQuery, NewImage, PropertyIs, Registry, Seen

T = TypeVar("T")
#: Raises BadRequest for custom properties that are set or changed and break what defines them.
PropertyCheck = Callable[[Mapping[str, str | None]], None]
#: Completes a change that names new locations: looks at what lies there. Raises BadRequest, LimitExceeded.
Admit = Callable[[Image, ImageChange, dict[str, int]], ImageChange]
Condition = Callable[[Image], None]  # what else must hold of the image that is changed; raises ConditionFailed

_ATTEMPTS = 10  # times a change is decided anew when others keep changing the image first
_NEVER = datetime.min  # noqa: DTZ901 - stands for times that are never read
_PROBE = Image(
    id="",
    status="active",
    visibility="public",
    created_at=_NEVER,
    updated_at=_NEVER,
)


def anyway(image: Image) -> None:
    """No condition."""


def no_locations(image: Image, change: ImageChange, known: dict[str, int]) -> ImageChange:  # noqa: ARG001
    raise Forbidden("This service takes no locations.")


class ImagePage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_marker`: id to continue after; None where the page is the last."""

    images: Sequence[Image]
    next_marker: str | None


class Images:
    """The rules of images. Callable from many threads; holds no image between calls."""

    def __init__(
        self,
        registry: Registry,
        policy: Policy,
        catalogue: object,
        settings: Settings,
        check_properties: PropertyCheck = lambda _properties: None,
        limits: UnifiedLimits | None = None,
        admit: Admit = no_locations,
    ) -> None:
        self._admit = admit
        self._registry, self._policy = registry, policy
        self._check_properties = check_properties
        self.quotas = Quotas(registry, limits)
        self.protections = Protections(settings.protections, policy)
        self.catalogue = catalogue
        self.settings = settings.images
        self.schemas = Schemas(settings.images)
        self._access = Access(registry, policy)
        self.members = Members(registry, policy, self._access, settings.images.member_quota)

    # -- seeing ------------------------------------------------------------------------------------------------------
    def visible(self, caller: Caller, image_id: str) -> Image:
        """The image as it is now, for calls that ask a rule of their own. Raises NotFound."""
        return self._access.visible(caller, image_id)

    def forbid_or_hide(self, rule: str, caller: Caller, image: Image) -> None:
        """Raises Forbidden where `rule` refuses; NotFound where `get_image` does so too."""
        self._access.forbid_or_hide(rule, caller, image)

    def permit(self, rule: str, caller: Caller) -> None:
        """For calls that are about no image. Raises Forbidden."""
        self._policy.enforce(rule, caller, _project_target(caller))

    def show(self, caller: Caller, image_id: str) -> Image:
        """Raises NotFound."""
        return self._access.shown(caller, image_id)

    def page(self, caller: Caller, query: ImageQuery) -> ImagePage:
        """One page through the caller's eyes, whatever viewer the query names. Raises Forbidden, BadRequest."""
        self._policy.enforce("get_images", caller, _project_target(caller))
        query = msgspec.structs.replace(query, viewer=viewer_of(caller))
        if query.limit == 0 or self._asks_for_hidden(caller, query):
            return ImagePage(images=(), next_marker=None)
        images = self._registry.page(query)
        next_marker = images[-1].id if len(images) == query.limit else None
        return ImagePage(images=self._allowed(caller, images), next_marker=next_marker)

    def count(self, caller: Caller, query: ImageQuery) -> Count:
        """How many images `page` would give in all, whatever viewer, limit and marker the query names.

        Raises Forbidden.
        """
        self._policy.enforce("get_images", caller, _project_target(caller))
        query = msgspec.structs.replace(query, viewer=viewer_of(caller), marker=None)
        if self._asks_for_hidden(caller, query):
            return Count(number=0, exact=True)
        if not self._policy.changed_by_operator("get_image"):
            shown = self._policy.allows("get_image", caller, ImageTarget(_PROBE, None))
            return self._registry.count(query) if shown else Count(number=0, exact=True)
        # Each image has to be judged by itself: those of one page are.
        first = self._registry.page(msgspec.structs.replace(query, limit=self.settings.api_limit_max))
        return Count(number=len(self._allowed(caller, first)), exact=len(first) < self.settings.api_limit_max)

    def shown_locations(self, caller: Caller, image: Image) -> tuple[ImageLocation, ...]:
        """The locations that the caller may be told of; none where `get_image_location` refuses, and none of a
        deactivated image but to an administrator."""
        if image.status == ImageStatus.DEACTIVATED and not caller.is_admin:
            return ()
        if not image.locations or not self._policy.allows("get_image_location", caller, target_of(caller, image)):
            return ()
        return image.locations

    def schema(self, caller: Caller, name: str) -> Mapping[str, Any]:
        """The document /v2/schemas/NAME, without what properties the caller may not read."""
        return self.schemas.document(name, lambda custom: self.protections.allows("read", custom, caller))

    def _asks_for_hidden(self, caller: Caller, query: ImageQuery) -> bool:
        """By a property that the caller may not read nothing is found, or its value could be guessed."""
        return any(
            isinstance(each, PropertyIs) and not self.protections.allows("read", each.name, caller)
            for each in query.filters
        )

    def _allowed(self, caller: Caller, images: Sequence[Image]) -> Sequence[Image]:
        """Where `get_image` means what it means by default, the registry's view implies it up to the caller's role."""
        if not self._policy.changed_by_operator("get_image"):
            return images if self._policy.allows("get_image", caller, ImageTarget(_PROBE, None)) else ()
        return [image for image in images if self._policy.allows("get_image", caller, target_of(caller, image))]

    # -- changing ----------------------------------------------------------------------------------------------------
    def create(self, caller: Caller, attributes: Mapping[str, Any]) -> Image:
        """A queued image. `attributes` is what the client sent: a decoded JSON object.

        Raises BadRequest, Forbidden, LimitExceeded, Duplicate, Unavailable.
        """
        refuse_read_only(caller)
        _refuse_not_for_clients(attributes)
        attributes = {name: as_integer(name, value) for name, value in attributes.items()}
        self.schemas.check_new(attributes)
        tags = tuple(dict.fromkeys(attributes.get("tags", ())))
        properties = {name: value for name, value in attributes.items() if name not in WRITABLE and name != "id"}
        check_count("tags", self.settings.tag_quota, tags)
        check_properties(self.settings.property_quota, properties)
        for name in properties:
            self.protections.enforce("create", name, caller)
        self._check_properties(properties)
        owner = attributes.get("owner", caller.project)
        self._permit_creating(caller, owner, attributes.get("visibility", "shared"))
        base = {name: attributes[name] for name in WRITABLE & attributes.keys() - {"tags", "owner"}}
        image_id = attributes.get("id") or str(uuid.uuid4())
        new = NewImage(id=image_id, owner=owner, tags=tags, properties=properties, **base)
        return self._registry.create_image(new, actor_of(caller), self.quotas.allowance(owner))

    def patch(
        self, caller: Caller, image_id: str, operations: Sequence[Operation], condition: Condition = anyway
    ) -> Image:
        """All operations or none. Raises NotFound, Forbidden, Conflict, LimitExceeded; Stale if others keep winning."""
        refuse_read_only(caller)
        looked_up: dict[str, int] = {}

        def attempt() -> Image:
            if not operations:
                image = self._access.shown(caller, image_id)
                condition(image)
                return image
            image = self._access.visible(caller, image_id)
            condition(image)
            change = apply_patch(
                image,
                operations,
                caller,
                self.settings,
                lambda rule: self.forbid_or_hide(rule, caller, image),
                self.protections,
            )
            self._check_properties(_changed_properties(image, change))
            if change.locations is not msgspec.UNSET:
                change = self._admit(image, change, looked_up)
            return self._registry.change_image(_seen(image), change, actor_of(caller))

        return _settled(attempt)

    def check_before_import(self, image: Image) -> None:
        """Raises BadRequest where what the image says of itself breaks the definitions that are enforced."""
        self._check_properties(_own(image.properties))

    def check_imported(
        self, caller: Caller, image: Image, properties: Mapping[str, str], copied: Collection[str]
    ) -> None:
        """What an import of `caller` is about to write beside the data. `copied`: those of them that came from another
        service; the others the operator gives, whoever imports. Raises Forbidden, LimitExceeded, BadRequest."""
        for name in copied:
            self.protections.enforce_setting(name, image.properties, caller)
        check_properties(self.settings.property_quota, {**image.properties, **properties}, image.properties)
        self._check_properties(
            {name: value for name, value in properties.items() if image.properties.get(name) != value}
        )

    def delete(self, caller: Caller, image_id: str, condition: Condition = anyway) -> None:
        """Raises NotFound; Forbidden also for a protected image."""
        refuse_read_only(caller)

        def attempt() -> None:
            image = self._access.visible(caller, image_id)
            condition(image)
            self.forbid_or_hide("delete_image", caller, image)
            if image.protected:
                raise Forbidden(f"Image {image_id} is protected. Set protected to false first.")
            self._registry.delete_image(_seen(image), actor_of(caller), self.settings.keep_deleted_seconds)

        _settled(attempt)

    def deactivate(self, caller: Caller, image_id: str, condition: Condition = anyway) -> None:
        """active → deactivated; nothing happens to one that is. Raises NotFound; Forbidden from any other status."""
        self._switch(caller, image_id, "deactivate", ImageStatus.ACTIVE, ImageStatus.DEACTIVATED, condition)

    def reactivate(self, caller: Caller, image_id: str, condition: Condition = anyway) -> None:
        """deactivated → active; nothing happens to one that is. Raises NotFound; Forbidden from any other status."""
        self._switch(caller, image_id, "reactivate", ImageStatus.DEACTIVATED, ImageStatus.ACTIVE, condition)

    def add_tag(self, caller: Caller, image_id: str, tag: str) -> None:
        """Idempotent. Raises NotFound, Forbidden, BadRequest for a tag too long, LimitExceeded."""
        refuse_read_only(caller)
        if not tag or len(tag) > MAX_NAME or "\0" in tag:
            raise BadRequest(f"A tag has 1 to {MAX_NAME} characters, none of them NUL.")
        self.forbid_or_hide("modify_image", caller, self._access.visible(caller, image_id))
        self._registry.add_tag(image_id, tag, self.settings.tag_quota, actor_of(caller))

    def remove_tag(self, caller: Caller, image_id: str, tag: str) -> None:
        """Raises NotFound, also for a tag that is not there; Forbidden."""
        refuse_read_only(caller)
        self.forbid_or_hide("modify_image", caller, self._access.visible(caller, image_id))
        self._registry.remove_tag(image_id, tag, actor_of(caller))

    def _permit_creating(self, caller: Caller, owner: str | None, visibility: str) -> None:
        target: dict[str, object] = {"owner": owner, "visibility": visibility}
        if owner is not None:
            target["project_id"] = owner
        if owner == caller.project:
            self._policy.enforce("add_image", caller, target)
        elif not self._policy.allows("add_image", caller, target) or (self._policy.legacy and not caller.is_admin):
            raise _another_owner(owner)
        if visibility == "public":
            self._policy.enforce("publicize_image", caller, target)
        elif visibility == "community":
            self._policy.enforce("communitize_image", caller, target)

    def _switch(
        self,
        caller: Caller,
        image_id: str,
        rule: str,
        before: ImageStatus,
        after: ImageStatus,
        condition: Condition,
    ) -> None:
        refuse_read_only(caller)

        def attempt() -> None:
            image = self._access.visible(caller, image_id)
            condition(image)
            self.forbid_or_hide(rule, caller, image)
            if image.status == after:
                return
            if image.status != before:
                raise Forbidden(f"Image {image_id} is {image.status}; only one that is {before} can be {after}.")
            self._registry.change_image(_seen(image), ImageChange(status=after), actor_of(caller))

        _settled(attempt)


def _another_owner(owner: str | None) -> Forbidden:
    return Forbidden(
        f"You are not permitted to create images owned by '{owner}'. Leave owner out to own them yourself."
    )


def _changed_properties(image: Image, change: ImageChange) -> Mapping[str, str | None]:
    if isinstance(change.properties, msgspec.UnsetType):
        return {}
    return {name: value for name, value in change.properties.items() if image.properties.get(name) != value}


def _own(properties: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """Without what the service itself notes."""
    return {name: value for name, value in properties.items() if not name.startswith(RESERVED_PREFIX)}


def _seen(image: Image) -> Seen:
    return Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at)


def _settled(attempt: Callable[[], T]) -> T:
    """What `attempt` yields once nobody else changes the image between its reading and writing. Raises Stale."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return attempt()
        except Stale:
            continue
    return attempt()


def _project_target(caller: Caller) -> dict[str, object]:
    # None stays None here: who has no project is in no other, and may look at what is public.
    return {"project_id": caller.project}


def _refuse_not_for_clients(attributes: Mapping[str, Any]) -> None:
    for name in attributes:
        if name == "locations":
            raise Forbidden("Attribute locations is reserved for the service. Upload the data instead.")
        refuse_reserved(name)
