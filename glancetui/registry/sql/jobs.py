"""Jobs: claimed under a lease, fenced, and never leaving an image half imported.

Every step of an owner begins with `_hold`, an update that finds the row only under the owner's fence: it locks the row
where the database locks rows, and tells a late owner from the present one everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from glancetui.errors import Conflict, NotFound, Stale
from glancetui.model import Image, ImageLocation, ImageStatus
from glancetui.registry.jobs import CopyMade, Facts, ImportSpec, Job, NewJob, Progress
from glancetui.registry.sql import quotas, tasks, uploads
from glancetui.registry.sql.change import Change, State
from glancetui.registry.sql.documents import decode_images, document, joined
from glancetui.registry.sql.expressions import walk_index
from glancetui.registry.sql.images import (
    NO_BYTES,
    delete_row,
    drop_all_locations,
    drop_locations,
    insert_location,
    merge_properties,
    property_of,
)
from glancetui.registry.sql.quotas import TO_STORES
from glancetui.registry.sql.tables import gt_images, gt_jobs, images
from glancetui.registry.values import UNLIMITED, Allowance, Intent, Published, Seen

LOCK = "os_glance_import_task"  # properties of the image, as Glance names them
FAILED_STORES = "os_glance_failed_import"
#: After so long without a sign of life Glance itself takes over the lock of a task of its own.
FOREIGN_LOCK = {"pending": timedelta(minutes=120), "processing": timedelta(minutes=60)}
MIB = 1 << 20
_FORMATS = ("disk_format", "container_format")

_COLUMNS = (
    gt_jobs.c.id, gt_jobs.c.image_id, gt_jobs.c.state, gt_jobs.c.spec, gt_jobs.c.owner, gt_jobs.c.fence,
    gt_jobs.c.expires_at, gt_jobs.c.attempts, gt_jobs.c.site, gt_jobs.c.progress, gt_jobs.c.copies,
    gt_jobs.c.failed_stores, gt_jobs.c.project, gt_jobs.c.user_id.label("user"), gt_jobs.c.request_id,
    gt_jobs.c.created_at, gt_jobs.c.updated_at, gt_jobs.c.error_code, gt_jobs.c.error,
)  # fmt: skip
_LIVE = gt_jobs.c.state.in_(["pending", "running"])
_ADD = sa.insert(gt_jobs)
_ONE = sa.select(*_COLUMNS).where(gt_jobs.c.id == sa.bindparam("job"))
_LIVE_OF_IMAGE = sa.select(*_COLUMNS).where(gt_jobs.c.image_id == sa.bindparam("image"), _LIVE).limit(1)
_RUNNING = (
    sa.select(*_COLUMNS).where(gt_jobs.c.state == "running").order_by(gt_jobs.c.created_at).limit(sa.bindparam("most"))
)
_CLAIMABLE = (
    _LIVE,
    gt_jobs.c.expires_at <= sa.bindparam("now"),
    sa.or_(
        gt_jobs.c.site.is_(None),
        gt_jobs.c.site == sa.bindparam("here"),
        gt_jobs.c.expires_at <= sa.bindparam("long_ago", type_=sa.DateTime),
    ),
)
_ANY_DUE = sa.select(gt_jobs.c.id).where(*_CLAIMABLE).limit(1)
_DUE = (
    sa.select(*_COLUMNS)
    .where(*_CLAIMABLE)
    .order_by(gt_jobs.c.created_at, gt_jobs.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)  # what another worker is claiming now is not waited for
)
_SEEN = sa.update(gt_jobs).where(
    gt_jobs.c.id == sa.bindparam("job"),
    gt_jobs.c.fence == sa.bindparam("seen_fence"),
    gt_jobs.c.expires_at == sa.bindparam("seen_expiry", type_=sa.DateTime),
    _LIVE,
)
_HELD = sa.update(gt_jobs).where(
    gt_jobs.c.id == sa.bindparam("job"),
    gt_jobs.c.fence == sa.bindparam("seen_fence"),
    gt_jobs.c.owner == sa.bindparam("seen_owner"),
    gt_jobs.c.state == "running",
)
# Looked for from time to time among all images, so by an index that ends in the status.
_STRANDED = walk_index(
    sa.select(images.c.id)
    .where(
        images.c.visibility.in_(uploads.VISIBILITIES),
        images.c.deleted == sa.false(),
        images.c.os_hidden.in_([sa.false(), sa.true()]),
        images.c.status == sa.literal_column("'importing'"),
        sa.func.coalesce(images.c.updated_at, images.c.created_at) <= sa.bindparam("before"),
        ~sa.select(gt_jobs.c.id).where(gt_jobs.c.image_id == images.c.id, _LIVE).correlate(images).exists(),
    )
    .limit(sa.bindparam("most")),
    images,
    "gt_ix_images_visibility_status",
).subquery("stranded")
_STRANDED_IMAGES = sa.select(document()).select_from(
    _STRANDED.join(images, images.c.id == _STRANDED.c.id).outerjoin(gt_images, gt_images.c.image_id == images.c.id)
)


# -- beginning ---------------------------------------------------------------------------------------------------------


def begin_import(change: Change, seen: Seen, new: NewJob, allowance: Allowance = UNLIMITED) -> Job:
    state = change.unchanged(seen)
    spec = new.spec
    _check_free(change, state, spec)
    if spec.before != ImageStatus.ACTIVE:
        drop_all_locations(change, seen.image_id)
    change.db.execute(
        _ADD,
        {
            "id": new.id,
            "image_id": seen.image_id,
            "state": "running" if new.owner else "pending",
            "owner": new.owner,
            "fence": 1,
            "expires_at": change.moment + timedelta(seconds=new.lease) if new.owner else change.moment,
            "attempts": 1 if new.owner else 0,
            "site": new.site,
            "spec": _text(spec),
            "progress": _text(Progress()),
            "copies": "[]",
            "failed_stores": "[]",
            "project": change.actor.project,
            "user_id": change.actor.user,
            "request_id": change.actor.request_id,
            "created_at": change.moment,
            "updated_at": change.moment,
        },
    )
    tasks.add(change, new, seen.image_id, "processing" if new.owner else "pending")
    copying = {} if spec.method == "add-location" else {TO_STORES: ",".join(spec.stores), FAILED_STORES: ""}
    merge_properties(change, seen.image_id, {LOCK: new.id, **copying})
    change.update(state, {"status": ImageStatus.IMPORTING.value} if _begins_importing(spec) else {})
    quotas.check_import(change, seen.image_id, allowance, staged=spec.method == "glance-direct")
    change.tell("image.import", seen.image_id)
    change.notify(seen.image_id, "image.update")
    tasks.notify(change, new.id, "task.create", "task.run", *(["task.processing"] if new.owner else []))
    return one(change.db, new.id)


def _begins_importing(spec: ImportSpec) -> bool:
    """Copies are made of an active image; a location that is not read first is added to a queued one in one step."""
    return spec.is_checked_first if spec.method == "add-location" else spec.method != "copy-image"


def _check_free(change: Change, state: State, spec: ImportSpec) -> None:
    image_id = state.image_id
    if state.status != spec.before:
        raise Conflict(f"Image {image_id} is {state.status}; this import begins with one that is {spec.before}.")
    if live_of(change.db, image_id) is not None:
        raise Conflict(f"Another import of image {image_id} is running. Wait for it to end.")
    if spec.before != ImageStatus.ACTIVE and uploads.receives_data(change.db, image_id):
        raise Conflict(f"The data of image {image_id} still come in. Import it when they are there.")
    lock = property_of(change, image_id, LOCK)
    if lock and _is_held_elsewhere(change, lock):
        raise Conflict(f"Task {lock} is importing image {image_id}. Wait for it to end.")


def _is_held_elsewhere(change: Change, task_id: str) -> bool:
    """A lock that no live job of ours stands behind: is it a task of Glance's that still shows signs of life?"""
    sign = tasks.last_sign(change.db, task_id)
    if sign is None:
        return False
    status, at = sign
    return at + FOREIGN_LOCK.get(status, timedelta()) > change.now


