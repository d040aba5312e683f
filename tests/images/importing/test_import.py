from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from glancetui.config.settings import FetchSettings, ImportSettings
from glancetui.errors import BadRequest, Conflict, Forbidden, NotFound, StoreUnavailable, UnsupportedMedia
from glancetui.model import Caller
from tests.backends.web import cut_after, held_back, redirect, web_server
from tests.images.data_path import ADMIN, OWNER, STRANGER, Body, noise
from tests.images.importing.yard import loopback_allowed, yard
from tests.images.waiting import until

DATA = noise(3_000_000)
QCOW2_BACKED = b"QFI\xfb" + (3).to_bytes(4) + (512).to_bytes(8) + bytes(2000)
LOCK, TO, FAILED = "os_glance_import_task", "os_glance_importing_to_stores", "os_glance_failed_import"


def web_yard(tmp_path: Path, port: int, **options: object):
    return yard(tmp_path, imports=ImportSettings(fetch=loopback_allowed(port)), **options)  # type: ignore[arg-type]


def download(url: str) -> dict[str, str]:
    return {"name": "web-download", "uri": url}


def test_staged_data_become_an_active_image_and_leave_nothing_behind(tmp_path: Path) -> None:
    with yard(tmp_path) as it:
        staged = it.staged(DATA)
        assert (staged.status, staged.size, it.staging_files()) == ("uploading", len(DATA), [staged.id])
        job = it.imported(staged.id, "glance-direct")
        image = it.show(staged.id)
        assert (job.state, image.status, image.size, image.virtual_size) == (
            "succeeded",
            "active",
            len(DATA),
            len(DATA),
        )
        assert image.os_hash_value == hashlib.sha512(DATA).hexdigest()
        assert image.checksum == hashlib.md5(DATA).hexdigest()
        assert (image.properties, it.staging_files()) == ({TO: "", FAILED: ""}, [])
        assert [path.read_bytes() for path in it.house.files()] == [DATA]
        task = it.task(job)
        assert (task.type, task.status, task.image_id) == ("api_image_import", "success", image.id)
        assert task.expires_at is not None


def test_a_web_download_streams_into_the_store(tmp_path: Path) -> None:
    with web_server() as web, web_yard(tmp_path, web.port) as it:
        web.paths["/a"] = DATA
        image = it.house.new()
        job = it.imported(image.id, download(web.url("/a")))
        assert (job.state, it.show(image.id).status) == ("succeeded", "active")
        assert [path.read_bytes() for path in it.house.files()] == [DATA]
        assert [(each.store, each.done, each.total) for each in job.progress.stores] in (
            [],
            [("s0", len(DATA), len(DATA))],
        )


def test_the_image_is_locked_and_importing_while_the_job_runs(tmp_path: Path) -> None:
    go_on, reached = threading.Event(), threading.Event()
    with web_server() as web, web_yard(tmp_path, web.port) as it:
        web.paths["/slow"] = held_back(DATA, 1_000_000, go_on, reached)
        image = it.house.new()
        job = it.begin(image.id, download(web.url("/slow")))
        assert reached.wait(10)
        during = it.show(image.id)
        assert (during.status, during.properties) == ("importing", {LOCK: job.id, TO: "s0", FAILED: ""})
        with pytest.raises(Conflict):
            it.begin(image.id, download(web.url("/slow")))
        with pytest.raises(Conflict):
            it.house.ingest.upload(OWNER, image.id, Body(b"x"))
        until(lambda: it.house.registry.job(job.id).progress.done > 0)
        shown = it.task(job).progress
        assert shown is not None
        assert (shown.phase, shown.total, shown.stores[0].store) == ("storing", len(DATA), "s0")
        go_on.set()
        assert it.settle(job).state == "succeeded"
        assert LOCK not in it.show(image.id).properties


@pytest.mark.parametrize(
    ("path", "code"),
    [("/none", "refused"), ("/cut", "broken-off"), ("/loop", "too-many-redirects"), ("/away", "refused")],
)
def test_a_failed_web_download_says_why_and_can_be_tried_again(tmp_path: Path, path: str, code: str) -> None:
    with web_server() as web, web_yard(tmp_path, web.port) as it:
        web.paths |= {
            "/cut": cut_after(DATA, 2_000_000),
            "/loop": redirect(web.url("/loop")),
            "/away": redirect("http://169.254.169.254/latest"),
            "/good": DATA,
        }
        image = it.house.new()
        job = it.imported(image.id, download(web.url(path)))
        after = it.show(image.id)
        assert (job.state, job.error_code) == ("failed", code)
        assert (after.status, after.size, after.checksum, after.locations) == ("queued", None, None, ())
        assert after.reason == job.error == it.task(job).message
        assert (after.properties[TO], after.properties[FAILED], LOCK in after.properties) == ("", "s0", False)
        it.assert_nothing_left(image.id)
        assert it.imported(image.id, download(web.url("/good"))).state == "succeeded"
        assert it.show(image.id).reason is None


