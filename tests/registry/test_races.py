"""Many at once: each success is true afterwards, the others hear that they lost. A kill leaves nothing half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from glancetui.errors import RegistryUnavailable
from glancetui.registry.interface import ImageChange, ImageQuery
from glancetui.registry.sql import SqlRegistry, open_registry, schema
from glancetui.registry.sql.database import utc_now
from tests.registry.making import ACTOR, ADMIN, active, made, new_job, published, seen, settings
from tests.registry.places import Place
from tests.registry.writers import THREADS, Writers

WRITERS = 2 * THREADS


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    both = Writers()
    yield both
    both.close()


def test_of_many_changes_of_one_state_one_wins_and_is_true(
    registry: SqlRegistry, place: Place, writers: Writers
) -> None:
    image = made(registry)
    got = writers.at_once(place, "change", image.id)
    assert len(got) == WRITERS
    assert [each for each in got if each != "Stale"] == [registry.image(image.id, ADMIN).name]


def test_no_confirmed_change_is_lost_when_losers_try_again(
    registry: SqlRegistry, place: Place, writers: Writers
) -> None:
    image = made(registry)
    got = writers.at_once(place, "count", image.id)
    assert sorted(map(int, got)) == list(range(1, WRITERS + 1))
    after = registry.image(image.id, ADMIN)
    assert (after.min_ram, after.revision) == (WRITERS, WRITERS)


def test_of_many_uploads_one_begins(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    image = made(registry)
    [winner] = [each for each in writers.at_once(place, "upload", image.id) if each not in {"Conflict", "Stale"}]
    [intent] = registry.intents_of(winner)
    assert registry.publish_upload(intent, published(image.id), ACTOR).status == "active"


def test_of_many_same_members_and_ids_one_is_added(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    image = made(registry)
    assert sorted(writers.at_once(place, "same-member", image.id)) == ["Duplicate"] * (WRITERS - 1) + ["q"]
    assert sorted(writers.at_once(place, "same-id", image.id)) == ["Duplicate"] * (WRITERS - 1) + ["same"]


def test_quotas_hold_however_many_come_at_once(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    image = made(registry)
    assert writers.at_once(place, "member", image.id).count("LimitExceeded") == WRITERS - 5
    assert writers.at_once(place, "tag", image.id).count("LimitExceeded") == WRITERS - 7
    assert len(registry.members(image.id)) == 5
    assert len(registry.image(image.id, ADMIN).tags) == 7


def test_an_image_is_deleted_once(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    image = active(registry)
    got = writers.at_once(place, "delete", image.id)
    assert got.count("None") == 1
    assert len(registry.claim_outbox("w", 60, utc_now() + timedelta(days=1), 10)) == 1


def test_a_lease_has_one_holder_of_many(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    got = writers.at_once(place, "lease", made(registry).id)
    assert sorted(got) == ["1"] + ["None"] * (WRITERS - 1)


def test_an_outbox_entry_is_claimed_once(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    for _ in range(12):
        registry.delete_image(seen(active(registry)), ACTOR)
    got = writers.at_once(place, "claim", made(registry).id)
    claimed = [number for each in got for number in json.loads(each)]
    assert len(claimed) == len(set(claimed))
    assert len(claimed) == 12


def test_of_many_imports_of_an_image_one_begins(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    image = made(registry)
    [winner] = [each for each in writers.at_once(place, "import", image.id) if each not in {"Conflict", "Stale"}]
    job = registry.live_job_of(image.id)
    assert job is not None
    assert job.owner == winner
    assert registry.image(image.id, ADMIN).properties["os_glance_import_task"] == job.id


def test_a_job_is_claimed_once(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    waiting = {registry.begin_import(seen(made(registry)), new_job(owner=None), ACTOR).id for _ in range(12)}
    claimed = [each for each in writers.at_once(place, "claim-job", made(registry).id) if each != "None"]
    assert len(claimed) == len(set(claimed))
    while (left := registry.claim_job("w", "here", 60, utc_now())) is not None:
        claimed.append(left.id)
    assert sorted(claimed) == sorted(waiting)


def test_a_job_is_taken_over_once_and_ends_once(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    image = made(registry)
    registry.begin_import(seen(image), new_job(), ACTOR)
    [winner] = [each for each in writers.at_once(place, "take-over-job", image.id) if each != "Stale"]
    job = registry.live_job_of(image.id)
    assert job is not None
    assert (job.owner, job.fence) == (winner, 2)
    [how] = [each for each in writers.at_once(place, "end-job", image.id) if each != "Stale"]
    assert registry.job(job.id).state == how
    assert registry.task(job.id, None).status == {"succeeded": "success", "failed": "failure"}[how]


def test_imports_that_end_together_keep_to_the_quota(registry: SqlRegistry, place: Place, writers: Writers) -> None:
    assert writers.at_once(place, "copy", made(registry).id).count("LimitExceeded") == WRITERS - 5
    assert registry.bytes_stored("p") == 25


def test_a_follower_hears_of_every_change_once_and_in_order(
    registry: SqlRegistry, place: Place, writers: Writers
) -> None:
    image = made(registry)
    followed = registry.events_after(0, 10)

    def follow() -> None:
        followed.extend(registry.events_after(followed[-1].number, 7))

    writers.at_once(place, "create", image.id, follow)
    while (before := len(followed)) >= 0:
        follow()
        if len(followed) == before:
            break
    numbers = [each.number for each in followed]
    assert numbers == sorted(set(numbers))
    assert len({each.image_id for each in followed}) == len(followed) == 1 + 8 * WRITERS


WRITING = """
import sys
from glancetui.registry.interface import ImageChange
from tests.registry.making import ACTOR, active, begun, made, seen
from tests.registry.places import Place
registry = Place(kind="", url=sys.argv[1]).open()
while True:
    image = made(registry, properties={"a": "b", "c": "d"}, tags=("x", "y"))
    print(image.id, flush=True)
    done = active(registry, properties={"a": "b"})
    registry.change_image(seen(image), ImageChange(properties={"e": "f"}, tags=("z",)), ACTOR)
    registry.delete_image(seen(done), ACTOR)