# -- claiming ----------------------------------------------------------------------------------------------------------


def any_due(db: sa.Connection, site: str, lease: float, now: datetime) -> bool:
    return db.execute(_ANY_DUE, _due(site, lease, now)).fetchone() is not None


def claim(change: Change, owner: str, site: str, lease: float, now: datetime) -> Job | None:
    row = change.db.execute(_DUE, _due(site, lease, now)).fetchone()
    return None if row is None else take_over(change, _job(row._mapping), owner, lease)


def _due(site: str, lease: float, now: datetime) -> dict[str, object]:
    return {"now": now, "here": site, "long_ago": now - timedelta(seconds=lease)}


def take_over(change: Change, job: Job, owner: str, lease: float) -> Job:
    ours: dict[str, object] = {
        "owner": owner,
        "fence": job.fence + 1,
        "state": "running",
        "attempts": job.attempts + 1,
        "expires_at": change.moment + timedelta(seconds=lease),
        "updated_at": change.moment,
    }
    # The expiry is compared too: an owner who renewed since the job was read is alive.
    seen = {"job": job.id, "seen_fence": job.fence, "seen_expiry": job.expires_at}
    if change.db.execute(_SEEN, {**seen, **ours}).rowcount != 1:
        raise _stale(job)
    tasks.set_status(change.db, job.id, "processing", None, change.now)
    if job.state == "pending":
        tasks.notify(change, job.id, "task.processing")
    return msgspec.structs.replace(job, **ours)


