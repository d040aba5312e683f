"""Adopting and releasing. A database that we made and released is one that Glance might have made."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from glancetui.errors import ConfigError
from glancetui.registry.sql import SqlRegistry, adopt, open_registry, release, schema
from glancetui.registry.sql.database import Database, utc_now
from glancetui.registry.sql.state import GLANCES_HEAD, HEAD, REVISIONS, Kind, State, look
from tests.registry.making import ACTOR, active, begun, made, new_job, seen
from tests.registry.places import Place


@contextmanager
def database(place: Place) -> Iterator[Database]:
    opened = schema.open_database(place.settings(), create=True)
    try:
        yield opened
    finally:
        opened.close()


def state(place: Place) -> State:
    with schema.looking(place.settings()) as db:
        return look(db)


def adopted(place: Place, *, force: bool = False) -> adopt.Adoption:
    with database(place) as opened:
        return adopt.adopt(opened, force=force)


def released(place: Place, *, force: bool = False) -> release.Release:
    with database(place) as opened:
        return release.release(opened, force=force)


def structure(place: Place) -> dict[str, object]:
    with place.connected() as db:
        look = sa.inspect(db)
        return {
            table: (
                sorted(str(column) for column in look.get_columns(table)),
                sorted(str(index) for index in look.get_indexes(table)),
            )
            for table in look.get_table_names()
            if table != "alembic_version"
        }


@pytest.fixture
def glances(bare_place: Place) -> Place:
    """A database as Glance has it, of each kind."""
    bare_place.open().close()
    released(bare_place)
    return bare_place


@pytest.fixture
def glances_sqlite(sqlite_place: Place) -> Place:
    released(sqlite_place)
    return sqlite_place


def test_a_refused_start_leaves_glances_sqlite_file_as_it_was(sqlite_place: Place) -> None:
    released(sqlite_place)
    schema.hand_back(sqlite_place.settings())
    file = Path(sqlite_place.url.removeprefix("sqlite:///"))
    before, beside = file.read_bytes(), sorted(file.parent.iterdir())
    assert before[18:20] == b"\1\1", "as Glance has it, not WAL"
    for upgrade in (True, False):
        with pytest.raises(ConfigError, match="glancetui db adopt"):
            sqlite_place.open(upgrade=upgrade)
    assert file.read_bytes() == before
    assert sorted(file.parent.iterdir()) == beside


def test_what_a_killed_glance_left_half_written_is_rolled_back_before_looking(sqlite_place: Place) -> None:
    released(sqlite_place)
    schema.hand_back(sqlite_place.settings())
    file = Path(sqlite_place.url.removeprefix("sqlite:///"))
    script = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA cache_size=1');"
        "db.execute('CREATE TABLE half (a)'); db.execute('BEGIN');"
        "db.executemany('INSERT INTO half VALUES (?)', [('x' * 9000,)] * 99); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(file)], check=False).returncode == 9
    assert file.with_name(file.name + "-journal").stat().st_size > 0
    with pytest.raises(ConfigError, match="glancetui db adopt"):
        sqlite_place.open()
    assert sqlite_place.rows("SELECT count(*) FROM half") == [(0,)]


def test_released_and_adopted_again_it_is_what_it_was(bare_place: Place) -> None:
    bare_place.open().close()
    before = structure(bare_place)
    released(bare_place)
    assert state(bare_place) == State(kind=Kind.GLANCE, glance=(GLANCES_HEAD,), tables=state(bare_place).tables)
    assert not [table for table in state(bare_place).tables if table.startswith("gt_")]
    adopted(bare_place)
    assert state(bare_place).kind is Kind.CURRENT
    assert structure(bare_place) == before


def test_a_plan_is_what_is_done_and_does_nothing(glances: Place) -> None:
    before = structure(glances)
    with schema.looking(glances.settings()) as db:
        planned = adopt.plan(db)
    assert structure(glances) == before
    assert adopted(glances).statements == planned.statements
    assert planned.statements[-1] == f"INSERT INTO gt_alembic_version (version_num) VALUES ('{HEAD}')"
    with schema.looking(glances.settings()) as db:
        planned_release = release.plan(db)
    assert state(glances).kind is Kind.CURRENT
    assert released(glances).statements == planned_release.statements


class CutShort(Exception):
    pass


@contextmanager
def dying_after(opened: Database, statements: int) -> Iterator[None]:
    """Of the statements that change the schema, the next one after so many is never sent."""
    left = [statements]

    def count(*arguments: object) -> None:
        if str(arguments[2]).lstrip().upper().startswith(("CREATE", "DROP")):
            if not left[0]:
                raise CutShort
            left[0] -= 1

    sa.event.listen(opened.engine, "before_cursor_execute", count)
    with pytest.raises(CutShort):
        yield
    sa.event.remove(opened.engine, "before_cursor_execute", count)


@pytest.mark.parametrize("statements", [2, 25])
def test_what_was_cut_short_is_undone_or_can_be_gone_on_with(glances: Place, statements: int) -> None:
    bare = structure(glances)
    with database(glances) as opened, dying_after(opened, statements):
        adopt.adopt(opened)
    assert state(glances).kind is (Kind.HALF_ADOPTED if glances.kind == "mariadb" else Kind.GLANCE)
    if glances.kind != "mariadb":
        assert structure(glances) == bare
    with pytest.raises(ConfigError, match="db adopt"):
        glances.open()
    adopted(glances)
    whole = structure(glances)
    with database(glances) as opened, dying_after(opened, statements):
        release.release(opened)
    assert state(glances).kind is (Kind.HALF_ADOPTED if glances.kind == "mariadb" else Kind.CURRENT)
    adopted(glances) if glances.kind == "mariadb" else None
    assert structure(glances) == whole
    released(glances)
    assert structure(glances) == bare


def test_an_upgrade_that_was_cut_short_is_gone_on_with(bare_place: Place) -> None:
    with database(bare_place) as opened, dying_after(opened, 9):
        schema.migrate(opened)
    assert state(bare_place).kind is (Kind.HALF_MADE if bare_place.kind == "mariadb" else Kind.EMPTY)
    with pytest.raises(ConfigError, match="db upgrade"):
        adopted(bare_place)
    with pytest.raises(ConfigError, match="Run `glancetui db upgrade`"):
        bare_place.open(upgrade=False)
    bare_place.open().close()
    assert state(bare_place).kind is Kind.CURRENT


def test_a_half_adopted_database_can_be_released(glances: Place) -> None:
    bare = structure(glances)
    with glances.connected() as db:
        db.execute(sa.text("CREATE TABLE gt_images (image_id VARCHAR(36) NOT NULL PRIMARY KEY)"))
    assert state(glances).kind is Kind.HALF_ADOPTED
    released(glances)
    assert structure(glances) == bare


@pytest.mark.parametrize(
    ("revisions", "says"),
    [
        (["2024_1_expand01"], "glance-manage db contract"),
        (["2024_1_expand01", "2023_1_contract01"], "glance-manage db contract"),
        (["2023_1_contract01"], "older release"),
        (["rocky_contract02"], "older release"),
        (["2027_1_contract01"], "does not know"),
        (["12'; DROP TABLE images"], "does not know"),
    ],
)
def test_an_unknown_or_unfinished_schema_is_refused_with_what_to_do(
    glances_sqlite: Place, revisions: list[str], says: str
) -> None:
    with glances_sqlite.connected() as db:
        db.execute(sa.text("DELETE FROM alembic_version"))
        for revision in revisions:
            db.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    before = structure(glances_sqlite)
    for force in (False, True):
        with pytest.raises(ConfigError, match=says):
            adopted(glances_sqlite, force=force)
    assert structure(glances_sqlite) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("DROP TABLE task_info", "lacks Glance's table task_info"),
        ("ALTER TABLE tasks DROP COLUMN user_id", "lacks user_id"),
        ("CREATE TABLE t AS SELECT 1 AS a; DROP TABLE image_tags; ALTER TABLE t RENAME TO image_tags", "lacks"),
        (
            "DROP TABLE task_info; CREATE TABLE task_info (task_id, input, result, message, a INT NOT NULL)",
            "column a ",
        ),
    ],
)
def test_tables_that_are_not_glances_are_refused(glances_sqlite: Place, change: str, says: str) -> None:
    with glances_sqlite.connected() as db:
        db.execute(sa.text("DROP INDEX IF EXISTS ix_tasks_image_id"))
        for statement in change.split(";"):
            db.execute(sa.text(statement))
    with pytest.raises(ConfigError, match=says):
        adopted(glances_sqlite)


@pytest.mark.parametrize("status", ["saving", "uploading", "importing"])
def test_images_that_glance_may_still_be_writing_need_force(sqlite_place: Place, status: str) -> None:
    registry = sqlite_place.open()
    image = made(registry)
    registry.close()
    set_status(sqlite_place, image.id, status, utc_now())
    released(sqlite_place)
    with pytest.raises(ConfigError, match=f"{image.id} .{status}.*--force"):
        adopted(sqlite_place)
    assert state(sqlite_place).kind is Kind.GLANCE
    assert adopted(sqlite_place, force=True).in_flight[0].image_id == image.id


def test_what_glance_left_long_ago_is_told_and_adopted(sqlite_place: Place) -> None:
    registry = sqlite_place.open()
    image = made(registry)
    registry.close()
    set_status(sqlite_place, image.id, "saving", utc_now() - timedelta(hours=2))
    released(sqlite_place)
    assert [each.image_id for each in adopted(sqlite_place).in_flight] == [image.id]


def test_a_copy_under_way_needs_force(sqlite_place: Place) -> None:
    registry = sqlite_place.open()
    image = active(registry)
    registry.close()
    with sqlite_place.connected() as db:
        db.execute(
            sa.text(
                "INSERT INTO tasks (id, type, status, owner, created_at, deleted, image_id) "
                "VALUES ('t', 'api_image_import', 'processing', 'p', :now, 0, :image)"
            ),
            {"now": utc_now().isoformat(" "), "image": image.id},
        )
    released(sqlite_place)
    with pytest.raises(ConfigError, match="a task is processing"):
        adopted(sqlite_place)


def set_status(place: Place, image_id: str, status: str, at: object) -> None:
    place.rows(
        "UPDATE images SET status = :status, updated_at = :at WHERE id = :id", status=status, at=f"{at}", id=image_id
    )


def test_release_waits_for_work_that_only_our_tables_speak_of(place: Place) -> None:
    registry = place.open()
    image = active(registry)
    registry.delete_image(seen(image), ACTOR)
    begun(registry, made(registry))
    registry.begin_import(seen(made(registry)), new_job(), ACTOR)
    registry.acquire_lease("recovery", "worker-7", 60)
    with pytest.raises(ConfigError, match=r"worker-7.*Stop every"):
        released(place)
    registry.release_lease("recovery", "worker-7")
    registry.close()
    with pytest.raises(ConfigError, match="1 uploads to undo, 1 imports to end, 1 objects"):
        released(place)
    assert state(place).kind is Kind.CURRENT
    if place.kind == "sqlite":  # the other kinds' databases are shared by tests
        assert (released(place, force=True).uploads, released_kind(place)) == (1, Kind.GLANCE)


def released_kind(place: Place) -> Kind:
    return state(place).kind


def test_each_kind_of_database_is_named(sqlite_place: Place, tmp_path: Path) -> None:
    assert str(state(sqlite_place)) == f"{HEAD}, current"
    sqlite_place.rows("UPDATE gt_alembic_version SET version_num = :older", older=REVISIONS[0])
    assert str(state(sqlite_place)) == f"{REVISIONS[0]}, older than this program's ({HEAD})"
    sqlite_place.rows("UPDATE gt_alembic_version SET version_num = '9999'")
    assert str(state(sqlite_place)) == f"9999, newer than this program's ({HEAD})"
    sqlite_place.rows("DELETE FROM gt_alembic_version")
    sqlite_place.rows("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    sqlite_place.rows("INSERT INTO alembic_version VALUES ('2024_1_contract01')")
    assert "cut short, schema revision 2024_1_contract01" in str(state(sqlite_place))
    other = Place(kind="sqlite", url=f"sqlite:///{tmp_path}/other.sqlite")
    (tmp_path / "other.sqlite").touch()
    assert str(state(other)) == "empty"
    other.rows("CREATE TABLE recipes (id INTEGER)")
    assert str(state(other)) == "another program's: it holds recipes"
    for refused in ("adopt", "upgrade"):
        with pytest.raises(ConfigError, match="another program's"):
            adopted(other) if refused == "adopt" else other.open()


def test_looking_leaves_glances_file_as_it_is(glances_sqlite: Place, tmp_path: Path) -> None:
    with database(glances_sqlite):
        pass
    schema.hand_back(glances_sqlite.settings())
    file = tmp_path / "glance.sqlite"
    before = file.read_bytes()
    with schema.looking(glances_sqlite.settings()) as db:
        adopt.plan(db)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["glance.sqlite"]


def test_a_service_adopts_at_start_only_where_it_may(glances: Place) -> None:
    with pytest.raises(ConfigError, match="Stop Glance, make a copy, then run `glancetui db adopt`"):
        glances.open()
    may = glances.settings()
    opened: SqlRegistry = open_registry(type(may)(connection=may.connection, adopt=True), "n")
    made(opened)
    opened.close()
    assert state(glances).kind is Kind.CURRENT


def test_adopting_a_small_database_is_quick(glances_sqlite: Place) -> None:
    with database(glances_sqlite) as opened:
        began = time.process_time()
        adopt.adopt(opened)
        assert time.process_time() - began < 0.6  # seconds of CPU; 0.1 to 0.2 on a machine that is not busy
