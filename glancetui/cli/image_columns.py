"""How images look in tables."""

from __future__ import annotations

from collections.abc import Mapping

from glancetui.cli.context import Context
from glancetui.cli.output import Column, plain, size_text, text_or_dash, time_text, yes_no
from glancetui.client.masking import masked_document
from glancetui.client.values import BASE_ATTRIBUTES, RemoteImage

COLUMNS = (
    Column("id", "ID", text_or_dash),
    Column("name", "NAME", text_or_dash),
    Column("status", "STATUS", text_or_dash),
    Column("size", "SIZE", size_text, right=True),
    Column("disk_format", "FORMAT", text_or_dash),
    Column("container_format", "CONTAINER", text_or_dash),
    Column("visibility", "VISIBILITY", text_or_dash),
    Column("protected", "PROTECTED", yes_no),
    Column("os_hidden", "HIDDEN", yes_no),
    Column("owner", "OWNER", text_or_dash),
    Column("created_at", "CREATED", time_text),
    Column("updated_at", "UPDATED", time_text),
    Column("virtual_size", "VIRTUAL", size_text, right=True),
    Column("min_disk", "MIN_DISK", text_or_dash, right=True),
    Column("min_ram", "MIN_RAM", text_or_dash, right=True),
    Column("stores", "STORES", text_or_dash),
    Column("tags", "TAGS", text_or_dash),
    Column("checksum", "CHECKSUM", text_or_dash),
    Column("os_hash_algo", "HASH_ALGO", text_or_dash),
    Column("os_hash_value", "HASH", text_or_dash),
)
DEFAULT = ("id", "name", "status", "size", "disk_format", "visibility", "updated_at")
LONG = (*DEFAULT, "container_format", "owner", "protected", "stores", "tags", "os_hash_value")
ORDER = (
    "id", "name", "status", "visibility", "size", "virtual_size", "disk_format", "container_format", "owner",
    "protected", "os_hidden", "min_disk", "min_ram", "stores", "tags", "checksum", "os_hash_algo", "os_hash_value",
    "created_at", "updated_at",
)  # fmt: skip


def in_reading_order(document: Mapping[str, object]) -> dict[str, object]:
    """The document with what people look for first, properties after that, links last."""
    first = {key: document[key] for key in ORDER if key in document}
    properties = {key: document[key] for key in sorted(document) if key not in BASE_ATTRIBUTES}
    return first | properties | {key: value for key, value in document.items() if key not in first}


def fields_for_people(image: RemoteImage) -> Mapping[str, str]:
    """What `image show` prints instead of raw values."""
    sizes = {key: f"{plain(value)} ({size_text(value)})" for key, value in sizes_of(image).items() if value is not None}
    return sizes | {"tags": ", ".join(image.tags)}


def sizes_of(image: RemoteImage) -> Mapping[str, int | None]:
    return {"size": image.size, "virtual_size": image.virtual_size}


def masked_row(image: RemoteImage) -> Mapping[str, object]:
    row = masked_document(in_reading_order(image.document))
    return row if isinstance(row, dict) else {}


def print_image(context: Context, image: RemoteImage, *, changed: bool = False) -> None:
    """One image, as the flags say. `changed`: what was asked for has been done, so nothing may look like a refusal."""
    context.printer.item(masked_row(image), fields_for_people(image), lenient=changed)
