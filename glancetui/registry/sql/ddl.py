"""What adopting and releasing share: the tables of versions, which indexes are ours, statements run or only told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlalchemy as sa

from glancetui.registry.sql.state import GLANCES_VERSION_TABLE, VERSION_TABLE
from glancetui.registry.sql.tables import OURS, metadata


def _versions(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True, nullable=False))


VERSIONS = _versions(VERSION_TABLE)
GLANCES_VERSIONS = _versions(GLANCES_VERSION_TABLE)

_NOTHING = sa.text("SELECT 1")


def told(db: sa.Connection, change: Callable[[], None], *, run: bool) -> tuple[str, ...]:
    """The statements by which `change` changes the database, in order; without `run` none of them reaches it."""
    statements: list[str] = []

    def before_execute(
        _: object, element: object, multi: object, single: object, __: object
    ) -> tuple[object, object, object]:
        if not isinstance(element, _STATEMENTS) or not _changes(element):
            return element, multi, single
        statements.append(" ".join(str(element.compile(dialect=db.dialect)).split()))
        return (element, multi, single) if run else (_NOTHING, [], {})

    sa.event.listen(db, "before_execute", before_execute, retval=True)
    try:
        change()
    finally:
        sa.event.remove(db, "before_execute", before_execute)
    return tuple(statements)


_STATEMENTS = (sa.TextClause, sa.schema.ExecutableDDLElement, sa.UpdateBase)


def _changes(statement: object) -> bool:
    if isinstance(statement, sa.TextClause):
        return not statement.text.lstrip().upper().startswith(("SELECT", "SHOW"))
    return True


def set_version(db: sa.Connection, table: sa.Table, version: str) -> None:
    """Make the table of versions where it is not there, with `version` in it."""
    if not sa.inspect(db).has_table(table.name):
        db.execute(sa.schema.CreateTable(table))
    # A literal, so that it shows; inline, or SQLAlchemy would have the row returned.
    db.execute(sa.insert(table).values(version_num=sa.literal_column(f"'{version}'")).inline())


def indexes_of_ours(db: sa.Connection) -> Iterator[tuple[str, str]]:
    """(table, index) of each index that we have on a table of Glance's."""
    names = [name for name in metadata.tables if name not in OURS]
    for (_, table), found in sorted(sa.inspect(db).get_multi_indexes(filter_names=names).items(), key=_table):
        yield from ((table, name) for each in found if (name := str(each["name"])).startswith("gt_"))


def _table(item: tuple[tuple[str | None, str], object]) -> str:
    return item[0][1]


def drop_index(db: sa.Connection, table: str, name: str) -> None:
    holder = sa.Table(table, sa.MetaData(), sa.Column("id", sa.Integer))
    db.execute(sa.schema.DropIndex(sa.Index(name, holder.c.id)))


def drop_table(db: sa.Connection, name: str) -> None:
    db.execute(sa.schema.DropTable(sa.Table(name, sa.MetaData())))
