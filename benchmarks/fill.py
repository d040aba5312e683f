"""Puts a population into a database: rows first, indexes after, by the fastest way that each kind of database has."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import sqlalchemy as sa

from benchmarks.population import COLUMNS, Row, tables
from benchmarks.seed import analyze
from glancetui.config.settings import DatabaseSettings
from glancetui.registry.sql import adopt, open_registry, release, schema


def fill(url: str, count: int) -> None:
    """The database of `url`, which is empty or not there, gets our schema and `count` images."""
    settings = DatabaseSettings(connection=url, upgrade=True)
    open_registry(settings, "benchmark").close()
    if url.startswith("sqlite"):
        fill_sqlite(Path(url.removeprefix("sqlite:///")), count)
        return
    database = schema.open_database(settings, create=False)
    release.release(database)  # our indexes are built in one go afterwards, as for a database of Glance's
    engine = sa.create_engine(url, connect_args={"local_infile": True} if url.startswith("mysql") else {})
    put_rows, indexes = (load, of_mariadb) if url.startswith("mysql") else (copy, of_postgresql)
    with engine.begin() as db:
        later = [each for table in COLUMNS for each in indexes(db, table)]
        for each in later:
            db.exec_driver_sql(each.drop)
        for table, rows in tables(count):
            put_rows(db, table, rows)
        for each in reversed(later):
            db.exec_driver_sql(each.add)
    adopt.adopt(database)
    database.close()
    with engine.begin() as db:
        analyze(db)
    engine.dispose()


def fill_sqlite(path: Path, count: int) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=OFF")  # a run cut off starts anew
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-400000")
    indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    for table, rows in tables(count):
        marks = ", ".join("?" * len(COLUMNS[table]))
        db.executemany(f"INSERT INTO {table} ({', '.join(COLUMNS[table])}) VALUES ({marks})", rows)
    for _, sql in indexes:
        db.execute(sql)
    db.commit()
    db.close()


class Later(NamedTuple):
    """What hangs on a table of Glance's and is made anew when its rows are there, in one go and sorted."""

    drop: str
    add: str


def of_mariadb(db: sa.Connection, table: str) -> list[Later]:
    """One for all indexes of the table, since each change of it copies it; foreign keys need one, so they go first."""
    lines = db.exec_driver_sql(f"SHOW CREATE TABLE {table}").fetchall()[0][1].splitlines()
    parts = [line.strip().rstrip(",") for line in lines]
    foreign = [part for part in parts if part.startswith("CONSTRAINT ") and " FOREIGN KEY " in part]
    keys = [part for part in parts if part.startswith(("KEY ", "UNIQUE KEY "))]
    names = [part.partition("KEY ")[2].split()[0] for part in keys]
    dropped = [f"DROP FOREIGN KEY {part.split()[1]}" for part in foreign] + [f"DROP KEY {name}" for name in names]
    added = ", ".join(f"ADD {part}" for part in (*keys, *foreign))
    return [Later(f"ALTER TABLE {table} {', '.join(dropped)}", f"ALTER TABLE {table} {added}")]


def of_postgresql(db: sa.Connection, table: str) -> list[Later]:
    constraints = db.exec_driver_sql(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE conrelid = '{table}'::regclass AND contype IN ('u', 'f') ORDER BY contype"
    ).fetchall()
    indexes = db.exec_driver_sql(
        "SELECT indexname, indexdef FROM pg_indexes "
        f"WHERE tablename = '{table}' AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    ).fetchall()
    alter = f"ALTER TABLE {table}"
    found = [
        Later(f"{alter} DROP CONSTRAINT {name}", f"{alter} ADD CONSTRAINT {name} {what}") for name, what in constraints
    ]
    return found + [Later(f"DROP INDEX {name}", what) for name, what in indexes]


def copy(db: sa.Connection, table: str, rows: Iterator[Row]) -> None:
    """PostgreSQL."""
    driver: Any = db.connection.driver_connection  # Any: psycopg's
    statement = f"COPY {table} ({', '.join(COLUMNS[table])}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(statement) as sink:
        for row in rows:
            sink.write(line(row))


def load(db: sa.Connection, table: str, rows: Iterator[Row]) -> None:
    """MariaDB, MySQL. The file is read by this process, not by the server."""
    driver: Any = db.connection.driver_connection  # Any: PyMySQL's
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file, driver.cursor() as cursor:
        write(file, rows)
        cursor.execute("SET unique_checks = 0, foreign_key_checks = 0")
        into = f"INTO TABLE {table} CHARACTER SET utf8mb4 ({', '.join(COLUMNS[table])})"
        cursor.execute(f"LOAD DATA LOCAL INFILE '{file.name}' {into}")


def write(file: IO[str], rows: Iterator[Row]) -> None:
    for row in rows:
        file.write(line(row))
    file.flush()


def line(row: Row) -> str:
    """As both databases read text: tabs between values, which hold no tabs themselves."""
    return "\t".join("\\N" if value is None else str(value) for value in row) + "\n"
