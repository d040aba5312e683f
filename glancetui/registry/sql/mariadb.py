"""What is MariaDB's and MySQL's alone. The driver is PyMySQL, imported when a connection is opened."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from glancetui.errors import BadRequest, Duplicate, GlancetuiError, RegistryUnavailable
from glancetui.registry.sql.dialect import Lost, Undone
from glancetui.registry.sql.expressions import Columns, Conditions, walk_index
from glancetui.registry.sql.servers import ServerDialect

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: What is asked of each image by a subquery is asked of few: answering it for all images beforehand, or from several
#: indexes at once, is never better.
_SWITCHES = "index_merge=off,semijoin=off,materialization=off"

_LOST = frozenset({1053, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2014, 2045, 2055, 4031})
_UNDONE = frozenset({1205, 1213, 1020, 3572})  # lock wait, deadlock (also of Galera, at COMMIT), snapshot, NOWAIT
_FULL = frozenset({1021, 1026, 1114, 1041, 1037})
_READ_ONLY = frozenset({1036, 1290, 1792, 1836})
_DENIED = frozenset({1044, 1045, 1142, 1227, 1698})
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_CROWDED = frozenset({1040, 1203, 1226})  # of the server's connections, of the user's
_NO_DATABASE = 1049
_DUPLICATE = frozenset({1062, 1586})
_UNHOLDABLE = frozenset({1264, 1267, 1292, 1300, 1366, 1406, 3854, 3988})  # characters, numbers, lengths


class MariaDb(ServerDialect):
    """InnoDB at READ COMMITTED: a statement sees what was committed before it, and writers lock the rows they read."""

    kind = "mariadb"
    drivername = "mysql+pymysql"
    port = 3306
    in_pieces = True  # each aggregate in a subquery costs as much as the whole of the image's row
    locks_joins = True

    def open_engine(self) -> sa.Engine:
        # Glance's URLs say charset=utf8; with it the driver would send four-byte characters that the server cuts off.
        url = self._url.update_query_dict({"charset": "utf8mb4"})
        return self.pooled(self._on_connect, url=url, connect_args={"connect_timeout": 10})

    def _on_connect(self, connection: Connection[Any]) -> None:
        wait = max(1, round(self.settings.busy_seconds))
        sync_wait = self.settings.mysql_wsrep_sync_wait
        settings = [
            f"SESSION sql_mode = '{_sql_mode(self.settings.mysql_sql_mode)}'",
            "SESSION time_zone = '+00:00'",
            "SESSION group_concat_max_len = 1073741824",  # otherwise documents are cut off, without an error
            f"SESSION innodb_lock_wait_timeout = {wait}",
            f"SESSION optimizer_switch = IF(VERSION() LIKE '%MariaDB%', '{_SWITCHES},exists_to_in=off', '{_SWITCHES}')",
        ]
        if sync_wait is not None:
            settings.append(f"SESSION wsrep_sync_wait = {sync_wait}")
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute(f"SET {', '.join(settings)}")

    def rows(self, db: sa.Connection, statement: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        with _driver(db).cursor() as cursor:
            cursor.execute(statement, [_comparable(value) if isinstance(value, str) else value for value in values])
            found: Sequence[Sequence[Any]] = cursor.fetchall()  # Any: as the columns are
        return found

    def affect(self, db: sa.Connection, statement: str, values: Sequence[object]) -> int:
        with _driver(db).cursor() as cursor:
            return int(cursor.execute(statement, values))

    def run(self, db: sa.Connection, statement: str) -> None:
        _driver(db).query(statement)

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]:
        import pymysql  # only where it is used

        return (pymysql.MySQLError,)

    @property
    def clashes(self) -> tuple[type[Exception], ...]:
        import pymysql

        return (pymysql.IntegrityError,)

    def meaning(self, error: Exception) -> GlancetuiError | None:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        text = str(error.args[1]) if len(error.args) > 1 else str(error)
        if number in _LOST or (number == 0 and type(error).__name__ == "InterfaceError"):
            return Lost("The connection to the database was lost. Try again.")
        if number in _CROWDED or f"[Errno {errno.EAGAIN}]" in text:
            return Undone(
                f"The database {self.name} takes no more connections now: {text}. Raise its max_connections or lower "
                "[database] max_pool_size and max_overflow."
            )
        if number in _UNDONE:
            return Undone("The database rolled the change back in favour of another. Try again.")
        if number in _DUPLICATE:
            return Duplicate(f"The database takes two names for the same one: {text}.")
        if number in _UNHOLDABLE:
            return BadRequest(
                "The database cannot hold one of the values: it is too long or too large, or has characters beyond the "
                "Basic Multilingual Plane (such as emoji), which Glance's tables on MySQL have no room for."
            )
        return self._unavailable(number, text)

    def _unavailable(self, number: int, text: str) -> GlancetuiError | None:
        if number in {1064, 1054}:  # our own mistakes
            return None
        if number in _FULL:
            advice = "Its disk or table space is full: make room on the database server"
        elif number in _READ_ONLY:
            advice = "It is read-only: point [database] connection at the server that takes writes"
        elif number in _DENIED:
            advice = "Check the user and password in [database] connection, and the user's rights"
        elif number == _NO_DATABASE:
            advice = f"Create it first: CREATE DATABASE {self._url.database} CHARACTER SET utf8mb3"
        else:
            return RegistryUnavailable(f"The database {self.name} cannot be used now: {text}.")
        return RegistryUnavailable(f"The database {self.name} cannot be used now: {text}. {advice}.")

    @contextmanager
    def migrating(self, db: sa.Connection) -> Iterator[None]:
        # A lock of the session: DDL commits, and with that gives up all locks of the transaction.
        wait = max(60, round(self.settings.busy_seconds))
        name = f"glancetui.schema.{self._url.database}"[:64]
        if self.rows(db, "SELECT GET_LOCK(%s, %s)", (name, wait))[0][0] != 1:
            raise RegistryUnavailable(
                f"Another process has been changing the schema of {self.name} for {wait} seconds."
            )
        try:
            yield
        finally:
            self.rows(db, "SELECT RELEASE_LOCK(%s)", (name,))

    def damage(self, db: sa.Connection) -> list[str]:
        """The findings of CHECK TABLE, but for mere notes."""
        names = sa.inspect(db).get_table_names()
        if not names:
            return []
        quoted = ", ".join(f"`{name}`" for name in names)
        found = db.exec_driver_sql(f"CHECK TABLE {quoted}").fetchall()
        return [f"{row[0]}: {row[3]}" for row in found if row[2] in {"error", "warning"} or row[3] == "Corrupt"]

    def stored(self, at: datetime) -> datetime:
        return at.replace(microsecond=0)  # Glance's DATETIME has whole seconds

    def found_by_id(
        self, keys: sa.Select[Any], table: sa.Table, ids: sa.Select[Any], conditions: Conditions
    ) -> sa.Select[Any]:
        few = ids.correlate(None).distinct().subquery("few")
        found = keys.prefix_with("STRAIGHT_JOIN", dialect="mysql").select_from(few.join(table, table.c.id == few.c[0]))
        return walk_index(found.where(*conditions), table, "PRIMARY")


def _comparable(text: str) -> str:
    """Text to compare with three-byte columns: MySQL refuses characters that they cannot hold; these equal nothing."""
    return text if text.isascii() else _BEYOND.sub("\uffff", text)


def _sql_mode(asked: str) -> str:
    """Strict whatever was asked, or text that does not fit would be cut off without an error."""
    words = [word.strip().upper() for word in asked.split(",") if word.strip().replace("_", "").isalnum()]
    return ",".join(dict.fromkeys([*words, "STRICT_ALL_TABLES"]))


def _driver(db: sa.Connection) -> Connection[Any]:
    connection: Any = db.connection.driver_connection  # Any: SQLAlchemy does not know whose
    return cast("Connection[Any]", connection)


# -- JSON --------------------------------------------------------------------------------------------------------------


class MariaJson:
    """Implements `expressions.Json` by CONCAT: what nested JSON functions give differs between MariaDB and MySQL."""

    def object(self, **members: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        parts: list[sa.ColumnElement[Any]] = []
        for number, (name, value) in enumerate(members.items()):
            parts += [_text(f'{"," if number else "{"}"{name}":'), _value(value)]
        return _json(sa.func.concat(*parts, _text("}")))

    def row(self, **members: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
        """As `object`, of columns alone, in which the databases agree: parsing and preparing it costs a third."""
        named = [part for name, value in members.items() for part in (_text(name), value)]
        return sa.func.json_object(*named, type_=sa.String())

    def map_of(
        self, name: sa.ColumnElement[Any], value: sa.ColumnElement[Any], where: Conditions, of: sa.Table
    ) -> sa.ColumnElement[Any]:
        each = _Aggregate(self.member(name, value), name)
        return _listed("{", _by_image(sa.select(each), name).where(*where).correlate(of), "}")

    def member(self, name: sa.ColumnElement[Any], value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.concat(sa.func.json_quote(name), _text(":"), _value(value))

    def text(self, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return _value(value)

    def set_of(self, value: sa.ColumnElement[Any], where: Conditions, of: sa.Table) -> sa.ColumnElement[Any]:
        quoted = sa.func.json_quote(value).collate("utf8mb4_bin").distinct()
        each = _Aggregate(quoted, sa.cast(value, sa.LargeBinary))  # bytes of UTF-8 sort as code points do
        return _listed("[", _by_image(sa.select(each), value).where(*where).correlate(of), "]")

    def array_of(
        self,
        columns: Sequence[str],
        table: sa.Table,
        where: Conditions,
        of: sa.Table,
        entry: Callable[[Columns], sa.ColumnElement[Any]],
    ) -> sa.ColumnElement[Any]:
        each = _Aggregate(entry(table.c), table.c[columns[0]])
        return _listed("[", _by_image(sa.select(each), table.c[columns[0]]).where(*where).correlate(of), "]")

    def embedded(self, text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return _json(sa.case((sa.func.json_valid(text) == 1, text), else_=_text("{}")))


def _by_image(rows: sa.Select[Any], column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Read the rows by Glance's index on their image, not by that on `deleted`."""
    table = cast("sa.Column[Any]", column).table
    return walk_index(rows, table, f"ix_{table.name}_image_id")