def test_content_that_is_refused_leaves_a_queued_image_and_no_byte(tmp_path: Path) -> None:
    with web_server() as web, web_yard(tmp_path, web.port) as it:
        web.paths["/bad"] = QCOW2_BACKED
        image = it.house.new(disk_format="qcow2")
        job = it.imported(image.id, download(web.url("/bad")))
        assert (job.error_code, it.show(image.id).status) == ("unsupported-content", "queued")
        it.assert_nothing_left(image.id)
        with pytest.raises(UnsupportedMedia):
            it.stage.put(OWNER, image.id, Body(QCOW2_BACKED))
        assert it.show(image.id).status == "queued"
        it.assert_nothing_left(image.id)


def test_a_failed_import_of_staged_data_keeps_them_for_another_attempt(tmp_path: Path) -> None:
    with yard(tmp_path) as it:
        image = it.staged(DATA)
        it.house.folders[0].rename(tmp_path / "elsewhere")
        job = it.imported(image.id, "glance-direct")
        after = it.show(image.id)
        assert (job.error_code, after.status, after.size) == ("store-unavailable", "uploading", len(DATA))
        assert after.reason is not None
        assert it.staging_files() == [image.id]
        (tmp_path / "elsewhere").rename(it.house.folders[0])
        assert it.imported(image.id, "glance-direct").state == "succeeded"
        assert it.staging_files() == []


def test_staged_data_that_vanished_leave_an_image_that_can_be_staged_anew(tmp_path: Path) -> None:
    with yard(tmp_path) as it:
        image = it.staged(DATA)
        (it.staging_folder / image.id).unlink()
        assert it.imported(image.id, "glance-direct").error_code == "staged-gone"
        assert it.show(image.id).status == "queued"
        assert it.stage.put(OWNER, image.id, Body(DATA)).status == "uploading"
        assert it.imported(image.id, "glance-direct").state == "succeeded"


def test_staged_data_that_were_cut_off_since_never_become_the_image(tmp_path: Path) -> None:
    with yard(tmp_path) as it:
        image = it.staged(DATA)
        (it.staging_folder / image.id).write_bytes(DATA[:1000])
        job = it.imported(image.id, "glance-direct")
        assert (job.state, job.error_code, it.show(image.id).status) == ("failed", "staged-damaged", "queued")
        assert it.task(job).message == f"Of {len(DATA)} bytes that were staged 1000 are there. Stage them again."
        it.assert_nothing_left(image.id)
        it.stage.put(OWNER, image.id, Body(DATA))
        assert it.imported(image.id, "glance-direct").state == "succeeded"


def test_deleting_an_image_in_the_middle_of_its_import_leaves_nothing(tmp_path: Path) -> None:
    go_on, reached = threading.Event(), threading.Event()
    with web_server() as web, web_yard(tmp_path, web.port) as it:
        web.paths["/slow"] = held_back(DATA, 1_000_000, go_on, reached)
        image = it.house.new()
        job = it.begin(image.id, download(web.url("/slow")))
        assert reached.wait(10)
        it.imports.delete(OWNER, image.id)
        go_on.set()
        ended = it.settle(job)
        assert (ended.state, ended.error_code) == ("failed", "image-deleted")
        it.assert_nothing_left(image.id)


def test_deleting_an_image_removes_its_staged_data(tmp_path: Path) -> None:
    with yard(tmp_path) as it:
        image = it.staged(DATA)
        it.imports.delete(OWNER, image.id)
        it.assert_nothing_left(image.id)


def test_a_staging_folder_that_is_away_leaves_the_image_queued(tmp_path: Path) -> None:
    with yard(tmp_path) as it:
        image = it.house.new()
        it.staging_folder.rename(tmp_path / "away")
        with pytest.raises(StoreUnavailable):
            it.stage.put(OWNER, image.id, Body(DATA))
        assert it.show(image.id).status == "queued"
        (tmp_path / "away").rename(it.staging_folder)
        assert it.stage.put(OWNER, image.id, Body(DATA)).status == "uploading"


