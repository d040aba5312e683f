"""`glancetui db` as an operator types it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from glancetui.cli import dispatch
from glancetui.cli.db import ADVICE
from glancetui.registry.sql.state import GLANCES_HEAD, HEAD, Kind
from tests.serving import running_server, start_server

Db = Callable[..., tuple[int, str, str]]


@pytest.fixture
def db(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Db:
    """Exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = dispatch.run(["db", *words, "--data-dir", str(tmp_path)], lambda _: 0)
        return code, *capsys.readouterr()

    return run


def test_a_database_goes_to_glance_and_comes_back(db: Db, tmp_path: Path) -> None:
    file = tmp_path / "glance.sqlite"
    assert db("version")[0] == 1
    assert db("upgrade")[1] == f"The schema of {file} went from empty to {HEAD}.\n"
    assert db("version")[1] == f"{HEAD}, current\n"
    assert db("check")[1] == f"{file} is whole, its schema is current ({HEAD}).\n"
    with closing(sqlite3.connect(file)) as seen, seen:
        seen.execute(
            "INSERT INTO images (id, status, created_at, deleted_at, deleted, min_disk, min_ram) "
            "VALUES ('x', 'deleted', '2020-01-01', '2020-01-02', 1, 0, 0)"
        )
    assert db("purge", "--dry-run")[1].startswith("Would remove rows: 1 of images, 0 of tasks,")
    assert db("purge", "--age-in-days", "30", "--max-rows", "-1")[1].startswith("Removed rows: 1 of images,")
    code, planned, warned = db("release", "--dry-run")
    assert (code, planned.splitlines()[-1]) == (0, f"-- {planned.count(';') - 1} statements; nothing was changed.")
    assert "the ids of 1 purged images go too" in warned
    assert db("release")[1].endswith("Glance can start.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["glance.sqlite"]
    assert db("version")[1] == f"Glance's, not adopted, schema revision {GLANCES_HEAD}\n"
    code, _, said = db("check")
    assert (code, said) == (
        1,
        f"glancetui: {file} is {db('version')[1].strip()}. `glancetui db adopt` takes it over.\n",
    )
    assert "CREATE TABLE gt_images" in db("adopt", "--dry-run")[1]
    assert db("version")[1].startswith("Glance's")
    assert db("adopt")[1].endswith("`glancetui serve` can start.\n")
    assert db("adopt")[::2] == (1, f"glancetui: The database is glancetui's already: {HEAD}, current.\n")


def test_there_is_advice_for_each_kind_of_database_that_is_not_current() -> None:
    assert set(ADVICE) == {kind.name for kind in Kind} - {"CURRENT"}


def test_a_service_stops_at_a_database_that_it_may_not_take_over(db: Db, tmp_path: Path) -> None:
    assert db("upgrade")[0] == db("release")[0] == 0
    config = f"[database]\nconnection = sqlite:///{tmp_path}/glance.sqlite\n"
    with pytest.raises(AssertionError, match="Stop Glance, make a copy, then run `glancetui db adopt`"):
        start_server(tmp_path, config=config, data_dir=tmp_path / "service")
    may = config + "[glancetui]\nadopt = true\n"
    with running_server(tmp_path, config=may, data_dir=tmp_path / "service"):
        assert db("version")[1] == f"{HEAD}, current\n"
    with closing(sqlite3.connect(tmp_path / "glance.sqlite")) as seen, seen:
        seen.execute("UPDATE gt_alembic_version SET version_num = '0001'")
    with pytest.raises(AssertionError, match=f"has schema version 0001, not {HEAD}. Run `glancetui db upgrade`"):
        start_server(tmp_path, config=config, data_dir=tmp_path / "service")
    with running_server(tmp_path, config=config + "[glancetui]\nupgrade = true\n", data_dir=tmp_path / "service"):
        assert db("version")[1] == f"{HEAD}, current\n"
