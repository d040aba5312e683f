"""What adopting and releasing share: the tables of versions, which indexes are ours, statements as text."""

from __future__ import annotations

import sqlalchemy as sa

from glancetui.registry.sql.state import GLANCES_VERSION_TABLE, VERSION_TABLE
from glancetui.registry.sql.tables import OURS, metadata


def _versions(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True, nullable=False))


VERSIONS = _versions(VERSION_TABLE)
GLANCES_VERSIONS = _versions(GLANCES_VERSION_TABLE)

Step = sa.schema.ExecutableDDLElement | sa.sql.expression.Insert


def version_is(table: sa.Table, version: str) -> Step:
    return sa.insert(table).values(version_num=sa.literal_column(f"'{version}'")).inline()  # no RETURNING


def indexes_of_ours(db: sa.Connection) -> dict[str, set[str]]:
    """Table → names of the indexes that we have on it: all on our own tables, those of our prefix on Glance's."""
    found = sa.inspect(db).get_multi_indexes(filter_names=list(metadata.tables))
    names = {table: {str(index["name"]) for index in listed} for (_, table), listed in found.items()}
    return {
        table: {name for name in present if table in OURS or name.startswith("gt_")} for table, present in names.items()
    }


def drop_index(name: str, table: str) -> Step:
    return sa.schema.DropIndex(sa.Index(name, sa.Table(table, sa.MetaData(), sa.Column("id", sa.Integer)).c.id))


def drop_table(name: str) -> Step:
    return sa.schema.DropTable(sa.Table(name, sa.MetaData()))


def text_of(step: Step, dialect: sa.engine.Dialect) -> str:
    """On one line."""
    return " ".join(str(step.compile(dialect=dialect)).split())
