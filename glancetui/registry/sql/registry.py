"""The registry on a SQL database. Each method is one transaction; what it does stands in the module it names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from glancetui.errors import NotFound
from glancetui.model import Image, Member, Viewer
from glancetui.registry.interface import (
    Actor,
    Event,
    ImageChange,
    ImageQuery,
    Intent,
    NewImage,
    OutboxEntry,
    Published,
    Seen,
)
from glancetui.registry.sql import events, images, leases, members, outbox, uploads
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.database import Clock, Database, utc_now
from glancetui.registry.sql.documents import decode_image
from glancetui.registry.sql.listing import Pages
from glancetui.registry.sql.metadefs.registry import SqlMetadefs
from glancetui.registry.sql.show import Show


class SqlRegistry(SqlMetadefs):
    """Implements `glancetui.registry.interface.Registry`, which documents the methods. Usable from many threads."""

    def __init__(self, database: Database, node: str, clock: Clock = utc_now) -> None:
        self._database = database
        self._node = node
        self._clock = clock
        self._pages = Pages(database.engine.dialect)
        self._show = Show(database.engine.dialect)

    @contextmanager
    def _change(self, actor: Actor) -> Iterator[Change]:
        with self._database.writing() as db:
            yield Change(db, self._clock(), actor, self._node)

    # -- images --------------------------------------------------------------------------------------------------------

    def create_image(self, new: NewImage, actor: Actor) -> Image:
        with self._change(actor) as change:
            return images.create(change, new)

    def image(self, image_id: str, viewer: Viewer) -> Image:
        with self._database.glancing() as db:
            text = self._show.document(db, image_id, viewer)
        if text is None:
            raise NotFound(f"No image found with ID {image_id}")
        return decode_image(text)

    def page(self, query: ImageQuery) -> Sequence[Image]:
        with self._database.reading() as db:
            return self._pages.page(db, query)

    def change_image(self, seen: Seen, change: ImageChange, actor: Actor) -> Image:
        with self._change(actor) as transaction:
            return images.apply(transaction, seen, change)

    def delete_image(self, seen: Seen, actor: Actor) -> None:
        with self._change(actor) as change:
            images.delete(change, seen)

    def add_tag(self, image_id: str, tag: str, quota: int, actor: Actor) -> None:
        with self._change(actor) as change:
            images.add_tag(change, image_id, tag, quota)

    def remove_tag(self, image_id: str, tag: str, actor: Actor) -> None:
        with self._change(actor) as change:
            images.remove_tag(change, image_id, tag)

    def bytes_stored(self, owner: str | None) -> int:
        with self._database.glancing() as db:
            return images.bytes_stored(db, owner)

    # -- bytes ---------------------------------------------------------------------------------------------------------

    def begin_upload(self, seen: Seen, store: str, object_id: str, owner: str, lease: float, actor: Actor) -> Intent:
        with self._change(actor) as change:
            return uploads.begin(change, seen, store, object_id, owner, lease)

    def renew_intent(self, intent: Intent, lease: float) -> Intent:
        with self._database.writing() as db:
            return uploads.renew(db, intent, lease, self._clock())

    def publish_upload(self, intent: Intent, published: Published, actor: Actor) -> Image:
        with self._change(actor) as change:
            return uploads.publish(change, intent, published)

    def abandon_upload(self, intent: Intent, reason: str, actor: Actor) -> None:
        with self._change(actor) as change:
            uploads.abandon(change, intent, reason)

    def expired_intents(self, now: datetime, limit: int) -> Sequence[Intent]:
        with self._database.glancing() as db:
            return uploads.expired(db, now, limit)

    def intents_of(self, owner: str) -> Sequence[Intent]:
        with self._database.glancing() as db:
            return uploads.of_owner(db, owner)

    def take_over(self, intent: Intent, owner: str, lease: float) -> Intent:
        with self._database.writing() as db:
            return uploads.take_over(db, intent, owner, lease, self._clock())

    def stuck_images(self, limit: int) -> Sequence[Image]:
        with self._database.glancing() as db:
            return uploads.stuck(db, limit)

    def knows_object(self, store: str, object_id: str, url: str) -> bool:
        with self._database.reading() as db:
            return uploads.knows_object(db, store, object_id, url)

    # -- outbox --------------------------------------------------------------------------------------------------------

    def claim_outbox(self, owner: str, lease: float, now: datetime, limit: int) -> Sequence[OutboxEntry]:
        with self._database.glancing() as db:
            if not outbox.any_due(db, now):  # idle workers must not queue with the writers
                return []
        with self._database.writing() as db:
            return outbox.claim(db, owner, lease, now, limit)

    def finish_outbox(self, entry: OutboxEntry) -> None:
        with self._database.writing() as db:
            outbox.finish(db, entry)

    def postpone_outbox(self, entry: OutboxEntry, until: datetime, error: str) -> None:
        with self._database.writing() as db:
            outbox.postpone(db, entry, until, error)

    # -- members -------------------------------------------------------------------------------------------------------

    def members(self, image_id: str) -> Sequence[Member]:
        with self._database.glancing() as db:
            return members.of_image(db, image_id)

    def member(self, image_id: str, member_id: str) -> Member:
        with self._database.glancing() as db:
            return members.one(db, image_id, member_id)

    def add_member(self, image_id: str, member_id: str, quota: int, actor: Actor) -> Member:
        with self._change(actor) as change:
            return members.add(change, image_id, member_id, quota)

    def set_member_status(self, image_id: str, member_id: str, status: str, actor: Actor) -> Member:
        with self._change(actor) as change:
            return members.set_status(change, image_id, member_id, status)

    def remove_member(self, image_id: str, member_id: str, actor: Actor) -> None:
        with self._change(actor) as change:
            members.remove(change, image_id, member_id)

    # -- events, leases, service ---------------------------------------------------------------------------------------

    def events_after(self, number: int, limit: int) -> Sequence[Event]:
        with self._database.glancing() as db:
            return events.after(db, number, limit)

    def last_event(self) -> int:
        with self._database.glancing() as db:
            return events.last(db)

    def acquire_lease(self, name: str, owner: str, seconds: float) -> int | None:
        with self._database.glancing() as db:
            if leases.held_by_other(db, name, owner, self._clock()):
                return None
        with self._database.writing() as db:
            return leases.acquire(db, name, owner, seconds, self._clock())

    def release_lease(self, name: str, owner: str) -> None:
        with self._database.writing() as db:
            leases.release(db, name, owner)

    def check(self) -> None:
        with self._database.glancing() as db:
            db.execute(_ROUND_TRIP)

    def close(self) -> None:
        self._database.close()


_ROUND_TRIP = sa.text("SELECT version_num FROM gt_alembic_version")
