"""The registry on a SQL database. Each method is one transaction; what it does stands in the module it names."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from glancetui.config.settings import OwedNotifications
from glancetui.errors import NotFound, RegistryUnavailable
from glancetui.model import Image, ImageLocation, ImageStatus, Member, Viewer
from glancetui.registry.caching import CacheEntry
from glancetui.registry.interface import (
    Actor,
    Allowance,
    Count,
    Event,
    ImageChange,
    ImageQuery,
    Intent,
    NewImage,
    Notification,
    OutboxEntry,
    Published,
    Seen,
    Usage,
)
from glancetui.registry.jobs import Facts, Job, NewJob, Progress, Task, TaskQuery
from glancetui.registry.sql import (
    caching,
    events,
    images,
    jobs,
    leases,
    locations,
    members,
    notices,
    outbox,
    quotas,
    tasks,
    uploads,
)
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.counting import Counts
from glancetui.registry.sql.database import Clock, Database, Result, utc_now
from glancetui.registry.sql.listing import Pages
from glancetui.registry.sql.metadefs.registry import SqlMetadefs
from glancetui.registry.sql.show import Show
from glancetui.registry.sql.statement import Kept
from glancetui.registry.values import UNLIMITED

log = logging.getLogger(__name__)


class SqlRegistry(SqlMetadefs):
    """Implements `glancetui.registry.interface.Registry`, which documents the methods. Usable from many threads."""

    def __init__(
        self, database: Database, node: str, clock: Clock = utc_now, owed: OwedNotifications | None = None
    ) -> None:
        """`owed` None: no notifications are kept."""
        self._database = database
        self._owed = owed
        self._node = node
        self._clock = clock
        self._pages = Pages(database)
        self._counts = Counts(database)
        self._show = Show(database)
        self._kept = Kept(database)  # statements of changes
        # Not from 0: processes that end before their thousandth change would never number an event.
        self._changes = itertools.count(random.randrange(events.NUMBERED_AT_ONCE))  # noqa: S311 - no secret

    def _change(self, actor: Actor, work: Callable[[Change], Result]) -> Result:
        dialect, kept, show = self._database.dialect, self._kept, self._show
        result = self._database.write(
            lambda db: work(Change(db, dialect, kept, show, self._clock(), actor, self._node, self._owed))
        )
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

    def create_image(self, new: NewImage, actor: Actor, allowance: Allowance = UNLIMITED) -> Image:
        return self._change(actor, lambda change: images.create(change, new, allowance))

    def image(self, image_id: str, viewer: Viewer) -> Image:
        image = self._database.read(lambda db: self._show.image(db, image_id, viewer))
        if image is None:
            raise NotFound(f"No image found with ID {image_id}")
        return image

    def page(self, query: ImageQuery) -> Sequence[Image]:
        return self._database.view(lambda db: self._pages.page(db, query))

    def count(self, query: ImageQuery) -> Count:
        return self._database.view(lambda db: self._counts.count(db, query))

    def change_image(self, seen: Seen, change: ImageChange, actor: Actor) -> Image:
        return self._change(actor, lambda transaction: locations.apply(transaction, seen, change))

    def delete_image(self, seen: Seen, actor: Actor, keep: float | None = None) -> None:
        self._change(actor, lambda change: images.delete(change, seen, keep))

    def add_tag(self, image_id: str, tag: str, quota: int, actor: Actor) -> None:
        self._change(actor, lambda change: images.add_tag(change, image_id, tag, quota))

    def remove_tag(self, image_id: str, tag: str, actor: Actor) -> None:
        self._change(actor, lambda change: images.remove_tag(change, image_id, tag))

    def bytes_stored(self, owner: str | None, besides: str | None = None) -> int:
        return self._database.read(lambda db: quotas.bytes_stored(db, owner, besides))

    def usage(self, owner: str) -> Usage:
        return self._database.read(lambda db: quotas.usage(db, owner))

    # -- bytes ---------------------------------------------------------------------------------------------------------

    def begin_upload(
        self,
        seen: Seen,
        store: str,
        object_id: str,
        owner: str,
        lease: float,
        actor: Actor,
        allowance: Allowance = UNLIMITED,
    ) -> Intent:
        return self._change(
            actor,
            lambda change: uploads.begin(change, seen, store, object_id, owner, lease, ImageStatus.SAVING, allowance),
        )

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

    def is_location(self, url: str) -> bool:
        return self._database.read(lambda db: uploads.is_location(db, url))

    # -- staging and jobs ----------------------------------------------------------------------------------------------

    def begin_stage(
        self,
        seen: Seen,
        store: str,
        object_id: str,
        owner: str,
        lease: float,
        actor: Actor,
        allowance: Allowance = UNLIMITED,
    ) -> Intent:
        status = ImageStatus.UPLOADING
        return self._change(
            actor, lambda change: uploads.begin(change, seen, store, object_id, owner, lease, status, allowance)
        )

    def finish_stage(
        self,
        intent: Intent,
        size: int,
        host: str | None,
        actor: Actor,
        quota: int | None = None,
        allowance: Allowance = UNLIMITED,
    ) -> Image:
        return self._change(actor, lambda change: uploads.finish_stage(change, intent, size, host, quota, allowance))

    def begin_import(self, seen: Seen, job: NewJob, actor: Actor, allowance: Allowance = UNLIMITED) -> Job:
        return self._change(actor, lambda change: jobs.begin_import(change, seen, job, allowance))

    def claim_job(self, owner: str, site: str, lease: float, now: datetime) -> Job | None:
        if not self._database.read(
            lambda db: jobs.any_due(db, site, lease, now)
        ):  # idle workers must not queue with the writers
            return None
        return self._change(_NOBODY, lambda change: jobs.claim(change, owner, site, lease, now))

    def running_jobs(self, limit: int) -> Sequence[Job]:
        return self._database.read(lambda db: jobs.running(db, limit))

    def take_over_job(self, job: Job, owner: str, lease: float) -> Job:
        return self._change(job.actor(), lambda change: jobs.take_over(change, job, owner, lease))

    def renew_job(self, job: Job, lease: float, progress: Progress) -> Job:
        return self._change(job.actor(), lambda change: jobs.renew(change, job, lease, progress))

    def release_job(self, job: Job) -> None:
        self._change(job.actor(), lambda change: jobs.release(change, job))

    def job(self, job_id: str) -> Job:
        return self._database.read(lambda db: jobs.one(db, job_id))

    def live_job_of(self, image_id: str) -> Job | None:
        return self._database.read(lambda db: jobs.live_of(db, image_id))

    def begin_copy(self, job: Job, store: str, object_id: str, owner: str, lease: float) -> Intent:
        return self._change(job.actor(), lambda change: jobs.begin_copy(change, job, store, object_id, owner, lease))

    def intents_of_job(self, job_id: str) -> Sequence[Intent]:
        return self._database.read(lambda db: uploads.of_job(db, job_id))

    def add_copy(self, job: Job, intent: Intent, published: Published, facts: Facts | None, *, activate: bool) -> Job:
        return self._change(
            job.actor(), lambda change: jobs.add_copy(change, job, intent, published, facts, activate=activate)
        )

    def add_location(self, job: Job, published: Published) -> Job:
        return self._change(job.actor(), lambda change: jobs.add_location(change, job, published))

    def record_hashes(self, job: Job, published: Published) -> None:
        self._change(job.actor(), lambda change: jobs.record_hashes(change, job, published))

    def note_failed_store(self, job: Job, store: str, reason: str) -> Job:
        return self._change(job.actor(), lambda change: jobs.note_failed_store(change, job, store, reason))

    def finish_job(self, job: Job, message: str, kept_until: datetime) -> None:
        self._change(job.actor(), lambda change: jobs.finish(change, job, message, kept_until))

    def fail_job(
        self,
        job: Job,
        code: str,
        reason: str,
        *,
        back_to: str,
        message: str,
        kept_until: datetime,
        refused: ImageLocation | None = None,
    ) -> None:
        self._change(
            job.actor(),
            lambda change: jobs.fail(
                change, job, code, reason, back_to=back_to, message=message, kept_until=kept_until, refused=refused
            ),
        )

    def stranded_imports(self, before: datetime, limit: int) -> Sequence[Image]:
        return self._database.read(lambda db: jobs.stranded(db, before, limit))

    def give_up_import(self, seen: Seen, reason: str, actor: Actor) -> None:
        self._change(actor, lambda change: jobs.give_up(change, seen, reason))

    # -- tasks ---------------------------------------------------------------------------------------------------------

    def tasks(self, query: TaskQuery) -> Sequence[Task]:
        return self._database.view(lambda db: tasks.page(db, query))

    def task(self, task_id: str, owner: str | None) -> Task:
        return self._database.read(lambda db: tasks.one(db, task_id, owner))

    def tasks_of_image(self, image_id: str, limit: int) -> Sequence[Task]:
        return self._database.read(lambda db: tasks.of_image(db, image_id, limit))

    def forget_expired_tasks(self, now: datetime, limit: int) -> int:
        if not self._database.read(lambda db: tasks.any_expired(db, now)):
            return 0
        return self._database.write(lambda db: tasks.forget_expired(db, now, limit))

    # -- outbox --------------------------------------------------------------------------------------------------------

    def claim_outbox(self, owner: str, lease: float, now: datetime, limit: int) -> Sequence[OutboxEntry]:
        if not self._database.read(lambda db: outbox.any_due(db, now)):  # the idle must not queue with the writers
            return []
        return self._database.write(lambda db: outbox.claim(db, owner, lease, now, limit))

    def finish_outbox(self, entry: OutboxEntry) -> None:
        self._database.write(lambda db: outbox.finish(db, entry))

    def postpone_outbox(self, entry: OutboxEntry, until: datetime, error: str) -> None:
        self._database.write(lambda db: outbox.postpone(db, entry, until, error))

    # -- notifications -------------------------------------------------------------------------------------------------

    def notifications(self, limit: int) -> Sequence[Notification]:
        return self._database.read(lambda db: notices.waiting(db, limit))

    def note_download(
        self, image_id: str, owner: str | None, sent: int, actor: Actor, whole: bool = True, address: str | None = None
    ) -> None:
        payload = notices.of_download(image_id, owner, sent, actor, address)
        if self._owed is not None and self._owed.wants("image.send"):
            self._database.write(
                lambda db: notices.Notices(db, self._clock(), self._owed).owe(
                    "image.send", lambda: payload, "INFO" if whole else "ERROR"
                )
            )

    def finish_notifications(self, numbers: Sequence[int]) -> None:
        self._database.write(lambda db: notices.forget(db, numbers))

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

    # -- caches of nodes -----------------------------------------------------------------------------------------------

    def cache_entries(self, node: str) -> Sequence[CacheEntry]:
        return self._database.read(lambda db: caching.entries(db, node))

    def put_cache_entry(self, node: str, entry: CacheEntry) -> None:
        self._database.write(lambda db: caching.put(db, node, entry))

    def count_cache_hits(self, node: str, image_id: str, hits: int, at: datetime) -> None:
        self._database.write(lambda db: caching.hit(db, node, image_id, hits, at))

    def drop_cache_entries(self, node: str, image_ids: Sequence[str]) -> None:
        self._database.write(lambda db: caching.drop(db, node, image_ids))

    def nodes_caching(self, image_id: str) -> Sequence[str]:
        return self._database.read(lambda db: caching.nodes(db, image_id))

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


_NOBODY = Actor()
_ROUND_TRIP = sa.text("SELECT version_num FROM gt_alembic_version")
