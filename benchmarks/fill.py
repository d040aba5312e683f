"""Puts a population into a database: rows first, indexes after, by the fastest way that each kind of database has."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

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
    with engine.begin() as db:
        for table, rows in tables(count):
            (load if url.startswith("mysql") else copy)(db, table, rows)
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
