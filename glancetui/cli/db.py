"""`glancetui db`: the service's database and the version of its schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from glancetui.config.settings import DatabaseSettings
    from glancetui.registry.sql.database import Database

app = typer.Typer(
    help="Look after the service's database.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Files = Annotated[
    list[Path] | None, typer.Option("--config-file", metavar="FILE", help="Read FILE; repeatable, later ones win.")
]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--config-dir", metavar="FOLDER", help="Read the *.conf files of FOLDER; repeatable."),
]
DataFolder = Annotated[Path | None, typer.Option("--data-dir", metavar="FOLDER", help="The service's own data.")]


DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Also where somebody may still be writing.")]


@app.command()
def upgrade(config_file: Files = None, config_dir: Folders = None, data_dir: DataFolder = None) -> None:
    """Make the database, or bring its schema to this version's."""
    from glancetui.registry.sql import schema
    from glancetui.registry.sql.state import HEAD, Kind

    database = opened(config_file, config_dir, data_dir, create=True)
    try:
        before = schema.state(database)
        schema.prepare(database, upgrade=True)
    finally:
        database.close()
    done = "is current" if before.kind is Kind.CURRENT else f"went from {before.version or 'empty'} to {HEAD}"
    sys.stdout.write(f"The schema of {database.name} {done}.\n")


@app.command()
def check(config_file: Files = None, config_dir: Folders = None, data_dir: DataFolder = None) -> None:
    """Fail unless the database is whole and its schema is this version's."""
    from glancetui.registry.sql import schema
    from glancetui.registry.sql.state import Kind, look

    wanted = settings(config_file or [], config_dir or [], data_dir)
    name = schema.dialect_of(wanted).name
    with schema.looking(wanted) as db:
        found = look(db)
    if found.kind is not Kind.CURRENT:
        sys.stderr.write(f"glancetui: {name} is {found}. {ADVICE[found.kind.name]}\n")
        raise typer.Exit(1)
    damage = schema.damage(wanted)
    for finding in damage:
        sys.stdout.write(f"{finding}\n")
    if damage:
        sys.stderr.write(f"glancetui: {name} is damaged: restore it from a copy.\n")
        raise typer.Exit(1)
    sys.stdout.write(f"{name} is whole, its schema is current ({found.version}).\n")


ADVICE = {
    "EMPTY": "`glancetui db upgrade` fills it.",
    "HALF_MADE": "`glancetui db upgrade` goes on with it.",
    "GLANCE": "`glancetui db adopt` takes it over.",
    "HALF_ADOPTED": "`glancetui db adopt` goes on with it, `glancetui db release` gives it back.",
    "OLDER": "`glancetui db upgrade` brings it up to date.",
    "NEWER": "Upgrade glancetui.",
    "FOREIGN": "Give the service a database of its own.",
}


@app.command()
def version(config_file: Files = None, config_dir: Folders = None, data_dir: DataFolder = None) -> None:
    """Print what the database is, and the version of its schema."""
    from glancetui.registry.sql import schema
    from glancetui.registry.sql.state import look

    with schema.looking(settings(config_file or [], config_dir or [], data_dir)) as db:
        found = look(db)
    sys.stdout.write(f"{found}\n")


@app.command()
def adopt(
    config_file: Files = None,
    config_dir: Folders = None,
    data_dir: DataFolder = None,
    dry_run: DryRun = False,
    force: Force = False,
) -> None:
    """Take over a database that Glance made. Its rows stay as they are; `release` gives it back."""
    from glancetui.registry.sql import adopt as adopting
    from glancetui.registry.sql import schema

    wanted = settings(config_file or [], config_dir or [], data_dir)
    with schema.looking(wanted) as db:  # first, so that a database that is refused stays as it is
        adoption = adopting.plan(db)
    for image in adoption.in_flight:
        sys.stderr.write(f"glancetui: warning: image {image}: not finished by Glance.\n")
    if dry_run:
        show(adoption.statements)
    if not force:
        adopting.refuse_recent(adoption)
    if dry_run:
        return
    database = schema.open_database(wanted, create=False)
    try:
        adoption = adopting.adopt(database, force=force)
    finally:
        database.close()
    sys.stdout.write(f"Adopted: {len(adoption.statements)} statements. `glancetui serve` can start.\n")


