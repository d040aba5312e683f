"""What a database is: empty, Glance's, ours in some version, or somebody else's. Looking changes nothing."""

from __future__ import annotations

import enum

import msgspec
import sqlalchemy as sa

from glancetui.registry.sql.tables import OURS

VERSION_TABLE = "gt_alembic_version"
#: The newest migration in `migrations/versions`, oldest first; a test holds them equal.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = REVISIONS[-1]

GLANCES_VERSION_TABLE = "alembic_version"
#: The schema revision of Glance 33 (and of 29 to 32), whose tables `tables` describes.
GLANCES_HEAD = "2024_1_contract01"


class Kind(enum.Enum):
    EMPTY = "empty"
    HALF_MADE = "half made: a migration was cut short"
    GLANCE = "Glance's, not adopted"
    HALF_ADOPTED = "Glance's, its adoption or release was cut short"
    CURRENT = "current"
    OLDER = "older than this program's"
    NEWER = "newer than this program's"
    FOREIGN = "another program's"


class State(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    version: str | None = None  # of ours
    glance: tuple[str, ...] = ()  # of Glance's; after a finished migration it has one
    tables: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """As one line for an operator."""
        match self.kind:
            case Kind.GLANCE | Kind.HALF_ADOPTED:
                return f"{self.kind.value}, schema revision {' and '.join(self.glance) or 'none'}"
            case Kind.OLDER | Kind.NEWER:
                return f"{self.version}, {self.kind.value} ({HEAD})"
            case Kind.CURRENT:
                return f"{self.version}, current"
            case Kind.FOREIGN:
                some = sorted(self.tables)
                return f"{self.kind.value}: it holds {', '.join(some[:5])}{' …' if len(some) > 5 else ''}"
            case _:
                return str(self.kind.value)


def look(db: sa.Connection) -> State:
    tables = frozenset(sa.inspect(db).get_table_names())
    version = _one(db, VERSION_TABLE) if VERSION_TABLE in tables else None
    glance = _all(db, GLANCES_VERSION_TABLE) if GLANCES_VERSION_TABLE in tables else ()
    return State(kind=_kind(tables, version, glance), version=version, glance=glance, tables=tables)


def _kind(tables: frozenset[str], version: str | None, glance: tuple[str, ...]) -> Kind:
    if version is not None:
        if version == HEAD:
            return Kind.CURRENT
        return Kind.OLDER if version in REVISIONS else Kind.NEWER
    if glance and "images" in tables:
        return Kind.HALF_ADOPTED if tables & OURS else Kind.GLANCE
    if not tables:
        return Kind.EMPTY
    # A migration makes this table first: where it is empty, one of ours died half-way and is to be taken up again.
    return Kind.HALF_MADE if VERSION_TABLE in tables else Kind.FOREIGN


def _one(db: sa.Connection, table: str) -> str | None:
    return next(iter(_all(db, table)), None)


def _all(db: sa.Connection, table: str) -> tuple[str, ...]:
    found = db.execute(sa.text(f"SELECT version_num FROM {table} ORDER BY version_num"))  # noqa: S608 - a constant
    return tuple(str(row[0]) for row in found)
