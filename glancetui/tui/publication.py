"""What the form for publishing says, as a value; and the command that does it."""

from __future__ import annotations

import msgspec

from glancetui.client.edit import Draft, draft_of
from glancetui.client.values import RemoteImage, RemoteTask, text


def is_address(typed: str) -> bool:
    return typed.strip().lower().startswith(("http://", "https://"))


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or what the endpoint itself fetches from an address, and the image that it shall be."""

    path: str
    name: str
    size: int | None = None  # bytes
    disk_format: str = ""
    container_format: str = "bare"
    visibility: str = "private"
    protected: bool = False
    min_disk: int = 0  # GiB
    min_ram: int = 0  # MiB
    tags: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    image_id: str | None = None  # the image that an attempt before this one left without data, to go on with

    @property
    def is_fetched(self) -> bool:
        """By the endpoint, from an address."""
        return is_address(self.path)

    @property
    def data(self) -> tuple[str, ...]:
        """The flags that say where the data are."""
        return ("--uri", self.path, "--wait") if self.is_fetched else ("--file", self.path)

    def again(self) -> tuple[str, ...]:
        """The command that gives the data to an image that waits for them; its id comes behind."""
        return ("image", "import" if self.is_fetched else "upload", *self.data)

    def draft(self) -> Draft:
        """What the image shall be."""
        same = {name: getattr(self, name) for name in ("visibility", "protected", "min_disk", "min_ram")}
        return Draft(
            name=self.name or None,
            disk_format=self.disk_format or None,
            container_format=self.container_format or None,
            tags=tuple(sorted(set(self.tags))),
            properties=dict(sorted(self.properties)),
            **same,
        )

    def arguments(self) -> tuple[str, ...]:
        """The command that does it, without `glancetui` in front and the name behind."""
        flags = ["image", "create", *self.data, f"--{self.visibility}"]
        flags += ["--disk-format", self.disk_format] if self.disk_format else []
        flags += ["--container-format", self.container_format] if self.container_format else []
        flags += ["--protected"] if self.protected else []
        flags += ["--min-disk", str(self.min_disk)] if self.min_disk else []
        flags += ["--min-ram", str(self.min_ram)] if self.min_ram else []
        flags += [f"--tag={tag}" for tag in self.tags]
        flags += [f"--property={key}={value}" for key, value in self.properties]
        return tuple(flags)


def once_more(image: RemoteImage, last: RemoteTask) -> Publication | None:
    """What would bring in the data of an image whose download came to nothing; None: that was no download."""
    uri = text(last.method.get("uri"))
    if not uri or image.status != "queued":
        return None
    draft = draft_of(image)
    same = {name: getattr(draft, name) for name in ("visibility", "protected", "min_disk", "min_ram", "tags")}
    return Publication(
        path=uri,
        name=draft.name or "",
        disk_format=draft.disk_format or "",
        container_format=draft.container_format or "bare",
        properties=tuple(draft.properties.items()),
        image_id=image.id,
        **same,
    )