"""


def test_a_kill_at_any_moment_leaves_a_whole_database_with_all_that_was_acknowledged(place: Place) -> None:
    told: list[str] = []
    for round_ in range(4):
        child = subprocess.Popen([sys.executable, "-c", WRITING, place.url], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        told.append(child.stdout.readline().strip())
        time.sleep(0.05 + 0.037 * round_)  # any moment will do; this is not a wait for something
        child.send_signal(signal.SIGKILL)
        told += child.stdout.read().split()
        child.wait()
        child.stdout.close()
    registry = place.open()
    assert schema.damage(place.settings()) == []
    for image_id in told:
        image = registry.image(image_id, ADMIN)
        assert (image.properties, image.tags) in (({"a": "b", "c": "d"}, ("x", "y")), ({"e": "f"}, ("z",)))
    for image in registry.page(ImageQuery(viewer=ADMIN, limit=1000)):
        assert (image.status == "active") == bool(image.locations)
    registry.close()


def test_a_writer_waits_only_so_long_for_another_process(tmp_path: Path) -> None:
    holder = open_registry(settings(tmp_path), "n")
    other = open_registry(settings(tmp_path, busy=0.2), "n")
    with holder._database.writing(), pytest.raises(RegistryUnavailable, match="busy"):
        made(other)
    assert other.page(ImageQuery(viewer=ADMIN, limit=1)) == []
    assert made(other).status == "queued"
    holder.close()
    other.close()


def test_a_fork_uses_connections_of_its_own(registry: SqlRegistry) -> None:
    image = made(registry)
    child = os.fork()
    if child == 0:
        try:
            registry.change_image(seen(registry.image(image.id, ADMIN)), ImageChange(name="child"), ACTOR)
        except BaseException:  # the child of a test must never come back into pytest
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert registry.image(image.id, ADMIN).name == "child"
    made(registry)
