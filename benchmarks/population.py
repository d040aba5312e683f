"""Many images of many projects, as rows of Glance's tables, for whatever database: the same ones each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

PROJECTS = 1_000
RARE = 40  # images that have the rare tag and property, however many there are; scarce ones: up to 2,000
START = datetime(2024, 1, 1)  # noqa: DTZ001 - the registry's times are UTC without zone

Row = tuple[Any, ...]  # Any: a value of a column: text, a number, or None
COLUMNS = {
    "images": (
        "id", "name", "size", "status", "created_at", "updated_at", "deleted", "disk_format", "container_format",
        "checksum", "owner", "min_disk", "min_ram", "protected", "visibility", "os_hidden", "os_hash_algo",
        "os_hash_value",
    ),
    "image_properties": ("image_id", "name", "value", "created_at", "deleted"),
    "image_tags": ("image_id", "value", "created_at", "deleted"),
    "image_locations": ("image_id", "value", "created_at", "deleted", "meta_data", "status"),
    "image_members": ("image_id", "member", "can_share", "created_at", "deleted", "status"),
}  # fmt: skip


def tables(count: int) -> Iterator[tuple[str, Iterator[Row]]]:
    """Rows by table, in an order in which they may refer to each other; booleans are 0 and 1."""
    kept: list[tuple[str, bool]] = []  # id, whether it is shared
    yield "images", images(count, kept)
    ids = [image_id for image_id, _ in kept]
    yield "image_properties", ((*row, str(START), 0) for row in properties(ids))
    yield "image_tags", ((*row, str(START), 0) for row in tags(ids))
    yield "image_locations", ((each, f"file:///srv/images/{each}", str(START), 0, "{}", "active") for each in ids)
    yield "image_members", members([image_id for image_id, shared in kept if shared])


def images(count: int, kept: list[tuple[str, bool]]) -> Iterator[Row]:
    """Of every hundred: 5 public, 2 community, 20 shared. Names repeat, some are null; so do sizes."""
    chance = random.Random(count)
    kinds = ["public"] * 5 + ["community"] * 2 + ["shared"] * 20 + ["private"] * 73
    for number in range(count):
        at = f"{START + timedelta(seconds=number // 2)}.000000"  # pairs tie
        image_id = f"{chance.getrandbits(32):08x}-{number:04x}"[:13] + f"-4000-8000-{chance.getrandbits(48):012x}"
        name = None if number % 49 == 0 else f"image {chance.randrange(count // 2 + 1):07d}"
        size = None if number % 11 == 0 else chance.randrange(1 << 36)
        visibility = chance.choice(kinds)
        kept.append((image_id, visibility == "shared"))
        yield (
            image_id, name, size, "queued" if number % 10 == 0 else "active", at, at, 0, "qcow2", "bare",
            f"{number:032x}", f"project-{number % PROJECTS}", 0, 0, 0, visibility, 0, "sha512", f"{number:0128x}",
        )  # fmt: skip


def properties(ids: list[str]) -> Iterator[tuple[str, str, str]]:
    for number, each in enumerate(ids):
        yield each, "arch", "x86_64" if number % 2 else "aarch64"
        yield each, "os_distro", f"distro-{number % 17}"
        yield each, "role", rarity(number, len(ids))


def tags(ids: list[str]) -> Iterator[tuple[str, str]]:
    for number, each in enumerate(ids):
        if number % 2:
            yield each, "common"
        yield each, f"batch-{number % 1000}"
        if rarity(number, len(ids)) != "any":
            yield each, rarity(number, len(ids))


def rarity(number: int, count: int) -> str:
    """Spread evenly, over time and projects: an image's project is its number's remainder."""
    place = number // PROJECTS * 31 % PROJECTS  # which of its thousand bears it
    stride = max(1, count // PROJECTS // RARE)  # one in so many thousands
    if count <= PROJECTS:
        return "rare" if number % (count // RARE) == 3 else "scarce" if number % 2 else "any"
    if number % PROJECTS == place and number // PROJECTS % stride == 0:
        return "rare"
    return "scarce" if number % PROJECTS in {(place + 1) % PROJECTS, (place + 500) % PROJECTS} else "any"


def members(shared: list[str]) -> Iterator[Row]:
    chance = random.Random(1)
    for each in shared:
        status = "accepted" if chance.random() < 0.9 else "pending"
        yield each, f"project-{chance.randrange(PROJECTS)}", 0, str(START), 0, status
