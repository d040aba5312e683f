"""What a list shows: columns as data, and which of them fit a width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from glancetui.client.imports import WITHOUT_DATA
from glancetui.client.text import clean, cut_middle
from glancetui.client.values import RemoteImage
from glancetui.tui import figures
from glancetui.tui.glyphs import Glyphs
from glancetui.tui.imports import Imports, short

T = TypeVar("T")
GAP = 2  # cells between columns


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell's text depends on beside the row itself."""

    now: datetime
    glyphs: Glyphs
    imports: Imports  # of images


class Cell(msgspec.Struct, frozen=True):
    """Clean text, and the name of the palette's style for it."""

    text: str
    style: str = "ink"


class Column(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    key: str
    title: str
    width: int
    cell: Callable[[T, Scene], Cell]
    flexible: bool = False  # takes the cells that are left over
    wish: int = 0  # the width to reach before columns are added that can be done without
    spare: bool = False  # can be done without
    right: bool = False
    sort_key: str | None = None  # as the server spells it; None: it cannot sort by this


def fit(columns: Sequence[Column[T]], width: int, offset: int = 0) -> list[tuple[Column[T], int]]:
    """The columns that fit into `width`, with their widths. The first always stays; `offset` skips those after it."""
    first, *others = columns
    chosen = [first]
    left = width - first.width
    for column in others[offset:]:
        kept = first.wish - first.width if column.spare and first.wish else 0
        if column.width + GAP > left - kept:
            break
        left -= column.width + GAP
        chosen.append(column)
    flexible = sum(column.flexible for column in chosen) or 1
    share, odd = divmod(max(0, left), flexible)
    fitted: list[tuple[Column[T], int]] = []
    for column in chosen:
        extra = share + odd if column.flexible else 0
        odd = 0 if column.flexible else odd
        fitted.append((column, column.width + extra if column.flexible else column.width))
    return fitted


def _name(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001  # every cell takes both
    if not image.name:
        return Cell("(no name)", "faint")
    return Cell(clean(image.name), "soft" if image.os_hidden else "ink")


STATUS_WORDS = {"deactivated": "deactiv.", "pending_delete": "pending"}


def _status(image: RemoteImage, scene: Scene) -> Cell:
    word = STATUS_WORDS.get(image.status, image.status)
    if image.status in WITHOUT_DATA and scene.imports.failure(image):
        return Cell(f"{scene.glyphs.bad} {clean(word)}", "bad")
    return Cell(f"{scene.glyphs.status(image.status)} {clean(word)}", f"status:{image.status}")


def _size(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(figures.size(image.size), "ink" if image.size else "faint")


def _format(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(clean(image.disk_format or figures.UNKNOWN), "soft")


def _visibility(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(clean(image.visibility), "warn" if image.visibility == "public" else "soft")


def _updated(image: RemoteImage, scene: Scene) -> Cell:
    """When it was changed last; while it is worked on, how far that is."""
    task = scene.imports.running(image)
    if task is not None and (far := short(task)):
        return Cell(far, "busy")
    then = image.updated_at
    return Cell(figures.age(then, scene.now) if then else figures.UNKNOWN, "soft")


def _created(image: RemoteImage, scene: Scene) -> Cell:
    then = image.created_at
    return Cell(figures.age(then, scene.now) if then else figures.UNKNOWN, "soft")


def _id(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(cut_middle(clean(image.id), 13), "faint")


def _stores(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(clean(",".join(image.stores)) or figures.UNKNOWN, "soft")


def _tags(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(clean(" ".join(image.tags)), "busy")


def _owner(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(cut_middle(clean(image.owner or figures.UNKNOWN), 12), "soft")


def _hash(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(cut_middle(clean(image.os_hash_value or figures.UNKNOWN), 12), "faint")


NAME = Column(key="name", title="NAME", width=18, wish=26, cell=_name, flexible=True, sort_key="name")
IMAGE_COLUMNS: tuple[Column[RemoteImage], ...] = (
    NAME,
    Column(key="status", title="STATUS", width=11, cell=_status, sort_key="status"),
    Column(key="size", title="SIZE", width=8, cell=_size, right=True, sort_key="size"),
    Column(key="format", title="FMT", width=5, cell=_format, sort_key="disk_format"),
    Column(key="visibility", title="VIS", width=9, cell=_visibility),
    Column(key="updated", title="UPDATED", width=8, cell=_updated, right=True, sort_key="updated_at"),
    Column(key="id", title="ID", width=13, spare=True, cell=_id, sort_key="id"),
    Column(key="tags", title="TAGS", width=14, spare=True, cell=_tags, flexible=True),
    Column(key="owner", title="OWNER", width=12, spare=True, cell=_owner),
    Column(key="created", title="CREATED", width=8, spare=True, cell=_created, right=True, sort_key="created_at"),
    Column(key="stores", title="STORES", width=10, spare=True, cell=_stores),
    Column(key="hash", title="HASH", width=12, spare=True, cell=_hash),
)
BY_KEY = {column.key: column for column in IMAGE_COLUMNS}
PROPERTY = "prop."


def column_of(key: str) -> Column[RemoteImage] | None:
    """A column by its key, or of any property by `prop.NAME`; None: there is none."""
    if key in BY_KEY:
        return BY_KEY[key]
    name = key.removeprefix(PROPERTY)
    if not key.startswith(PROPERTY) or not name:
        return None

    def cell(image: RemoteImage, scene: Scene) -> Cell:  # noqa: ARG001
        return Cell(clean(image.properties.get(name) or figures.UNKNOWN), "soft")

    return Column(key=key, title=clean(name).upper(), width=max(8, min(20, len(name))), cell=cell)
