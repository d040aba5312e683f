"""What is PostgreSQL's alone. The driver is psycopg, imported when a connection is opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.util import ClauseAdapter

from glancetui.errors import BadRequest, ConfigError, Duplicate, GlancetuiError, RegistryUnavailable
from glancetui.registry.sql.dialect import Lost, Spelled, Undone
from glancetui.registry.sql.expressions import Columns, Conditions, in_order
from glancetui.registry.sql.servers import ServerDialect

if TYPE_CHECKING:
    from psycopg import Connection

#: Every statement of ours finds few rows by an index and looks others up by theirs. Without statistics, or with old
#: ones, the planner would choose otherwise, and it takes no hints. What it must not do it does where nothing else is
#: possible: sorting the few rows of a page, for instance.
_PLANS = (
    "enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_sort",
    "enable_incremental_sort", "jit",
)  # fmt: skip
_SCHEMA_LOCK = 0x676C616E63657475  # any number will do, if it is always the same

_UNDONE = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock wait
_ADVICE = {
    "53100": "Its disk is full: make room on the database server",
    "53200": "It is out of memory",
    "53300": "It has no connection left: raise its max_connections or lower [database] max_pool_size",
    "25006": "It is read-only: point [database] connection at the server that takes writes",
    "28P01": "Check the user and password in [database] connection",
    "28000": "Check the user in [database] connection, and pg_hba.conf on the server",
    "42501": "Give the user of [database] connection the rights to Glance's tables",
    "3D000": "Create the database first, with the encoding UTF8",
}
#: Refusals of a connection come without a code.
_REFUSED = (
    ("password authentication failed", "28P01"),
    ("no pg_hba.conf", "28000"),
    ("sorry, too many clients", "53300"),
    ("remaining connection slots", "53300"),
    ("too many connections for", "53300"),
    ("role ", "28000"),
    ("database ", "3D000"),
)


class PostgreSql(ServerDialect):
    """READ COMMITTED: a statement sees what was committed before it, and writers lock the rows they read."""

    kind = "postgresql"
    drivername = "postgresql+psycopg"
    port = 5432

    def open_engine(self) -> sa.Engine:
        arguments = {"connect_timeout": 10, "client_encoding": "utf8"}
        return self.pooled(self._on_connect, url=self._url, connect_args=arguments)

    def _on_connect(self, connection: Connection[Any]) -> None:
        wait = max(1, round(self.settings.busy_seconds * 1000))
        settings = [
            *(f"{name} = off" for name in _PLANS),
            "max_parallel_workers_per_gather = 0",
            # Which plan is right does not depend on the values here, and planning a page takes three times as long as
            # running it.
            "plan_cache_mode = force_generic_plan",
            "default_transaction_isolation = 'read committed'",
            "timezone = 'UTC'",
            f"lock_timeout = {wait}",
        ]
        connection.prepare_threshold = 1  # the second time that a connection runs it
        connection.execute(";".join(f"SET {setting}" for setting in settings), prepare=False)

    def rows(self, db: sa.Connection, statement: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        found: Sequence[Sequence[Any]] = _driver(db).execute(statement, values).fetchall()  # Any: as the columns are
        return found

    def affect(self, db: sa.Connection, statement: str, values: Sequence[object]) -> int:
        return _driver(db).execute(statement, values).rowcount

    def affect_all(self, db: sa.Connection, statements: Sequence[Spelled]) -> None:
        """All at once: half of what a small statement costs is its way there and back."""
        if not statements:
            return
        *before, (last, _) = statements
        parts = ", ".join([f"w{number} AS ({text})" for number, (text, _) in enumerate(before)])
        self.affect(
            db, f"WITH {parts} {last}" if parts else last, [each for _, values in statements for each in values]
        )

    def run(self, db: sa.Connection, statement: str) -> None:
        _driver(db).execute(statement, prepare=False)

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]:
        import psycopg  # only where it is used

        return (psycopg.Error,)

    @property
    def clashes(self) -> tuple[type[Exception], ...]:
        import psycopg

        return (psycopg.IntegrityError,)

    def meaning(self, error: Exception) -> GlancetuiError | None:
        state = getattr(error, "sqlstate", None)
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if state is None and "cannot contain NUL" in text:
            return BadRequest("The text contains a NUL character, which the database cannot hold.")
        if state is None:
            return self._without_state(error, text)
        if state in _UNDONE:
            return Undone("The database rolled the change back in favour of another. Try again.")
        if state[:2] == "08" or state in {"57P01", "57P02", "57P03", "57P05"}:
            return Lost("The connection to the database was lost. Try again.")
        if state == "23505":
            return Duplicate(f"The database takes two names for the same one: {text}.")
        if state[:2] == "22":
            return BadRequest("The database cannot hold one of the values: it is too long, too large, or not Unicode.")
        if state[:2] in {"42", "23"} and state not in {"42501", "42P01"}:
            return None  # our own mistakes
        return self._unavailable(text, state)

    def _unavailable(self, text: str, state: str | None) -> RegistryUnavailable:
        advice = _ADVICE.get(state or "")
        momentary = state == "53300" or os.strerror(errno.EAGAIN) in text  # a connection was refused: nothing was done
        return (Undone if momentary else RegistryUnavailable)(
            f"The database {self.name} cannot be used now: {text}." + (f" {advice}." if advice else "")
        )

    def _without_state(self, error: Exception, text: str) -> GlancetuiError | None:
        """The driver's own complaints: of the connection, mostly."""
        kind = type(error).__name__
        if kind == "ProgrammingError" and "connection option" in text:
            return ConfigError(f"[database] connection cannot be used: {text}.")
        if kind not in {"OperationalError", "InterfaceError", "ConnectionTimeout"}:
            return None
        if any(sign in text for sign in ("closed", "lost", "terminat", "consuming input", "broken")):
            return Lost("The connection to the database was lost. Try again.")
        return self._unavailable(text, next((state for sign, state in _REFUSED if f"FATAL:  {sign}" in text), None))

    @contextmanager
    def migrating(self, db: sa.Connection) -> Iterator[None]:
        self.rows(db, "SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        yield

    def damage(self, db: sa.Connection) -> list[str]:
        """Indexes that are not valid. Pages are checked by the server as they are read (data_checksums)."""
        found = db.exec_driver_sql("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid").fetchall()
        return [f"The index {row[0]} is not valid: REINDEX it." for row in found]

    def found_by_id(
        self, keys: sa.Select[Any], table: sa.Table, ids: sa.Select[Any], conditions: Conditions
    ) -> sa.Select[Any]:
        # OFFSET 0 keeps the planner from turning the order of the steps round, and from seeking a row by anything but
        # its id. The conditions speak of the table: they are turned to what was found of it.
        nothing: sa.ColumnElement[int] = sa.literal_column("0")
        alone = ids.correlate(None)
        if alone.get_final_froms() != [table]:  # rows of the table itself are different; told so, it might walk all ids
            alone = alone.distinct()
        few = alone.offset(nothing).subquery("few")
        found = sa.select(table).where(table.c.id == few.c[0]).offset(nothing).correlate(few).lateral("found_images")
        turned = ClauseAdapter(found)
        columns = [turned.traverse(column) for column in keys.selected_columns]
        rows = sa.select(*columns).select_from(few.join(found, sa.true()))
        return rows.where(*(turned.traverse(condition) for condition in conditions))

    def behind(
        self,
        found: sa.Select[Any],
        index: str,  # noqa: ARG002 - no hints here
        first: sa.Column[Any],
        column: sa.Column[Any],
        values: Sequence[sa.ColumnElement[Any]] = (),
    ) -> sa.Select[Any]:
        # An order that only this index has keeps the planner from Glance's index on the first column alone, where it
        # hopes to be done soon. Of what is fixed it would need no order: hence a range of one value.
        ordered = found.order_by(first, in_order(column, descending=False, nullable=bool(column.nullable)))
        if not values:
            return sa.select(ordered.subquery("one").c[0])
        asked = sa.values(sa.column("value", column.type), name="asked").data([(value,) for value in values])
        one = ordered.where(column >= asked.c.value, column <= asked.c.value).correlate(asked).lateral("one")
        return sa.select(one.c[0]).select_from(asked.join(one, sa.true()))


def _driver(db: sa.Connection) -> Connection[Any]:
    return cast("Connection[Any]", db.connection.driver_connection)


# -- JSON --------------------------------------------------------------------------------------------------------------

#: JSON objects of nothing but strings, without escapes: what location metadata are, nearly always.
_PLAIN_OBJECT = (
    r'^\{\s*("[^"\\\x01-\x1f]*":\s*"[^"\\\x01-\x1f]*"(,\s*"[^"\\\x01-\x1f]*":\s*"[^"\\\x01-\x1f]*")*)?\s*\}$'
)


class PostgresJson:
    """Implements `expressions.Json`."""

    def object(self, **members: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        parts = [part for name, value in members.items() for part in (sa.literal_column(f"'{name}'"), value)]
        return sa.func.json_build_object(*parts, type_=sa.JSON())

    def map_of(
        self, name: sa.ColumnElement[Any], value: sa.ColumnElement[Any], where: Conditions, of: sa.Table
    ) -> sa.ColumnElement[Any]:
        found = sa.select(sa.func.json_object_agg(name, value)).where(*where).correlate(of).scalar_subquery()
        return sa.func.coalesce(found, sa.literal_column("'{}'::json"))

    def set_of(self, value: sa.ColumnElement[Any], where: Conditions, of: sa.Table) -> sa.ColumnElement[Any]:
        exact = value.collate("C").label("value")
        values = sa.select(exact).where(*where).distinct().order_by(exact).correlate(of).subquery("rows")
        return _listed(values.c.value)

    def array_of(
        self,
        columns: Sequence[str],
        table: sa.Table,
        where: Conditions,
        of: sa.Table,
        entry: Callable[[Columns], sa.ColumnElement[Any]],
    ) -> sa.ColumnElement[Any]:
        rows = sa.select(*(table.c[name] for name in columns)).where(*where).correlate(of).subquery("rows")
        # Plus nothing, or the planner would walk the primary key of the whole table to save the sorting.
        in_order = _InOrder(entry(rows.c), rows.c[columns[0]] + sa.literal_column("0"))
        return _listed(in_order)

    def embedded(self, text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # No version before 16 can tell without an error whether text is JSON: what is not plain is left to Python.
        plain = text.op("~")(sa.literal_column("'" + _PLAIN_OBJECT + "'"))
        return sa.case((plain, sa.cast(text, sa.JSON())), else_=sa.func.to_json(text))


class _InOrder(FunctionElement[Any]):
    """An argument of an aggregate, and what the aggregate sorts by."""

    inherit_cache = True


@compiles(_InOrder)
def _ordered(element: _InOrder, compiler: SQLCompiler, **options: Any) -> str:
    value, order = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{value} ORDER BY {order}"


def _listed(each: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.select(sa.func.json_agg(each)).scalar_subquery(), sa.literal_column("'[]'::json"))
