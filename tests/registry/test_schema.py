from __future__ import annotations

import contextlib
import itertools
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError, RegistryUnavailable
from glancetui.registry.sql import SqlRegistry, open_registry, schema
from glancetui.registry.sql.tables import ONLY, metadata
from tests.registry.making import ADMIN, made, settings
from tests.registry.places import Place

SOFT = "created_at DATETIME, updated_at DATETIME?, deleted_at DATETIME?, deleted BOOLEAN"
GLANCE = {
    "cached_images": "id INTEGER, image_id VARCHAR(36), last_accessed DATETIME, last_modified DATETIME, size BIGINT, "
    "hits INTEGER, checksum VARCHAR(32)?, node_reference_id INTEGER",
    "image_locations": f"id INTEGER, image_id VARCHAR(36), value TEXT, {SOFT}, meta_data TEXT?, "
    "status VARCHAR(30)='active'",
    "image_members": f"id INTEGER, image_id VARCHAR(36), member VARCHAR(255), can_share BOOLEAN, {SOFT}, "
    "status VARCHAR(20)='pending'",
    "image_properties": f"id INTEGER, image_id VARCHAR(36), name VARCHAR(255), value TEXT?, {SOFT}",
    "image_tags": f"id INTEGER, image_id VARCHAR(36), value VARCHAR(255), {SOFT}",
    "images": f"id VARCHAR(36), name VARCHAR(255)?, size INTEGER?, status VARCHAR(30), {SOFT}, "
    "disk_format VARCHAR(20)?, container_format VARCHAR(20)?, checksum VARCHAR(32)?, owner VARCHAR(255)?, "
    "min_disk INTEGER, min_ram INTEGER, protected BOOLEAN=0, virtual_size INTEGER?, visibility VARCHAR(9)='shared', "
    "os_hidden BOOLEAN=0, os_hash_algo VARCHAR(64)?, os_hash_value VARCHAR(128)?",
    "metadef_namespace_resource_types": "resource_type_id INTEGER, namespace_id INTEGER, "
    "properties_target VARCHAR(80)?, prefix VARCHAR(80)?, created_at DATETIME, updated_at DATETIME?",
    "metadef_namespaces": "id INTEGER, namespace VARCHAR(80), display_name VARCHAR(80)?, description TEXT?, "
    "visibility VARCHAR(32)?, protected BOOLEAN?, owner VARCHAR(255), created_at DATETIME, updated_at DATETIME?",
    "metadef_objects": "id INTEGER, namespace_id INTEGER, name VARCHAR(80), description TEXT?, required TEXT?, "
    "json_schema TEXT, created_at DATETIME, updated_at DATETIME?",
    "metadef_properties": "id INTEGER, namespace_id INTEGER, name VARCHAR(80), json_schema TEXT, "
    "created_at DATETIME, updated_at DATETIME?",
    "metadef_resource_types": "id INTEGER, name VARCHAR(80), protected BOOLEAN, created_at DATETIME, "
    "updated_at DATETIME?",
    "metadef_tags": "id INTEGER, namespace_id INTEGER, name VARCHAR(80), created_at DATETIME, updated_at DATETIME?",
    "node_reference": "node_reference_id INTEGER, node_reference_url VARCHAR(255)",
    "task_info": "task_id VARCHAR(36), input TEXT?, result TEXT?, message TEXT?",
    "tasks": f"id VARCHAR(36), type VARCHAR(30), status VARCHAR(30), owner VARCHAR(255), expires_at DATETIME?, {SOFT}, "
    "image_id VARCHAR(36)?, request_id VARCHAR(64)?, user_id VARCHAR(64)?",
}
INDEXES = {
    "image_locations": {"ix_image_locations_deleted", "ix_image_locations_image_id"},
    "image_members": {
        "ix_image_members_deleted",
        "ix_image_members_image_id",
        "ix_image_members_image_id_member",
        "image_members_image_id_member_deleted_at_key",
    },
    "image_properties": {
        "ix_image_properties_deleted",
        "ix_image_properties_image_id",
        "ix_image_properties_image_id_name",
    },
    "image_tags": {"ix_image_tags_image_id", "ix_image_tags_image_id_tag_value"},
    "images": {
        "checksum_image_idx",
        "created_at_image_idx",
        "ix_images_deleted",
        "os_hash_value_image_idx",
        "os_hidden_image_idx",
        "owner_image_idx",
        "updated_at_image_idx",
        "visibility_image_idx",
    },
    "tasks": {f"ix_tasks_{name}" for name in ("deleted", "image_id", "owner", "status", "type", "updated_at")},
}


