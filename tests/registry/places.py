"""Databases for the registry's tests: one of each kind, the same promises."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.registry.sql import SqlRegistry, open_registry, tables
from tests.backends import keeper, mariadb, postgresql

SERVERS: dict[str, ModuleType] = {"mariadb": mariadb, "postgresql": postgresql}
KINDS = ("sqlite", *SERVERS)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A database, and how tests look into it past the registry."""

    kind: str
    url: str

    def settings(self, *, upgrade: bool = True, busy: float = 20.0) -> DatabaseSettings:
        return DatabaseSettings(
            connection=self.url, upgrade=upgrade, busy_seconds=busy, max_pool_size=8, max_overflow=32
        )

    def open(self, node: str = "node-1", *, upgrade: bool = True, busy: float = 20.0) -> SqlRegistry:
        return open_registry(self.settings(upgrade=upgrade, busy=busy), node)

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """A transaction of another program."""
        engine = sa.create_engine(self.url)
        try:
            with engine.begin() as db:
                yield db
        finally:
            engine.dispose()

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        with self.connected() as db:
            found = db.execute(sa.text(statement), values)
            return [tuple(row) for row in found] if found.returns_rows else []


class Kept:
    """A place for each kind, with the schema made once and emptied for each test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, Place] = {}

    def bare(self, kind: str, folder: Path) -> Iterator[Place]:
        """A database without tables, only for one test."""
        if kind == "sqlite":
            yield Place(kind=kind, url=f"sqlite:///{folder}/glance.sqlite")
            return
        server, home = SERVERS[kind], started(kind)
        name = f"t{uuid.uuid4().hex[:12]}"
        url = server.create_database(home, name)
        try:
            yield Place(kind=kind, url=url)
        finally:
            server.drop_database(home, name)

    def empty(self, kind: str, folder: Path) -> Place:
        """A database with the schema and no rows."""
        kept = self._places.get(kind)
        if kept is None:
            kept = self._places[kind] = self._made(kind)
        elif kind != "sqlite":
            emptied(kept)
        if kind != "sqlite":
            return kept
        shutil.copy(self._folder / "glance.sqlite", folder)
        return Place(kind=kind, url=f"sqlite:///{folder}/glance.sqlite")

    def _made(self, kind: str) -> Place:
        if kind == "sqlite":
            place = Place(kind=kind, url=f"sqlite:///{self._folder}/glance.sqlite")
        else:
            url = SERVERS[kind].create_database(started(kind), f"k{uuid.uuid4().hex[:12]}")
            place = Place(kind=kind, url=url)
        place.open().close()
        return place


def started(kind: str) -> Path:
    """The server's folder; skips where it cannot be had."""
    try:
        return Path(SERVERS[kind].shared())
    except keeper.NotInstalled as reason:
        pytest.skip(str(reason))


_NOT_EMPTIED = frozenset({"gt_alembic_version", "gt_sequences"})


def emptied(place: Place) -> None:
    """No rows, but what a migration put there; much faster than truncating on servers."""
    with place.connected() as db:
        names = [table.name for table in reversed(tables.metadata.sorted_tables) if table.name not in _NOT_EMPTIED]
        if place.kind == "sqlite":
            names = [name for name in names if name != tables.gt_new_events.name]
        else:
            db.execute(sa.text("UPDATE gt_sequences SET last = 0"))
        probe = " UNION ALL ".join(f"SELECT '{name}', EXISTS (SELECT 1 FROM {name})" for name in names)
        used = {name for name, used in db.execute(sa.text(probe)) if used}
        for name in names:
            if name in used:
                db.execute(sa.text(f"DELETE FROM {name}"))
