"""Jobs in the registry: who may claim them, what an owner's steps do, and what they leave of an image."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from glancetui.errors import Conflict, Gone, LimitExceeded, NotFound, Stale
from glancetui.model import Image, ImageLocation
from glancetui.registry.interface import ImageChange
from glancetui.registry.jobs import Facts, Job, Progress, StoreProgress, TaskQuery
from glancetui.registry.sql import SqlRegistry
from glancetui.registry.sql.database import utc_now
from glancetui.registry.values import Published
from tests.registry.making import ACTOR, ADMIN, active, begun, made, new_job, published, seen

LOCK, TO, FAILED = "os_glance_import_task", "os_glance_importing_to_stores", "os_glance_failed_import"


def started(registry: SqlRegistry, *stores: str, **more: object) -> tuple[Image, Job]:
    image = made(registry)
    return image, registry.begin_import(seen(image), new_job(*stores, **more), ACTOR)  # type: ignore[arg-type]


def at(image_id: str, store: str) -> Published:
    return Published(
        size=5, checksum="c" * 32, os_hash_algo="sha512", os_hash_value="d" * 128, virtual_size=7,
        location=ImageLocation(url=f"file:///{store}/{image_id}", metadata={"store": store}),
    )  # fmt: skip


def copied(registry: SqlRegistry, job: Job, store: str, *, activate: bool, facts: Facts | None = None) -> Job:
    intent = registry.begin_copy(job, store, job.image_id, "w1", 60)
    return registry.add_copy(job, intent, at(job.image_id, store), facts, activate=activate)


def soon():
    return utc_now() + timedelta(hours=1)


def test_a_job_locks_its_image_and_is_a_task(registry: SqlRegistry) -> None:
    image, job = started(registry, "a", "b")
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.properties) == ("importing", {LOCK: job.id, TO: "a,b", FAILED: ""})
    task = registry.task(job.id, None)
    assert (task.type, task.status, task.image_id, task.input) == (
        "api_image_import",
        "processing",
        image.id,
        '{"a":1}',
    )
    assert registry.live_job_of(image.id) == job
    with pytest.raises(Conflict):
        registry.begin_import(seen(after), new_job(before="importing"), ACTOR)
    with pytest.raises(Stale):
        registry.begin_import(seen(image), new_job(), ACTOR)
    with pytest.raises(NotFound):
        registry.task(job.id, "somebody else")


def test_data_that_still_come_in_cannot_be_imported(registry: SqlRegistry) -> None:
    image = made(registry)
    intent = registry.begin_stage(seen(image), "staging", image.id, "w", 60, ACTOR)
    staging = registry.image(image.id, ADMIN)
    with pytest.raises(Conflict):
        registry.begin_import(seen(staging), new_job(method="glance-direct", before="uploading"), ACTOR)
    staged = registry.finish_stage(intent, 9, "http://n1", ACTOR)
    assert (staged.status, staged.size, staged.properties) == ("uploading", 9, {"os_glance_stage_host": "http://n1"})
    registry.begin_import(seen(staged), new_job(method="glance-direct", before="uploading"), ACTOR)


def test_a_job_that_waits_is_claimed_once_and_one_that_runs_not_before_its_lease_is_over(registry: SqlRegistry) -> None:
    _, job = started(registry, owner=None)
    claimed = registry.claim_job("w1", "here", 60, utc_now())
    assert claimed is not None
    assert (claimed.id, claimed.owner, claimed.fence, claimed.attempts, claimed.state) == (
        job.id,
        "w1",
        2,
        1,
        "running",
    )
    assert registry.claim_job("w2", "here", 60, utc_now()) is None
    later = registry.claim_job("w2", "here", 60, utc_now() + timedelta(seconds=61))
    assert later is not None
    assert (later.owner, later.fence, later.attempts) == ("w2", 3, 2)


def test_other_sites_wait_a_lease_longer(registry: SqlRegistry) -> None:
    started(registry, owner=None, site="there")
    assert registry.claim_job("w1", "here", 60, utc_now() + timedelta(seconds=30)) is None
    assert registry.claim_job("w1", "here", 60, utc_now() + timedelta(seconds=61)) is not None
    started(registry, owner=None, site="there")
    assert registry.claim_job("w1", "there", 60, utc_now()) is not None


def test_copies_become_locations_and_the_last_one_makes_the_image_active(registry: SqlRegistry) -> None:
    image, job = started(registry, "a", "b")
    facts = Facts(disk_format="qcow2", properties={"found": "yes"})
    job = copied(registry, job, "a", activate=False, facts=facts)
    between = registry.image(image.id, ADMIN)
    assert (between.status, between.size, between.disk_format, between.properties[TO]) == ("importing", 5, "raw", "b")
    job = copied(registry, job, "b", activate=True)
    registry.finish_job(job, "", soon())
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.disk_format) == ("active", "qcow2")
    assert after.properties == {"found": "yes", TO: "", FAILED: ""}
    assert [row.metadata["store"] for row in after.locations] == ["a", "b"]
    assert registry.job(job.id).state == "succeeded"
    assert registry.task(job.id, None).status == "success"
    with pytest.raises(Stale):
        registry.finish_job(job, "", soon())


def test_a_failure_owes_the_copies_and_restores_the_image(registry: SqlRegistry) -> None:
    image, job = started(registry, "a", "b")
    job = copied(registry, job, "a", activate=False)
    registry.fail_job(job, "why", "a reason", back_to="queued", message="a reason", kept_until=soon())
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.size, after.checksum, after.locations, after.reason) == (
        "queued", None, None, (), "a reason",
    )  # fmt: skip
    (owed,) = registry.claim_outbox("w", 60, utc_now(), 10)
    assert owed.location.url == f"file:///a/{image.id}"
    task = registry.task(job.id, None)
    assert (task.status, task.message, task.error_code) == ("failure", "a reason", "why")
    registry.begin_import(seen(after), new_job(), ACTOR)


def test_what_is_active_already_stays_so_whatever_becomes_of_the_job(registry: SqlRegistry) -> None:
    image, job = started(registry, "a", "b", must_succeed=False)
    job = copied(registry, job, "a", activate=True)
    registry.fail_job(job, "why", "a reason", back_to="queued", message="", kept_until=soon())
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.size, len(after.locations)) == ("active", 5, 1)


def test_a_failed_copy_takes_back_only_what_it_added(registry: SqlRegistry) -> None:
    image = active(registry)
    spec = {"method": "copy-image", "before": "active"}
    job = registry.begin_import(seen(image), new_job("b", "c", **spec), ACTOR)
    assert registry.image(image.id, ADMIN).status == "active"
    job = copied(registry, job, "b", activate=False)
    registry.fail_job(job, "x", "x", back_to="active", message="", kept_until=soon())
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.size, [row.url for row in after.locations]) == (
        "active", 5, [f"file:///images/{image.id}"],
    )  # fmt: skip


def test_nothing_is_added_to_an_image_that_was_deleted(registry: SqlRegistry) -> None:
    image, job = started(registry)
    intent = registry.begin_copy(job, "a", image.id, "w1", 60)
    registry.delete_image(seen(registry.image(image.id, ADMIN)), ACTOR)
    with pytest.raises(Gone):
        registry.add_copy(job, intent, at(image.id, "a"), None, activate=True)
    assert list(registry.intents_of_job(job.id)) == [intent]
    registry.fail_job(job, "image-deleted", "x", back_to="queued", message="", kept_until=soon())
    with pytest.raises(NotFound):
        registry.image(image.id, ADMIN)


def test_an_abandoned_copy_of_an_ended_job_decides_nothing_over_the_image(registry: SqlRegistry) -> None:
    image, job = started(registry)
    left = registry.begin_copy(job, "a", image.id, "w1", 60)
    registry.fail_job(job, "x", "x", back_to="queued", message="", kept_until=soon())
    upload = begun(registry, registry.image(image.id, ADMIN))
    registry.abandon_upload(left, "the job is over", ACTOR)
    assert registry.image(image.id, ADMIN).status == "saving"
    registry.publish_upload(upload, published(image.id), ACTOR)


def test_signs_of_life_carry_the_progress_to_the_task(registry: SqlRegistry) -> None:
    _, job = started(registry)
    progress = Progress(phase="storing", done=3 << 20, stores=(StoreProgress(store="a", done=3 << 20, total=9 << 20),))
    registry.renew_job(job, 60, progress)
    task = registry.task(job.id, None)
    assert (task.progress, task.message) == (progress, "Copied 3 MiB")


def test_a_released_job_waits_for_anybody_and_the_stop_is_not_held_against_it(registry: SqlRegistry) -> None:
    _, job = started(registry)
    registry.release_job(job)
    free = registry.job(job.id)
    assert (free.state, free.owner, free.fence, free.attempts) == ("pending", None, 2, 0)


def test_finished_tasks_are_forgotten_with_their_jobs_when_their_time_is_over(registry: SqlRegistry) -> None:
    _, job = started(registry)
    registry.fail_job(job, "x", "x", back_to="queued", message="", kept_until=utc_now())
    _, other = started(registry)
    assert registry.forget_expired_tasks(utc_now() + timedelta(seconds=1), 10) == 1
    assert [task.id for task in registry.tasks(TaskQuery(owner=None, limit=10))] == [other.id]
    with pytest.raises(NotFound):
        registry.job(job.id)


def test_an_import_without_a_job_is_given_up_once_and_looked_for_by_an_index(registry: SqlRegistry) -> None:
    image = made(registry)
    left = registry.change_image(seen(image), ImageChange(status="importing"), ACTOR)
    started(registry)
    assert [each.id for each in registry.stranded_imports(soon(), 10)] == [image.id]
    assert list(registry.stranded_imports(utc_now() - timedelta(hours=1), 10)) == []
    registry.give_up_import(seen(left), "left", ACTOR)
    after = registry.image(image.id, ADMIN)
    assert (after.status, after.reason) == ("queued", "left")
    with pytest.raises(Stale):
        registry.give_up_import(seen(after), "again", ACTOR)


def test_a_copy_that_would_exceed_the_quota_is_not_added(registry: SqlRegistry) -> None:
    active(registry)
    image, job = started(registry)
    intent = registry.begin_copy(job, "a", image.id, "w1", 60)
    with pytest.raises(LimitExceeded):
        registry.add_copy(job, intent, structs.replace(at(image.id, "a"), quota=9), None, activate=True)
    assert registry.image(image.id, ADMIN).status == "importing"
    assert list(registry.intents_of_job(job.id)) == [intent]
    registry.add_copy(job, intent, structs.replace(at(image.id, "a"), quota=10), None, activate=True)
    assert registry.image(image.id, ADMIN).status == "active"


def test_a_copy_is_added_once_however_often_it_is_asked_for(registry: SqlRegistry) -> None:
    image, job = started(registry, "a", "b")
    intent = registry.begin_copy(job, "a", image.id, "w1", 60)
    registry.add_copy(job, intent, at(image.id, "a"), None, activate=False)
    with pytest.raises(Stale):
        registry.add_copy(job, intent, at(image.id, "a"), None, activate=False)
    assert len(registry.job(job.id).copies) == len(registry.image(image.id, ADMIN).locations) == 1


def test_a_reason_with_characters_that_glances_columns_have_no_room_for_ends_a_job_all_the_same(
    registry: SqlRegistry,
) -> None:
    _, job = started(registry)
    reason = "no \N{CROSS MARK}\N{PILE OF POO}"
    registry.fail_job(job, "x", reason, back_to="queued", message=reason, kept_until=soon())
    assert registry.job(job.id).error == reason
    assert registry.task(job.id, None).message == "no \N{CROSS MARK}\N{REPLACEMENT CHARACTER}"
