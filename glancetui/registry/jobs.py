"""Durable background work: the part of the metadata interface that jobs, staging and tasks need.

A job is claimed under a lease and a fence, as an intent is: every step names the fence that it was claimed under, so
that an owner who was given up for dead can change nothing any more. A job that changes an image has a row in Glance's
own `tasks` with the same id; both change in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from glancetui.model import Image, ImageLocation
from glancetui.registry.marks import repeatable
from glancetui.registry.values import UNLIMITED, Actor, Allowance, Intent, Published, Seen

Method = Literal["glance-direct", "web-download", "glance-download", "copy-image", "add-location"]
JobState = Literal["pending", "running", "succeeded", "failed"]
TaskSortKey = Literal["id", "type", "status", "created_at", "updated_at", "expires_at"]


class ImportSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an import is to do, and what it must be able to undo."""

    method: Method
    stores: tuple[str, ...]  # in the order of their filling
    must_succeed: bool = True  # in all stores; else one is enough
    uri: str | None = None  # web-download
    remote_image: str | None = None  # glance-download: the image there, and where `there` is
    remote_endpoint: str | None = None
    before: str = "queued"  # the image's status, to which a failure returns
    staged_size: int | None = None  # bytes; of glance-direct
    roles: tuple[str, ...] = ()  # of who asked; inject_image_metadata looks at them
    made_image: bool = False  # the image was made for this job and goes with its failure
    hashing: bool = False  # add-location: read what lies at `uri` for its hash
    hash_algo: str | None = None  # add-location: what is said of the data, to be compared or, unread, believed
    hash_value: str | None = None

    @property
    def is_checked_first(self) -> bool:
        """add-location: the image becomes active only when its data was found to be what was said of it."""
        return self.hashing and self.hash_value is not None


