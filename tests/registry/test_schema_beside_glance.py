"""Our migrations beside `glance-manage db_sync`: what we make is what Glance makes, on each database."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.backends.peer import PeerUnavailable, peer_venv
from tests.registry.places import Kept, Place


def glance_synced(place: Place, folder: Path) -> None:
    """Let the real Glance make its schema."""
    try:
        manage = peer_venv() / "bin/glance-manage"
    except PeerUnavailable as reason:
        pytest.skip(str(reason))
    conf = folder / "glance-api.conf"
    conf.write_text(f"[database]\nconnection = {place.url}\n")
    words = [str(manage), "--config-file", str(conf), "db_sync"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]


def schema_of(place: Place) -> dict[str, dict[str, Any]]:
    """All that can be reflected of Glance's tables."""
    with place.connected() as db:
        look = sa.inspect(db)
        tables = [name for name in look.get_table_names() if name != "alembic_version" and not name.startswith("gt_")]
        return {table: table_of(look, table) for table in tables}


def table_of(look: sa.Inspector, table: str) -> dict[str, Any]:
    options = look.get_table_options(table)
    return {
        "columns": [
            (each["name"], str(each["type"]), getattr(each["type"], "enums", None), each["nullable"], each["default"])
            for each in look.get_columns(table)
        ],
        "primary key": look.get_pk_constraint(table)["constrained_columns"],
        "indexes": sorted(
            (each["name"], tuple(each["column_names"]), bool(each["unique"]))
            for each in look.get_indexes(table)
            if not str(each["name"]).startswith("gt_")
        ),
        "unique": sorted((each["name"], tuple(each["column_names"])) for each in look.get_unique_constraints(table)),
        "foreign keys": sorted(
            (tuple(each["constrained_columns"]), each["referred_table"], tuple(each["referred_columns"]))
            for each in look.get_foreign_keys(table)
        ),
        "options": {name: value for name, value in options.items() if "auto_increment" not in name},
    }


def test_glances_tables_are_as_glance_makes_them(
    place: Place, kept: Kept, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("glance")
    for theirs in kept.bare(place.kind, folder):
        glance_synced(theirs, folder)
        wanted = schema_of(theirs)
    made = schema_of(place)
    assert len(wanted) == 15
    assert set(made) == set(wanted)
    for table, parts in wanted.items():
        assert sorted(made[table].pop("columns")) == sorted(parts.pop("columns")), table
        assert made[table] == parts, table
