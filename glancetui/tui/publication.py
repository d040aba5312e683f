"""What the form for publishing says, as a value; and the command that does it."""

from __future__ import annotations

import msgspec

from glancetui.client.edit import Draft


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and the image that it shall be."""

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
        flags = ["image", "create", "--file", self.path, f"--{self.visibility}"]
        flags += ["--disk-format", self.disk_format] if self.disk_format else []
        flags += ["--container-format", self.container_format] if self.container_format else []
        flags += ["--protected"] if self.protected else []
        flags += ["--min-disk", str(self.min_disk)] if self.min_disk else []
        flags += ["--min-ram", str(self.min_ram)] if self.min_ram else []
        flags += [f"--tag={tag}" for tag in self.tags]
        flags += [f"--property={key}={value}" for key, value in self.properties]
        return tuple(flags)
