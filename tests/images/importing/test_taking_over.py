"""Owners that die, stall or stop: another worker goes on, and nothing that a late owner does counts."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from glancetui.config.settings import ImportSettings
from glancetui.errors import Stale
from glancetui.images.jobs import Running
from glancetui.images.outbox import now
from glancetui.images.worker import this_worker
from glancetui.registry.jobs import Job, Progress
from tests.backends.web import held_back, web_server
from tests.images.data_path import NODE, dead, noise
from tests.images.importing.yard import Yard, loopback_allowed, yard
from tests.images.waiting import until

DATA = noise(2_000_000)


def died(it: Yard, image_id: str, method: dict[str, str] | str = "glance-direct", lease: float = 60) -> Job:
    it.runner._closing = True  # so that the job is begun without an owner
    job = it.begin(image_id, method)
    it.runner._closing = False
    return it.house.registry.take_over_job(job, str(dead(it.house.worker)), lease)


def test_a_neighbour_goes_on_at_once_with_the_job_of_a_process_that_is_gone(tmp_path: Path) -> None:
    with yard(tmp_path, start=False) as it:
        image = it.staged(DATA)
        job = died(it, image.id)
        it.runner.claim_of_dead_neighbours()
        assert (it.settle(job).state, it.show(image.id).status) == ("succeeded", "active")


def test_the_job_of_an_owner_elsewhere_is_taken_when_its_lease_is_over(tmp_path: Path) -> None:
    with yard(tmp_path, start=False) as it:
        image = it.staged(DATA)
        it.runner._closing = True
        job = it.house.registry.take_over_job(it.begin(image.id, "glance-direct"), "far/b/n/1/1", 0.3)
        it.runner._closing = False
        assert it.runner.claim_due() == 0
        until(lambda: it.runner.claim_due() == 1, 5)
        assert it.settle(job).state == "succeeded"


def test_a_late_owner_can_do_nothing(tmp_path: Path) -> None:
    with yard(tmp_path, start=False) as it:
        registry = it.house.registry
        image = it.staged(DATA)
        late = died(it, image.id)
        registry.take_over_job(late, "another", 60)
        soon = now() + timedelta(hours=1)
        for step in (
            lambda: registry.renew_job(late, 60, Progress()),
            lambda: registry.begin_copy(late, "s0", image.id, "late", 60),
            lambda: registry.note_failed_store(late, "s0", "s0: full"),
            lambda: registry.finish_job(late, "", soon),
            lambda: registry.fail_job(late, "x", "x", back_to="queued", message="", kept_until=soon),
            lambda: registry.release_job(late),
            lambda: registry.take_over_job(late, "third", 60),
        ):
            with pytest.raises(Stale):
                step()
        assert it.show(image.id).status == "importing"


def test_an_owner_that_stalled_stores_nothing_beside_its_successor(tmp_path: Path) -> None:
    go_on, reached = threading.Event(), threading.Event()
    with web_server() as web, yard(tmp_path, lease=60, imports=ImportSettings(fetch=loopback_allowed(web.port))) as it:
        web.paths["/slow"] = held_back(DATA, 1_000_000, go_on, reached)
        image = it.house.new()
        job = it.begin(image.id, {"name": "web-download", "uri": web.url("/slow")})
        assert reached.wait(10)
        web.paths["/slow"] = DATA
        successor = it.another_runner(this_worker(NODE))
        taken = it.house.registry.take_over_job(it.house.registry.job(job.id), successor.owner, 60)
        successor.run_now(taken)
        until(lambda: it.house.registry.job(job.id).state == "succeeded")
        go_on.set()
        until(lambda: it.runner.busy == 0)
        successor.close()
        after = it.show(image.id)
        assert (after.status, len(after.locations)) == ("active", 1)
        assert [path.read_bytes() for path in it.house.files()] == [DATA]


def test_a_worker_that_stops_hands_its_jobs_over(tmp_path: Path) -> None:
    go_on, reached = threading.Event(), threading.Event()
    with web_server() as web, yard(tmp_path, imports=ImportSettings(fetch=loopback_allowed(web.port))) as it:
        web.paths["/slow"] = held_back(noise(8_000_000), 4_000_000, go_on, reached)
        image = it.house.new()
        job = it.begin(image.id, {"name": "web-download", "uri": web.url("/slow")})
        assert reached.wait(10)
        stopping = threading.Thread(target=it.runner.hand_over, args=(20,))
        stopping.start()
        go_on.set()
        stopping.join()
        free = it.house.registry.job(job.id)
        assert (free.state, free.owner, it.show(image.id).status) == ("pending", None, "importing")
        assert it.house.files() == []
        web.paths["/slow"] = DATA
        successor = it.another_runner(this_worker(NODE))
        successor.claim_due()
        assert it.settle(job).state == "succeeded"
        successor.close()


def test_a_job_over_which_workers_die_again_and_again_is_given_up(tmp_path: Path) -> None:
    with yard(tmp_path, start=False) as it:
        image = it.staged(DATA)
        job = died(it, image.id)
        for _ in range(5):
            job = it.house.registry.take_over_job(job, str(dead(it.house.worker)), 60)
        it.runner.claim_of_dead_neighbours()
        ended = it.settle(job)
        assert (ended.error_code, it.show(image.id).status) == ("workers-died", "uploading")


def test_staged_data_of_a_node_that_is_gone_fail_the_import_but_stay_its(tmp_path: Path) -> None:
    with yard(tmp_path, start=False) as it:
        image = it.staged(DATA)
        job = died(it, image.id, lease=0.1)
        (it.staging_folder / image.id).rename(tmp_path / "other-node")
        other = it.another_runner(this_worker("other"), lease=0.2, site="other-site")
        until(lambda: other.claim_due() == 1, 5)
        ended = it.settle(job)
        other.close()
        assert (ended.error_code, it.show(image.id).status) == ("staged-elsewhere", "uploading")


def test_staged_data_of_a_neighbour_that_died_wait_for_it_to_come_back(tmp_path: Path) -> None:
    """Two services may share a node and not a staging folder: only the one that starts again can go on."""
    with yard(tmp_path, start=False) as it:
        image = it.staged(DATA)
        job = died(it, image.id)
        stranger = it.another_runner(this_worker(NODE), site="other-site")
        stranger.claim_of_dead_neighbours()
        assert (stranger.busy, it.house.registry.job(job.id).fence) == (0, job.fence)
        stranger.close()
        it.runner.claim_of_dead_neighbours()
        assert it.settle(job).state == "succeeded"


def test_a_resumed_import_keeps_the_copies_it_has(tmp_path: Path) -> None:
    with yard(tmp_path, stores=2, start=False) as it:
        image = it.staged(DATA)
        it.runner._closing = True
        job = it.begin(image.id, "glance-direct", all_stores=True)
        it.runner._closing = False
        job = it.house.registry.take_over_job(job, str(it.house.worker), 60)
        running = Running(job)
        with it.work._material(running, image) as material:
            it.work._fill(running, it.show(image.id), "s0", material)
        (it.staging_folder / image.id).unlink()  # a second copy needs it no more
        again = it.house.registry.take_over_job(it.house.registry.job(job.id), str(dead(it.house.worker)), 60)
        assert [copy.store for copy in again.copies] == ["s0"]
        it.runner.claim_of_dead_neighbours()
        assert it.settle(job).state == "succeeded"
        assert [path.read_bytes() for path in it.house.files()] == [DATA, DATA]


def test_an_import_that_another_service_left_is_undone(tmp_path: Path) -> None:
    with yard(tmp_path, start=False) as it:
        registry, image = it.house.registry, it.staged(DATA)
        job = died(it, image.id)
        with registry._database.writing() as db:  # type: ignore[attr-defined]
            db.exec_driver_sql("DELETE FROM gt_jobs")
            db.exec_driver_sql("UPDATE images SET updated_at = '2020-01-01 00:00:00.000000'")
        assert it.house.recovery(lease=1).run_once().images == 1
        after = it.show(image.id)
        assert (after.status, after.size, after.properties) == (
            "queued", None, {"os_glance_importing_to_stores": "", "os_glance_failed_import": ""},
        )  # fmt: skip
        assert registry.task(job.id, None).status == "failure"
