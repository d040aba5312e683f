"""Imports into several stores, and copies of images that are there already."""

from __future__ import annotations

from pathlib import Path

import pytest

from glancetui.config.settings import ImportSettings
from glancetui.errors import BadRequest, Conflict
from glancetui.images.outbox import Outbox
from tests.backends.web import web_server
from tests.images.data_path import ADMIN, OWNER, noise
from tests.images.importing.yard import Yard, loopback_allowed, yard

DATA = noise(2_000_000)
#: What those who asked hear of a store whose folder is away; where that folder is they need not know.
AWAY = "Store {} cannot be used now. Try again in a moment; the operator finds the reason in the log."
TO, FAILED = "os_glance_importing_to_stores", "os_glance_failed_import"


def stores_of(it: Yard, image_id: str) -> list[str]:
    return [row.metadata["store"] for row in it.show(image_id).locations]


def holders(it: Yard) -> list[str]:
    return [path.parent.name for path in it.house.files()]


def test_an_import_fills_the_stores_in_the_order_asked_for(tmp_path: Path) -> None:
    with yard(tmp_path, stores=3) as it:
        image = it.staged(DATA)
        job = it.imported(image.id, "glance-direct", stores=["s2", "s0"])
        assert (job.state, stores_of(it, image.id)) == ("succeeded", ["s2", "s0"])
        assert [path.read_bytes() for path in it.house.files()] == [DATA, DATA]
        assert it.show(image.id).properties == {TO: "", FAILED: ""}
        assert it.staging_files() == []


def test_a_download_for_several_stores_is_fetched_once(tmp_path: Path) -> None:
    with web_server() as web, yard(tmp_path, stores=3, imports=ImportSettings(fetch=loopback_allowed(web.port))) as it:
        web.paths["/a"] = DATA
        image = it.house.new()
        it.imported(image.id, {"name": "web-download", "uri": web.url("/a")}, all_stores=True)
        assert stores_of(it, image.id) == ["s0", "s1", "s2"]
        assert web.asked == ["/a"]


def test_where_all_must_succeed_one_failure_undoes_all(tmp_path: Path) -> None:
    with yard(tmp_path, stores=2) as it:
        image = it.staged(DATA)
        (tmp_path / "s1").rename(tmp_path / "away")
        job = it.imported(image.id, "glance-direct", all_stores=True)
        after = it.show(image.id)
        assert (job.state, after.status, after.locations, after.size) == ("failed", "uploading", (), len(DATA))
        assert (after.checksum, after.os_hash_value, after.virtual_size) == (None, None, None)
        Outbox(it.house.registry, it.house.catalogue, "w").run_once()
        assert holders(it) == []
        (tmp_path / "away").rename(tmp_path / "s1")
        assert it.task(job).message == AWAY.format("s1")
        assert str(tmp_path) in (job.error or "")
        assert it.imported(image.id, "glance-direct", all_stores=True).state == "succeeded"
        assert stores_of(it, image.id) == ["s0", "s1"]


def test_where_one_is_enough_the_image_is_active_and_says_where_it_is_not(tmp_path: Path) -> None:
    with yard(tmp_path, stores=3) as it:
        image = it.staged(DATA)
        (tmp_path / "s0").rename(tmp_path / "away")
        job = it.imported(image.id, "glance-direct", all_stores=True, all_stores_must_succeed=False)
        after = it.show(image.id)
        assert (job.state, after.status, stores_of(it, image.id)) == ("succeeded", "active", ["s1", "s2"])
        assert after.properties == {TO: "", FAILED: "s0"}
        assert (it.task(job).status, it.task(job).message) == ("success", f"s0: {AWAY.format('s0')}")


def test_where_one_is_enough_failing_in_all_fails_the_import(tmp_path: Path) -> None:
    with yard(tmp_path, stores=2) as it:
        image = it.staged(DATA)
        for store in ("s0", "s1"):
            (tmp_path / store).rename(tmp_path / f"away-{store}")
        job = it.imported(image.id, "glance-direct", all_stores=True, all_stores_must_succeed=False)
        after = it.show(image.id)
        assert (job.state, job.error_code, after.status) == ("failed", "no-store", "uploading")
        assert after.properties[FAILED] == "s0,s1"
        why = f"No store took the image. s0: {AWAY.format('s0')} s1: {AWAY.format('s1')}"
        assert it.task(job).message == why