def test_glances_tables_have_glances_columns_and_no_others(sqlite_registry: SqlRegistry, tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "glance.sqlite")
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {name for name in names if not name.startswith(("gt_", "sqlite_"))} == set(GLANCE)
    for table, wanted in GLANCE.items():
        columns = [
            f"{name} {kind}{'' if required else '?'}{'' if default is None else f'={default}'}"
            for _, name, kind, required, default, _ in db.execute(f"PRAGMA table_info({table})")
        ]
        assert ", ".join(columns) == wanted, table
    db.close()


def test_glances_indexes_are_there(sqlite_registry: SqlRegistry) -> None:
    look = sa.inspect(sqlite_registry._database.engine)
    for table, wanted in INDEXES.items():
        found = {each["name"] for each in look.get_indexes(table)}
        found |= {each["name"] for each in look.get_unique_constraints(table)}
        assert {name for name in found if name and not name.startswith("gt_")} == wanted


def differences(place: Place) -> list[Any]:
    """What the tables that the code speaks of have and the database has not, or the other way round."""
    with place.connected() as db:
        kind = db.dialect.name

        def belongs(item: Any, _name: str | None, type_: str, reflected: bool, _other: Any) -> bool:
            # PostgreSQL's indexes of ours say where nulls go and hold but the start of long texts: compared by name.
            by_name = kind == "postgresql" and type_ == "index" and str(item.name).startswith("gt_")
            return not by_name and (reflected or kind in item.info.get(ONLY, (kind,)))

        options = {"version_table": schema.VERSION_TABLE, "compare_type": True, "include_object": belongs}
        found = list(compare_metadata(MigrationContext.configure(db, opts=options), metadata))
        return found + sorted(indexes_of_ours(db) ^ indexes_spoken_of(kind))


def indexes_of_ours(db: sa.Connection) -> set[str]:
    look = sa.inspect(db)
    names = {str(each["name"]) for table in look.get_table_names() for each in look.get_indexes(table)}
    return {name for name in names if name.startswith("gt_ix_")}


def indexes_spoken_of(kind: str) -> set[str]:
    every = [index for table in metadata.tables.values() for index in table.indexes]
    wanted = {str(index.name) for index in every if kind in index.info.get(ONLY, (kind,))}
    return {name for name in wanted if name.startswith("gt_ix_")}


def test_the_migrations_make_the_tables_that_the_code_speaks_of(place: Place) -> None:
    assert differences(place) == []


