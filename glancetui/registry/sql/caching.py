"""Glance's tables of what nodes have cached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from glancetui.registry.caching import CacheEntry
from glancetui.registry.sql.dialect import Undone
from glancetui.registry.sql.tables import cached_images, node_reference

_NODE = sa.select(node_reference.c.node_reference_id).where(node_reference.c.node_reference_url == sa.bindparam("node"))
_ADD_NODE = sa.insert(node_reference)
_OF_NODE = cached_images.c.node_reference_id == _NODE.scalar_subquery()
_ENTRIES = (
    sa.select(
        cached_images.c.id,
        cached_images.c.image_id,
        cached_images.c.size,
        cached_images.c.hits,
        cached_images.c.last_accessed,
        cached_images.c.last_modified,
        cached_images.c.checksum,
    )
    .where(_OF_NODE)
    .order_by(cached_images.c.last_accessed, cached_images.c.id)
)
_ADD = sa.insert(cached_images)
_ONE = sa.and_(cached_images.c.image_id == sa.bindparam("of_image"), _OF_NODE)
_DROP = sa.delete(cached_images).where(_ONE)
_HIT = (
    sa.update(cached_images)
    .where(_ONE)
    .values(hits=cached_images.c.hits + sa.bindparam("more"), last_accessed=sa.bindparam("at"))
)
_NODES = (
    sa.select(node_reference.c.node_reference_url)
    .join(cached_images, cached_images.c.node_reference_id == node_reference.c.node_reference_id)
    .where(cached_images.c.image_id == sa.bindparam("of_image"))
    .order_by(node_reference.c.node_reference_url)
)


def entries(db: sa.Connection, node: str) -> Sequence[CacheEntry]:
    return [CacheEntry(**row._mapping) for row in db.execute(_ENTRIES, {"node": node})]


def put(db: sa.Connection, node: str, entry: CacheEntry) -> None:
    number = db.execute(_NODE, {"node": node}).scalar() or _new_node(db, node)
    db.execute(_DROP, {"node": node, "of_image": entry.image_id})
    row = {
        "image_id": entry.image_id,
        "size": entry.size,
        "hits": entry.hits,
        "last_accessed": entry.last_accessed,
        "last_modified": entry.last_modified,
        "checksum": entry.checksum,
        "node_reference_id": number,
    }
    try:
        db.execute(_ADD, row)
    except exc.IntegrityError as error:
        raise Undone("Another worker entered the same image at the same moment. Try again.") from error


def _new_node(db: sa.Connection, node: str) -> int:
    try:
        added = db.execute(_ADD_NODE, {"node_reference_url": node})
    except exc.IntegrityError as error:
        raise Undone("Another worker entered the node at the same moment. Try again.") from error
    key: Any = added.inserted_primary_key  # Any: a row of as many columns as the key has
    return int(key[0])


def hit(db: sa.Connection, node: str, image_id: str, hits: int, at: datetime) -> None:
    db.execute(_HIT, {"node": node, "of_image": image_id, "more": hits, "at": at})


def drop(db: sa.Connection, node: str, image_ids: Sequence[str]) -> None:
    for image_id in image_ids:
        db.execute(_DROP, {"node": node, "of_image": image_id})


def nodes(db: sa.Connection, image_id: str) -> Sequence[str]:
    return list(db.execute(_NODES, {"of_image": image_id}).scalars())
