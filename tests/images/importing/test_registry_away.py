"""What an import or a staging has brought in is not lost where the registry is away for a moment at its last step."""

from __future__ import annotations

from pathlib import Path

import pytest

from glancetui.config.settings import ImportSettings
from tests.backends.web import web_server
from tests.images.data_path import noise
from tests.images.importing.yard import loopback_allowed, yard
from tests.images.losing import lose_answers

DATA = noise(50_000)
FATES = pytest.mark.parametrize("done", [True, False], ids=["after it was done", "before"])


@FATES
def test_a_copy_whose_answer_got_lost_is_asked_after(tmp_path: Path, done: bool) -> None:
    with web_server() as web, yard(tmp_path, 2, imports=ImportSettings(fetch=loopback_allowed(web.port))) as it:
        web.paths["/a"] = DATA
        lose_answers(it.house, "add_copy", times=1, done=done)
        image = it.house.new()
        job = it.imported(image.id, {"name": "web-download", "uri": web.url("/a")}, stores=["s0", "s1"])
        after = it.show(image.id)
        assert (job.state, job.attempts, after.status) == ("succeeded", 1, "active")
        assert [copy.store for copy in job.copies] == ["s0", "s1"]
        assert len(after.locations) == 2
        assert [path.read_bytes() for path in it.house.files()] == [DATA, DATA]


@FATES
def test_staged_data_whose_answer_got_lost_stay(tmp_path: Path, done: bool) -> None:
    with yard(tmp_path) as it:
        lose_answers(it.house, "finish_stage", times=1, done=done)
        staged = it.staged(DATA)
        assert (staged.status, staged.size, it.staging_files()) == ("uploading", len(DATA), [staged.id])
        assert it.imported(staged.id, "glance-direct").state == "succeeded"


def test_the_last_word_over_the_quota_has_the_transaction_that_adds_the_copy(tmp_path: Path) -> None:
    with yard(tmp_path, stores=2, storage_quota=2 * len(DATA) - 1) as it:
        it.house.registry.bytes_stored = lambda *_: -1_000_000  # type: ignore[method-assign]  # as before others ended
        staged = it.staged(DATA)
        job = it.imported(staged.id, "glance-direct", stores=["s0", "s1"])
        assert (job.state, job.error_code) == ("failed", "over-limit")
        after = it.show(staged.id)
        assert (after.status, after.size, after.locations) == ("uploading", len(DATA), ())
        it.house.outbox().run_once()  # of the first copy, which fitted
        assert it.house.files() == []