def test_a_migration_that_died_half_way_is_taken_up_again(bare_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """MySQL commits with each statement that changes the schema."""
    create = op.create_index
    for step in (3, 40, 70):
        calls = itertools.count(1)

        def dying(*words: Any, step: int = step, calls: Iterator[int] = calls, **named: Any) -> None:
            if next(calls) == step:
                raise KeyboardInterrupt
            create(*words, **named)

        with monkeypatch.context() as patch:
            patch.setattr(op, "create_index", dying)
            with contextlib.suppress(KeyboardInterrupt):
                bare_place.open().close()
    bare_place.open().close()
    assert differences(bare_place) == []


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "glancetui.registry.sql:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(each.revision for each in scripts.walk_revisions())[::-1] == schema.REVISIONS


def upgrade(place: Place, version: str) -> None:
    database = schema.open_database(place.settings(), create=True)
    schema.migrate(database, version)
    database.close()


def test_each_older_version_is_upgraded_only_when_allowed(bare_place: Place) -> None:
    for older, newer in itertools.pairwise(schema.REVISIONS):
        upgrade(bare_place, older)
        with pytest.raises(ConfigError, match="db upgrade"):
            bare_place.open(upgrade=False)
        upgrade(bare_place, newer)
    opened = bare_place.open(upgrade=False)
    assert schema.version(opened._database) == schema.HEAD
    opened.close()
    assert differences(bare_place) == []


def test_a_current_database_opens_without_what_it_does_not_need(place: Place) -> None:
    others = {"sqlite": "pymysql psycopg", "mariadb": "psycopg", "postgresql": "pymysql"}[place.kind]
    program = (
        "import sys; from glancetui.config.settings import DatabaseSettings\n"
        "from glancetui.registry.sql import open_registry\n"
        "open_registry(DatabaseSettings(connection=sys.argv[1]), 'n').check()\n"
        "sys.exit(any(name in sys.modules for name in sys.argv[2:]))"
    )
    words = [sys.executable, "-c", program, place.url, "alembic", *others.split()]
    assert subprocess.run(words, check=False).returncode == 0


def test_processes_that_start_at_once_on_nothing_all_find_the_schema(bare_place: Place) -> None:
    program = (
        "import sys; from tests.registry.making import made; from tests.registry.places import Place\n"
        "made(Place(kind='', url=sys.argv[1]).open())"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, bare_place.url]) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    open_registry(settings(tmp_path), "n").close()
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_database_that_glance_made_is_refused_until_it_is_adopted(bare_place: Place) -> None:
    bare_place.rows("CREATE TABLE images (id VARCHAR(36) NOT NULL PRIMARY KEY)")
    bare_place.rows("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    bare_place.rows("INSERT INTO alembic_version VALUES ('2024_1_contract01')")
    with pytest.raises(ConfigError, match="glancetui db adopt"):
        bare_place.open()


def test_a_database_of_a_newer_program_is_refused(place: Place) -> None:
    place.rows("UPDATE gt_alembic_version SET version_num = '9999'")
    try:
        with pytest.raises(ConfigError, match="newer"):
            place.open()
    finally:
        place.rows("UPDATE gt_alembic_version SET version_num = :head", head=schema.HEAD)


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ("sqlite:////nowhere/at/all/glance.sqlite", "folder"),
        ("sqlite://", "names no file"),
        ("oracle://glance:secret@db/glance", "not supported"),
        ("mysql+pymysql://glance:secret@db", "names no database"),
        ("no url", "not a URL"),
    ],
)
def test_a_connection_that_cannot_be_used_is_a_plain_error_without_its_password(connection: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        open_registry(DatabaseSettings(connection=connection, upgrade=True), "n")
    assert "secret" not in str(caught.value)


def test_a_missing_or_empty_database_is_made_only_when_allowed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="db upgrade"):
        open_registry(settings(tmp_path, upgrade=False), "n")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "glance.sqlite").touch()
    with pytest.raises(ConfigError, match="db upgrade"):
        open_registry(settings(tmp_path, upgrade=False), "n")


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "glance.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(RegistryUnavailable, match="not a database"):
        open_registry(settings(tmp_path), "n")


def test_a_table_that_went_missing_is_unavailable(bare_place: Place) -> None:
    registry = bare_place.open()
    bare_place.rows("DROP TABLE gt_images")
    bare_place.rows("DROP TABLE gt_events")
    for look in (lambda: registry.image("x", ADMIN), lambda: registry.events_after(0, 1)):
        with pytest.raises(RegistryUnavailable):
            look()
    registry.close()


def test_a_whole_database_has_no_damage(place: Place, registry: SqlRegistry) -> None:
    made(registry)
    assert schema.damage(place.settings()) == []