def test_a_copy_goes_to_the_stores_that_lack_one(tmp_path: Path) -> None:
    with yard(tmp_path, stores=3) as it:
        image = it.house.uploaded(DATA)
        job = it.imported(image.id, "copy-image", ADMIN, stores=["s2"])
        after = it.show(image.id)
        assert (job.state, after.status, stores_of(it, image.id)) == ("succeeded", "active", ["s0", "s2"])
        assert (after.checksum, after.os_hash_value, after.size) == (image.checksum, image.os_hash_value, image.size)
        it.imported(image.id, "copy-image", ADMIN, all_stores=True)
        assert stores_of(it, image.id) == ["s0", "s2", "s1"]
        assert it.imports.begin(ADMIN, image.id, {"method": {"name": "copy-image"}, "all_stores": True}) is None
        with pytest.raises(BadRequest):
            it.begin(image.id, "copy-image", ADMIN, stores=["s2"])


def test_a_copy_that_is_undone_is_not_called_failed(tmp_path: Path) -> None:
    with yard(tmp_path, stores=3) as it:
        image = it.house.uploaded(DATA)
        (tmp_path / "s2").rename(tmp_path / "away")
        it.imported(image.id, "copy-image", ADMIN, stores=["s1", "s2"])
        assert (it.show(image.id).properties, stores_of(it, image.id)) == ({TO: "", FAILED: "s2"}, ["s0"])


def test_a_copy_that_is_not_the_image_is_never_recorded(tmp_path: Path) -> None:
    with yard(tmp_path, stores=2) as it:
        image = it.house.uploaded(DATA)
        it.house.files()[0].write_bytes(DATA[:-1] + b"!")
        job = it.imported(image.id, "copy-image", ADMIN, stores=["s1"])
        assert (job.error_code, stores_of(it, image.id), holders(it)) == ("source-damaged", ["s0"], ["s0"])
        assert "in store s0 is not what the image was" in (it.task(job).message or "")
        after = it.show(image.id)
        assert (after.status, after.properties) == ("active", {TO: "", FAILED: "s1"})


@pytest.mark.parametrize("damaged", [DATA[:-1], DATA[:-1] + b"!"], ids=["cut", "changed"])
def test_a_damaged_copy_is_passed_over_for_one_that_is_whole(tmp_path: Path, damaged: bytes) -> None:
    with yard(tmp_path, stores=3) as it:
        image = it.house.uploaded(DATA)
        it.imported(image.id, "copy-image", ADMIN, stores=["s1"])
        it.house.files()[0].write_bytes(damaged)
        job = it.imported(image.id, "copy-image", ADMIN, stores=["s2"])
        assert (job.state, stores_of(it, image.id)) == ("succeeded", ["s0", "s1", "s2"])
        assert [path.read_bytes() for path in it.house.files()][1:] == [DATA, DATA]


def test_a_failed_copy_leaves_the_image_as_it_was(tmp_path: Path) -> None:
    with yard(tmp_path, stores=3) as it:
        image = it.house.uploaded(DATA)
        (tmp_path / "s2").rename(tmp_path / "away")
        job = it.imported(image.id, "copy-image", ADMIN, stores=["s1", "s2"])
        assert (job.state, it.show(image.id).status, stores_of(it, image.id)) == ("failed", "active", ["s0"])
        Outbox(it.house.registry, it.house.catalogue, "w").run_once()
        assert holders(it) == ["s0"]
        job = it.imported(image.id, "copy-image", ADMIN, stores=["s1", "s2"], all_stores_must_succeed=False)
        assert (job.state, stores_of(it, image.id)) == ("succeeded", ["s0", "s1"])


@pytest.mark.parametrize(
    ("body", "header", "error"),
    [
        ({"stores": ["s1"], "all_stores": True}, None, BadRequest),
        ({"all_stores": True}, "s1", BadRequest),
        ({"stores": ["s1"]}, "s1", BadRequest),
        ({"stores": ["nowhere"]}, None, Conflict),
        ({}, "nowhere", Conflict),
        ({"stores": ["os_glance_staging_store"]}, None, BadRequest),
        ({}, "os_glance_tasks_store", BadRequest),
        ({"stores": [1]}, None, BadRequest),
    ],
)
def test_stores_that_cannot_be_meant_are_refused(
    tmp_path: Path, body: dict[str, object], header: str | None, error: type[Exception]
) -> None:
    with yard(tmp_path, stores=2) as it:
        image = it.staged(DATA)
        with pytest.raises(error):
            it.imports.begin(OWNER, image.id, {"method": {"name": "glance-direct"}, **body}, header)
        assert it.show(image.id) == image


def test_the_header_may_name_the_store(tmp_path: Path) -> None:
    with yard(tmp_path, stores=2) as it:
        image = it.staged(DATA)
        job = it.imports.begin(OWNER, image.id, {"method": {"name": "glance-direct"}}, "s1")
        it.settle(job)  # type: ignore[arg-type]
        assert stores_of(it, image.id) == ["s1"]