def test_staging_is_refused_where_an_upload_would_be(tmp_path: Path) -> None:
    with yard(tmp_path, size_cap=1000) as it:
        active = it.house.uploaded(b"x")
        with pytest.raises(Conflict):
            it.stage.put(OWNER, active.id, Body(b"x"))
        with pytest.raises(NotFound):
            it.stage.put(STRANGER, it.house.new(visibility="private").id, Body(b"x"))
        public = it.house.new(caller=ADMIN, visibility="public")
        with pytest.raises(Forbidden):
            it.stage.put(STRANGER, public.id, Body(b"x"))
        image = it.house.new()
        with pytest.raises(Exception, match="1000 bytes"):
            it.stage.put(OWNER, image.id, Body(bytes(1001)))
        assert it.show(image.id).status == "queued"
        it.assert_nothing_left(image.id)


BAD_BODIES = [
    {},
    {"method": {}},
    {"method": "web-download"},
    {"method": {"name": "nope"}},
    {"method": {"name": "web-download"}},
    {"method": {"name": "web-download", "uri": ""}},
    {"method": {"name": "web-download", "uri": "file:///etc/passwd"}},
    {"method": {"name": "web-download", "uri": "http://127.0.0.1/"}},
    {"method": {"name": "glance-download", "glance_region": "r"}},
    {"method": {"name": "glance-download", "glance_region": "r", "glance_image_id": "x"}},
    {"method": {"name": "glance-download", "glance_image_id": "a" * 36}},
    {
        "method": {
            "name": "glance-download",
            "glance_region": "r",
            "glance_image_id": "00000000-0000-4000-8000-000000000000",
            "glance_service_interface": 5,
        }
    },
    {"method": {"name": "glance-direct"}, "all_stores": "yes"},
    {"method": {"name": "glance-direct"}, "all_stores_must_succeed": 1},
    {"method": {"name": "glance-direct"}, "all_stores_must_succeed": False},
    {"method": {"name": "glance-direct"}, "stores": ["s0"]},
    {"method": {"name": "glance-direct"}, "stores": "s0"},
    {"method": {"name": "glance-direct"}, "stores": []},
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_what_makes_no_sense_is_refused_and_begins_nothing(tmp_path: Path, body: dict[str, object]) -> None:
    with yard(tmp_path) as it:
        direct = isinstance(body.get("method"), dict) and body["method"].get("name") == "glance-direct"  # type: ignore[attr-defined]
        image = it.staged(DATA) if direct else it.house.new()
        with pytest.raises(BadRequest):
            it.imports.begin(OWNER, image.id, body)
        assert it.show(image.id) == image
        assert it.house.registry.tasks_of_image(image.id, 10) == []


def test_an_import_needs_an_image_in_the_right_state(tmp_path: Path) -> None:
    with yard(tmp_path, imports=ImportSettings(fetch=FetchSettings(allowed_hosts=("127.0.0.1",)))) as it:
        active, queued = it.house.uploaded(b"x"), it.house.new()
        bare = it.house.new(disk_format=None)
        for image_id, method in (
            (active.id, "glance-direct"),
            (active.id, download("http://127.0.0.1/")),
            (queued.id, "glance-direct"),
            (queued.id, "copy-image"),
            (bare.id, download("http://127.0.0.1/")),
        ):
            with pytest.raises(Conflict):
                it.begin(image_id, method, ADMIN)


def test_who_may_import(tmp_path: Path) -> None:
    with yard(tmp_path, stores=2) as it:
        public = it.house.new(caller=ADMIN, visibility="public")
        with pytest.raises(Forbidden):
            it.begin(public.id, download("http://127.0.0.1/"), STRANGER)
        with pytest.raises(NotFound):
            it.begin(it.house.new(visibility="private").id, download("http://127.0.0.1/"), STRANGER)
        with pytest.raises(Forbidden):
            it.begin(it.house.uploaded(b"x").id, "copy-image", OWNER, stores=["s1"])
        with pytest.raises(Forbidden):
            it.begin(it.house.new().id, download("http://127.0.0.1/"), Caller(project="p", read_only=True))


def test_everything_that_begins_is_a_task_with_what_was_asked(tmp_path: Path) -> None:
    with yard(tmp_path) as it:
        image = it.staged(DATA)
        job = it.imported(image.id, "glance-direct")
        task = it.task(job)
        assert task.input is not None
        assert '"import_req":{"method":{"name":"glance-direct"}}' in task.input
        assert (task.owner, task.user_id, task.request_id) == ("p", "u", None)
