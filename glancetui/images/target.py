"""An image as the policy's rules see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from glancetui.model import Caller, Image

_ALIASES = {"project_id": "owner", "image_id": "id"}
_ATTRIBUTES = frozenset(Image.__struct_fields__) - {"properties", "locations", "revision", "reason"}


class ImageTarget(Mapping[str, object]):
    """Attributes and custom properties by name; `project_id` is the owner, `member_id` the member who looks.

    An ownerless image has no `project_id` and an image without a looking member no `member_id`: a rule that compares
    them fails, where comparing with None would let in a caller without a project.
    """

    __slots__ = ("_image", "_member")

    def __init__(self, image: Image, member: str | None) -> None:
        self._image, self._member = image, member

    def __getitem__(self, key: str) -> object:
        if key == "member_id":
            return _present(self._member, key)
        name = _ALIASES.get(key, key)
        if name in _ATTRIBUTES:
            value: object = getattr(self._image, name)
            return _present(value, key) if key == "project_id" else value
        return self._image.properties[key]

    def __iter__(self) -> Iterator[str]:
        names = [*_ATTRIBUTES, *self._image.properties, "image_id", "project_id", "member_id"]
        return (name for name in names if self.get(name, self) is not self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _present(value: object, key: str) -> object:
    if value is None:
        raise KeyError(key)
    return value


def target_of(caller: Caller, image: Image) -> ImageTarget:
    """`caller` is known to see `image`: who sees another's shared image and is no administrator is a member."""
    looks_as_member = image.visibility == "shared" and image.owner != caller.project and not caller.is_admin
    return ImageTarget(image, caller.project if looks_as_member else None)
