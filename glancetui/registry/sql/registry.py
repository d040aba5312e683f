"""The registry on a SQL database. Each method is one transaction; what it does stands in the module it names."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from glancetui.errors import NotFound, RegistryUnavailable
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
from glancetui.registry.sql.database import Clock, Database, Result, utc_now
from glancetui.registry.sql.documents import decode_image
from glancetui.registry.sql.listing import Pages
from glancetui.registry.sql.metadefs.registry import SqlMetadefs
from glancetui.registry.sql.show import Show

log = logging.getLogger(__name__)


class SqlRegistry(SqlMetadefs):
    """Implements `glancetui.registry.interface.Registry`, which documents the methods. Usable from many threads."""

    def __init__(self, database: Database, node: str, clock: Clock = utc_now) -> None:
        self._database = database
        self._node = node
        self._clock = clock
        self._pages = Pages(database)
        self._show = Show(database)
        self._changes = itertools.count(1)

    def _change(self, actor: Actor, work: Callable[[Change], Result]) -> Result:
        dialect = self._database.dialect
        result = self._database.write(lambda db: work(Change(db, dialect, self._clock(), actor, self._node)))
        if dialect.concurrent and next(self._changes) % events.NUMBERED_AT_ONCE == 0:
            self._number_unread_events()
        return result

    def _number_unread_events(self) -> None:
        """So that they are pruned also where nobody reads them."""
        try:
            self._number_events()
        except RegistryUnavailable as error:  # the change is committed; the next reader tries again
            log.warning("New events were not numbered: %s", error)

    def _number_events(self) -> None:
        while self._database.dialect.concurrent and self._database.read(events.any_new):
            self._database.write(events.number_new)

    # -- images --------------------------------------------------------------------------------------------------------

    def create_image(self, new: NewImage, actor: Actor) -> Image:
        return self._change(actor, lambda change: images.create(change, new))

    def image(self, image_id: str, viewer: Viewer) -> Image:
        text = self._database.read(lambda db: self._show.document(db, image_id, viewer))
        if text is None:
            raise NotFound(f"No image found with ID {image_id}")
        return decode_image(text)

    def page(self, query: ImageQuery) -> Sequence[Image]:
        return self._database.view(lambda db: self._pages.page(db, query))

    def change_image(self, seen: Seen, change: ImageChange, actor: Actor) -> Image:
        return self._change(actor, lambda transaction: images.apply(transaction, seen, change))

    def delete_image(self, seen: Seen, actor: Actor) -> None:
        self._change(actor, lambda change: images.delete(change, seen))

    def add_tag(self, image_id: str, tag: str, quota: int, actor: Actor) -> None:
        self._change(actor, lambda change: images.add_tag(change, image_id, tag, quota))

    def remove_tag(self, image_id: str, tag: str, actor: Actor) -> None:
        self._change(actor, lambda change: images.remove_tag(change, image_id, tag))

    def bytes_stored(self, owner: str | None) -> int:
        return self._database.read(lambda db: images.bytes_stored(db, owner))

    # -- bytes ---------------------------------------------------------------------------------------------------------

    def begin_upload(self, seen: Seen, store: str, object_id: str, owner: str, lease: float, actor: Actor) -> Intent:
        return self._change(actor, lambda change: uploads.begin(change, seen, store, object_id, owner, lease))

    def renew_intent(self, intent: Intent, lease: float) -> Intent:
        return self._database.write(lambda db: uploads.renew(db, intent, lease, self._clock()))

    def publish_upload(self, intent: Intent, published: Published, actor: Actor) -> Image:
        return self._change(actor, lambda change: uploads.publish(change, intent, published))

    def abandon_upload(self, intent: Intent, reason: str, actor: Actor) -> None:
        self._change(actor, lambda change: uploads.abandon(change, intent, reason))

    def expired_intents(self, now: datetime, limit: int) -> Sequence[Intent]:
        return self._database.read(lambda db: uploads.expired(db, now, limit))

    def intents_of(self, owner: str) -> Sequence[Intent]:
        return self._database.read(lambda db: uploads.of_owner(db, owner))

    def take_over(self, intent: Intent, owner: str, lease: float) -> Intent:
        return self._database.write(lambda db: uploads.take_over(db, intent, owner, lease, self._clock()))

    def stuck_images(self, limit: int) -> Sequence[Image]:
        return self._database.read(lambda db: uploads.stuck(db, limit))

    def knows_object(self, store: str, object_id: str, url: str) -> bool:
        return self._database.view(lambda db: uploads.knows_object(db, store, object_id, url))

    # -- outbox --------------------------------------------------------------------------------------------------------

    def claim_outbox(self, owner: str, lease: float, now: datetime, limit: int) -> Sequence[OutboxEntry]:
        if not self._database.read(lambda db: outbox.any_due(db, now)):  # the idle must not queue with the writers
            return []
        return self._database.write(lambda db: outbox.claim(db, owner, lease, now, limit))

    def finish_outbox(self, entry: OutboxEntry) -> None:
        self._database.write(lambda db: outbox.finish(db, entry))

    def postpone_outbox(self, entry: OutboxEntry, until: datetime, error: str) -> None:
        self._database.write(lambda db: outbox.postpone(db, entry, until, error))

    # -- members -------------------------------------------------------------------------------------------------------

    def members(self, image_id: str) -> Sequence[Member]:
        return self._database.read(lambda db: members.of_image(db, image_id))

    def member(self, image_id: str, member_id: str) -> Member:
        return self._database.read(lambda db: members.one(db, image_id, member_id))

    def add_member(self, image_id: str, member_id: str, quota: int, actor: Actor) -> Member:
        return self._change(actor, lambda change: members.add(change, image_id, member_id, quota))

    def set_member_status(self, image_id: str, member_id: str, status: str, actor: Actor) -> Member:
        return self._change(actor, lambda change: members.set_status(change, image_id, member_id, status))

    def remove_member(self, image_id: str, member_id: str, actor: Actor) -> None:
        self._change(actor, lambda change: members.remove(change, image_id, member_id))

    # -- events, leases, service ---------------------------------------------------------------------------------------

    def events_after(self, number: int, limit: int) -> Sequence[Event]:
        self._number_events()
        return self._database.read(lambda db: events.after(db, number, limit))

    def last_event(self) -> int:
        self._number_events()
        return self._database.read(events.last)

    def acquire_lease(self, name: str, owner: str, seconds: float) -> int | None:
        if self._database.read(lambda db: leases.held_by_other(db, name, owner, self._clock())):
            return None
        return self._database.write(lambda db: leases.acquire(db, name, owner, seconds, self._clock()))

    def release_lease(self, name: str, owner: str) -> None:
        self._database.write(lambda db: leases.release(db, name, owner))

    def check(self) -> None:
        self._database.read(lambda db: db.execute(_ROUND_TRIP))

    def close(self) -> None:
        self._database.close()


_ROUND_TRIP = sa.text("SELECT version_num FROM gt_alembic_version")