class StoreProgress(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    done: int = 0  # bytes
    total: int | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    phase: str = "waiting"  # downloading, decompressing, converting, storing …
    done: int = 0  # bytes of this phase
    total: int | None = None  # None: not known
    stores: tuple[StoreProgress, ...] = ()
    rate: float = 0.0  # bytes a second
    ends_at: datetime | None = None  # expected


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What an import found out about its image, written when the image becomes active."""

    disk_format: str | None = None  # None: as it was
    container_format: str | None = None
    properties: Mapping[str, str] = {}


class CopyMade(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that a job has stored. The first keeps the facts, which are written when the image becomes active."""

    store: str
    url: str
    facts: Facts | None = None


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` None: whoever claims it first. `site`: where its staged data are; other sites leave it alone at first."""

    id: str  # a UUID, the task's as well
    spec: ImportSpec
    task_type: str = "api_image_import"
    task_input: str  # JSON, shown as the task's input
    task_owner: str
    owner: str | None = None
    site: str | None = None
    lease: float  # seconds


class Job(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    image_id: str
    state: JobState
    spec: ImportSpec
    owner: str | None
    fence: int
    expires_at: datetime  # of the lease; of a pending job: since when it may be claimed
    attempts: int  # how often it was claimed
    site: str | None
    progress: Progress
    copies: tuple[CopyMade, ...]  # what this job has stored so far
    failed_stores: tuple[str, ...]
    project: str | None
    user: str | None
    request_id: str | None
    created_at: datetime
    updated_at: datetime
    error_code: str | None = None
    error: str | None = None  # why it failed; before, what the stores said that did not take it

    def actor(self) -> Actor:
        return Actor(project=self.project, user=self.user, request_id=self.request_id)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A row of Glance's tasks; `progress` and `error_code` where a job of ours stands behind it."""

    id: str
    type: str
    status: str  # pending, processing, success, failure
    owner: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    image_id: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    input: str | None = None  # JSON
    result: str | None = None  # JSON
    message: str | None = None
    progress: Progress | None = None
    error_code: str | None = None


class TaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` None: everybody's. id is the tie-breaker, in the direction of the sort."""

    owner: str | None
    limit: int
    marker: str | None = None
    type: str | None = None
    status: str | None = None
    sort_key: TaskSortKey = "created_at"
    descending: bool = True


class Jobs(Protocol):
    # -- staging -----------------------------------------------------------------------------------------------------
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
        """queued → uploading, and the intent; as in `begin_upload` a location goes. Raises Stale, NotFound, Conflict if
        not queued, LimitExceeded."""

    def finish_stage(
        self,
        intent: Intent,
        size: int,
        host: str | None,
        actor: Actor,
        quota: int | None = None,
        allowance: Allowance = UNLIMITED,
    ) -> Image:
        """The staged data are whole: their size and the host that has them are recorded, the intent is cleared.

        `quota` as of `Published`. Raises Gone if the image was deleted meanwhile (the intent stays), Stale,
        LimitExceeded.
        """

    # -- jobs --------------------------------------------------------------------------------------------------------
    def begin_import(self, seen: Seen, job: NewJob, actor: Actor, allowance: Allowance = UNLIMITED) -> Job:
        """The job, its task and the lock on the image; the image becomes `importing` unless copies are made of it.
        What location a queued image still has, as what was tried, goes.

        Raises Stale, NotFound, LimitExceeded; Conflict where another import of the image lives, or its data still
        come in.
        """

    def claim_job(self, owner: str, site: str, lease: float, now: datetime) -> Job | None:
        """The oldest job that waits, or whose owner's lease has run out; under a higher fence. Those of other sites
        only after a further `lease` seconds. None: there is nothing to do."""

    @repeatable
    def running_jobs(self, limit: int) -> Sequence[Job]:
        """Claimed and not over, whether their leases still run or not."""

    def take_over_job(self, job: Job, owner: str, lease: float) -> Job:
        """The job under a new owner and a higher fence. Raises Stale if it has moved on since it was read."""

    @repeatable
    def renew_job(self, job: Job, lease: float, progress: Progress) -> Job:
        """A sign of life, and how far it is. Raises Stale if the job is no longer ours."""

    def release_job(self, job: Job) -> None:
        """Back to pending, for anybody to claim now. Raises Stale."""

    @repeatable
    def job(self, job_id: str) -> Job:
        """Raises NotFound."""

    @repeatable
    def live_job_of(self, image_id: str) -> Job | None:
        """The job that has not ended yet."""

    def begin_copy(self, job: Job, store: str, object_id: str, owner: str, lease: float) -> Intent:
        """An object is about to exist for the job's image. Raises Stale; Gone if the image was deleted."""

    @repeatable
    def intents_of_job(self, job_id: str) -> Sequence[Intent]:
        """Copies that were begun for the job and have neither been added nor undone."""

    def add_copy(self, job: Job, intent: Intent, published: Published, facts: Facts | None, *, activate: bool) -> Job:
        """The copy becomes one of the image's locations and the intent is cleared. The first tells size and hashes,
        and `facts`. `activate`: the image becomes active, with the facts. Raises Stale; Gone if the image was deleted
        meanwhile (the intent stays), Conflict if its status forbids it, LimitExceeded as `publish_upload`."""

    def add_location(self, job: Job, published: Published) -> Job:
        """What lies at the job's address becomes the image's location, and the image active. Raises Stale; Gone if the
        image was deleted meanwhile, Conflict if its status forbids it, LimitExceeded as `publish_upload`."""

    def record_hashes(self, job: Job, published: Published) -> None:
        """Of an image that became active before its data was read. Raises Stale; Gone if it was deleted meanwhile."""

    def note_failed_store(self, job: Job, store: str, reason: str) -> Job:
        """An import that may do without one store goes on without it. Raises Stale."""

    def finish_job(self, job: Job, message: str, kept_until: datetime) -> None:
        """Success: the lock is taken off the image. Raises Stale."""

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
        """What the job stored is owed to the outbox, the image goes back to `back_to` with the reason (one that was
        made for the job is deleted), the lock comes off. `refused` stays with the queued image as what was tried, until
        it is given data. Raises Stale."""

    @repeatable
    def stranded_imports(self, before: datetime, limit: int) -> Sequence[Image]:
        """Images in `importing` that no job of ours speaks of, untouched since `before`: another service left them."""

    def give_up_import(self, seen: Seen, reason: str, actor: Actor) -> None:
        """Such an image goes back to queued, its lock and its task end, what it had stored is owed to the outbox.
        Raises Stale, NotFound."""

    # -- tasks -------------------------------------------------------------------------------------------------------
    @repeatable
    def tasks(self, query: TaskQuery) -> Sequence[Task]:
        """Without input, result and message. Raises BadRequest for an unknown marker."""

    @repeatable
    def task(self, task_id: str, owner: str | None) -> Task:
        """`owner` None: anybody's. Raises NotFound."""

    @repeatable
    def tasks_of_image(self, image_id: str, limit: int) -> Sequence[Task]:
        """The newest first."""

    @repeatable
    def forget_expired_tasks(self, now: datetime, limit: int) -> int:
        """Removes those kept long enough, with the jobs behind them."""