def renew(change: Change, job: Job, lease: float, progress: Progress) -> Job:
    done = sum(each.done for each in progress.stores)
    ours: dict[str, object] = {"expires_at": change.moment + timedelta(seconds=lease), "updated_at": change.moment}
    _hold(change, job, {**ours, "progress": _text(progress)})
    tasks.set_status(change.db, job.id, "processing", f"Copied {done // MIB} MiB" if done else None, change.now)
    return msgspec.structs.replace(job, **ours, progress=progress)


def release(change: Change, job: Job) -> None:
    free = {"state": "pending", "owner": None, "fence": job.fence + 1, "expires_at": change.moment}
    _hold(change, job, {**free, "attempts": max(0, job.attempts - 1)})  # not its fault


def one(db: sa.Connection, job_id: str) -> Job:
    row = db.execute(_ONE, {"job": job_id}).fetchone()
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    return _job(row._mapping)


def live_of(db: sa.Connection, image_id: str) -> Job | None:
    row = db.execute(_LIVE_OF_IMAGE, {"image": image_id}).fetchone()
    return None if row is None else _job(row._mapping)


def running(db: sa.Connection, limit: int) -> Sequence[Job]:
    return [_job(row._mapping) for row in db.execute(_RUNNING, {"most": limit})]


# -- copying -----------------------------------------------------------------------------------------------------------


def begin_copy(change: Change, job: Job, store: str, object_id: str, owner: str, lease: float) -> Intent:
    _hold(change, job, {})
    uploads.present(change, job.image_id)
    change.notify(job.image_id, "image.prepare", backend=store)
    return uploads.intend(change, job.image_id, store, object_id, owner, lease, job.id)


def add_copy(
    change: Change, job: Job, intent: Intent, published: Published, facts: Facts | None, *, activate: bool
) -> Job:
    uploads.check_held(change.db, intent)
    copies = (*job.copies, CopyMade(store=intent.store, url=published.location.url, facts=facts))
    _hold(change, job, {"copies": _text(copies)})
    state = uploads.present(change, job.image_id)
    _check_takes_copies(state, job)
    uploads.add_location(change, intent, published)
    left = [name for name in job.spec.stores if name not in _stores(copies, job.failed_stores)]
    columns: dict[str, object] = {}
    properties = {TO_STORES: ",".join(left)}
    if not job.copies and job.spec.method != "copy-image":  # copies of copies tell nothing new
        columns.update({name: getattr(published, name) for name in NO_BYTES})
    if activate:
        columns.update(status=ImageStatus.ACTIVE.value)
        told = copies[0].facts or Facts()
        columns.update({name: value for name in _FORMATS if (value := getattr(told, name)) is not None})
        properties = {**told.properties, **properties}
    merge_properties(change, job.image_id, properties)
    change.update(state, columns)
    change.tell("image.upload" if activate else "image.import", job.image_id)
    change.notify(job.image_id, "image.upload", *(["image.activate"] if activate else []), "image.update")
    quotas.check_stored(change, change.image(job.image_id), published)
    return msgspec.structs.replace(job, copies=copies)