def _text(text: str) -> sa.ColumnElement[str]:
    return sa.literal_column(f"'{text}'", sa.String)


def _json(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.type_coerce(value, sa.JSON())


def _value(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A value as JSON text; MySQL's booleans are numbers."""
    if isinstance(value.type, sa.JSON):
        return value
    if isinstance(value.type, sa.String):
        return sa.func.coalesce(sa.func.json_quote(value), _text("null"))
    if isinstance(value.type, sa.DateTime):
        return sa.func.coalesce(sa.func.concat(_text('"'), value, _text('"')), _text("null"))
    return sa.func.coalesce(value, _text("null"))


class _Aggregate(FunctionElement[str]):
    """GROUP_CONCAT of the first clause in the order of the second, with commas."""

    inherit_cache = True


@compiles(_Aggregate)
def _group_concat(element: _Aggregate, compiler: SQLCompiler, **options: Any) -> str:
    value, order = (compiler.process(clause, **options) for clause in element.clauses)
    return f"GROUP_CONCAT({value} ORDER BY {order} SEPARATOR ',')"


def _listed(opening: str, rows: sa.Select[Any], closing: str) -> sa.ColumnElement[Any]:
    found = sa.func.coalesce(rows.scalar_subquery(), _text(""))
    return _json(sa.func.concat(_text(opening), found, _text(closing)))