@app.command()
def release(
    config_file: Files = None,
    config_dir: Folders = None,
    data_dir: DataFolder = None,
    dry_run: DryRun = False,
    force: Force = False,
) -> None:
    """Give the database back to Glance: remove all that is ours. What was changed through us stays."""
    from glancetui.registry.sql import release as releasing
    from glancetui.registry.sql import schema

    wanted = settings(config_file or [], config_dir or [], data_dir)
    with schema.looking(wanted) as db:
        released = releasing.plan(db)
    if released.tombstones:
        sys.stderr.write(
            f"glancetui: warning: the ids of {released.tombstones} purged images go too; Glance may use them again.\n"
        )
    if dry_run:
        show(released.statements)
    if not force:
        releasing.refuse_undone(released)
    if dry_run:
        return
    database = schema.open_database(wanted, create=False)
    try:
        released = releasing.release(database, force=force)
    finally:
        database.close()
    schema.hand_back(wanted)
    sys.stdout.write(f"Released: {len(released.statements)} statements. Glance can start.\n")


@app.command()
def purge(
    config_file: Files = None,
    config_dir: Folders = None,
    data_dir: DataFolder = None,
    age_in_days: Annotated[
        int, typer.Option("--age-in-days", min=0, metavar="N", help="Only what was deleted more than N days ago.")
    ] = 30,
    max_rows: Annotated[
        int, typer.Option("--max-rows", min=-1, metavar="N", help="At most N rows of a table; -1: all.")
    ] = -1,
    dry_run: DryRun = False,
) -> None:
    """Remove the rows of what was deleted long ago. Ids of images are never used again."""
    from glancetui.registry.sql import purge as purging
    from glancetui.registry.sql import schema

    database = opened(config_file, config_dir, data_dir, create=False)
    try:
        schema.prepare(database, upgrade=False)
        if dry_run:
            with database.reading() as db:
                counts = purging.purgeable(db, age_in_days, max_rows)
        else:
            counts = purging.purge(database, age_in_days, max_rows)
    finally:
        database.close()
    what = ", ".join(f"{count} of {table}" for table, count in counts.items())
    sys.stdout.write(f"{'Would remove' if dry_run else 'Removed'} rows: {what}.\n")


def show(statements: tuple[str, ...]) -> None:
    """What a dry run would do, as SQL."""
    for statement in statements:
        sys.stdout.write(f"{statement};\n")
    sys.stdout.write(f"-- {len(statements)} statements; nothing was changed.\n")


def opened(files: list[Path] | None, dirs: list[Path] | None, data_dir: Path | None, *, create: bool) -> Database:
    """The database that the configuration names; only `create` makes one that is not there."""
    from glancetui.registry.sql import schema

    return schema.open_database(settings(files or [], dirs or [], data_dir, create=create), create=create)


def settings(files: list[Path], dirs: list[Path], data_dir: Path | None, *, create: bool = False) -> DatabaseSettings:
    """`create` makes the data folder, as `serve` does, where the database is to lie in it."""
    from glancetui.config.folders import sqlite_file
    from glancetui.config.load import load

    loaded = load(files, dirs, {"data_dir": None if data_dir is None else str(data_dir)})
    for warning in loaded.warnings:
        sys.stderr.write(f"glancetui: warning: {warning}\n")
    database, own = loaded.settings.database, loaded.settings.data_dir
    file = sqlite_file(database.connection)
    if create and file is not None and file.parent == own:
        own.mkdir(parents=True, exist_ok=True, mode=0o750)
    return database