def _check_takes_copies(state: State, job: Job) -> None:
    allowed = {ImageStatus.ACTIVE, ImageStatus.DEACTIVATED}
    if not (job.spec.method == "copy-image" or (job.copies and not job.spec.must_succeed)):
        allowed = {ImageStatus.IMPORTING}
    if state.status not in allowed:
        raise Conflict(f"Image {job.image_id} became {state.status} while it was being imported.")


def add_location(change: Change, job: Job, published: Published) -> Job:
    copies = (*job.copies, CopyMade(store=published.location.store, url=published.location.url))
    _hold(change, job, {"copies": _text(copies)})
    state = uploads.present(change, job.image_id)
    if state.status != (ImageStatus.IMPORTING if _begins_importing(job.spec) else job.spec.before):
        raise Conflict(f"Image {job.image_id} became {state.status} before its location was added.")
    insert_location(change, job.image_id, published.location)
    found = {name: getattr(published, name) for name in NO_BYTES}
    change.update(state, {**found, "status": ImageStatus.ACTIVE.value})
    change.keep_reason(job.image_id, None)
    change.tell("image.upload", job.image_id)
    change.notify(job.image_id, "image.upload", "image.activate", "image.update")
    quotas.check_stored(change, change.image(job.image_id), published)
    return msgspec.structs.replace(job, copies=copies)


def record_hashes(change: Change, job: Job, published: Published) -> None:
    _hold(change, job, {})
    state = uploads.present(change, job.image_id)
    image = change.image(job.image_id)
    if image.os_hash_value is None and published.location.url in {location.url for location in image.locations}:
        change.update(state, {name: getattr(published, name) for name in NO_BYTES if name != "size"})
        change.tell("image.update", job.image_id)
        change.notify(job.image_id, "image.update")


def note_failed_store(change: Change, job: Job, store: str, reason: str) -> Job:
    failed = (*job.failed_stores, store)
    reasons = " ".join(each for each in (job.error, reason) if each)
    _hold(change, job, {"failed_stores": _text(failed), "error": reasons})
    state = uploads.present(change, job.image_id)
    left = [name for name in job.spec.stores if name not in _stores(job.copies, failed)]
    merge_properties(change, job.image_id, {TO_STORES: ",".join(left), FAILED_STORES: ",".join(failed)})
    change.update(state, {})
    change.notify(job.image_id, "image.update")
    return msgspec.structs.replace(job, failed_stores=failed, error=reasons)


def _stores(copies: Sequence[CopyMade], failed: Sequence[str]) -> set[str]:
    return {copy.store for copy in copies} | set(failed)


# -- ending ------------------------------------------------------------------------------------------------------------


def finish(change: Change, job: Job, message: str, kept_until: datetime) -> None:
    _hold(change, job, {"state": "succeeded", "owner": None})
    result = _text({"image_id": job.image_id})
    tasks.end(change.db, job.id, "success", message, result, kept_until, change.now)
    tasks.notify(change, job.id, "task.success")
    state = change.state(job.image_id)
    if state is not None and not state.deleted:
        left = {} if job.spec.method == "add-location" else {TO_STORES: ""}
        merge_properties(change, job.image_id, left, [LOCK, uploads.STAGE_HOST])
        change.update(state, {})
        change.keep_reason(job.image_id, None)
        change.tell("image.update", job.image_id)
        change.notify(job.image_id, "image.update")


def fail(
    change: Change,
    job: Job,
    code: str,
    reason: str,
    *,
    back_to: str,
    message: str,
    kept_until: datetime,
    refused: ImageLocation | None = None,
) -> None:
    _hold(change, job, {"state": "failed", "owner": None, "error_code": code, "error": reason})
    tasks.end(change.db, job.id, "failure", message, None, kept_until, change.now)
    tasks.notify(change, job.id, "task.failure")
    state = change.state(job.image_id)
    if state is None or state.deleted:
        return  # the deletion owed the copies' bytes
    if job.spec.made_image:
        delete_row(change, state)
        return
    if _is_undone(job, state):
        drop_locations(change, job.image_id, [copy.url for copy in job.copies])
        if refused is not None:
            insert_location(change, job.image_id, refused)
    without = [store for store in job.spec.stores if store not in _stores(job.copies, ())]
    failed = job.failed_stores or without or job.spec.stores  # a copy that is undone did not fail
    gone = [LOCK] if back_to == ImageStatus.UPLOADING else [LOCK, uploads.STAGE_HOST]
    told = {} if job.spec.method == "add-location" else {TO_STORES: "", FAILED_STORES: ",".join(failed)}
    merge_properties(change, job.image_id, told, gone)
    change.update(state, _undone(job, state, back_to))
    change.keep_reason(job.image_id, reason)
    change.tell("image.update", job.image_id)
    change.notify(job.image_id, "image.update")


def _is_undone(job: Job, state: State) -> bool:
    """An image that is active keeps its copies, but for those that were to be made all or none."""
    return job.spec.must_succeed if job.spec.method == "copy-image" else state.status == ImageStatus.IMPORTING


def _undone(job: Job, state: State, back_to: str) -> dict[str, object]:
    """Only what the job itself made of the image is undone: an image that was active before stays as it is."""
    if job.spec.method == "copy-image" or state.status != ImageStatus.IMPORTING:
        return {}
    size = job.spec.staged_size if back_to == ImageStatus.UPLOADING else None
    return {**NO_BYTES, "size": size, "status": back_to}


def stranded(db: sa.Connection, before: datetime, limit: int) -> Sequence[Image]:
    rows = db.execute(_STRANDED_IMAGES, {"before": before, "most": limit})
    return decode_images(joined(rows.fetchall()))


def give_up(change: Change, seen: Seen, reason: str) -> None:
    state = change.unchanged(seen)
    if state.status != ImageStatus.IMPORTING or live_of(change.db, seen.image_id) is not None:
        raise Stale(f"Image {seen.image_id} is in other hands now.")
    task_id = property_of(change, seen.image_id, LOCK)
    if task_id:
        tasks.end_others(change.db, task_id, reason, change.now + timedelta(hours=48), change.now)
    drop_all_locations(change, seen.image_id)
    merge_properties(change, seen.image_id, {TO_STORES: ""}, [LOCK, uploads.STAGE_HOST])
    change.update(state, {**NO_BYTES, "status": ImageStatus.QUEUED.value})
    change.keep_reason(seen.image_id, reason)
    change.tell("image.update", seen.image_id)
    change.notify(seen.image_id, "image.update")


# -- rows --------------------------------------------------------------------------------------------------------------


def _hold(change: Change, job: Job, values: dict[str, object]) -> None:
    """Writes to the job's row, if it is still the owner's. Raises Stale."""
    named = {"job": job.id, "seen_fence": job.fence, "seen_owner": job.owner}
    if change.db.execute(_HELD, {**named, "updated_at": change.moment, **values}).rowcount != 1:
        raise _stale(job)


def _stale(job: Job) -> Stale:
    return Stale(f"The job {job.id} of image {job.image_id} is in other hands now, or over.")


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _job(row: Mapping[Any, Any]) -> Job:  # Any: as rows are
    fields = dict(row)
    for name, kind in _DECODED.items():
        fields[name] = msgspec.json.decode(fields[name], type=kind)
    return Job(**fields)


_DECODED: dict[str, Any] = {  # Any: types, as msgspec takes them
    "spec": ImportSpec,
    "progress": Progress,
    "copies": tuple[CopyMade, ...],
    "failed_stores": tuple[str, ...],
}
