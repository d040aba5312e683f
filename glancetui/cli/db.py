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


@app.command()
def upgrade(config_file: Files = None, config_dir: Folders = None, data_dir: DataFolder = None) -> None:
    """Make the database, or bring its schema to this version's."""
    from glancetui.registry.sql import schema

    database = opened(config_file, config_dir, data_dir, create=True)
    try:
        before = schema.version(database)
        schema.prepare(database, upgrade=True)
    finally:
        database.close()
    what = "is current" if before == schema.HEAD else f"went from {before or 'empty'} to {schema.HEAD}"
    sys.stdout.write(f"The schema of {database.name} {what}.\n")


@app.command()
def check(config_file: Files = None, config_dir: Folders = None, data_dir: DataFolder = None) -> None:
    """Fail unless the database is whole and its schema is this version's."""
    from glancetui.registry.sql import schema

    database = opened(config_file, config_dir, data_dir, create=False)
    try:
        schema.prepare(database, upgrade=False)
        damage = schema.damage(database)
    finally:
        database.close()
    for finding in damage:
        sys.stdout.write(f"{finding}\n")
    if damage:
        sys.stderr.write(f"glancetui: {database.name} is damaged: restore it from a copy.\n")
        raise typer.Exit(1)
    sys.stdout.write(f"{database.name} is whole, its schema is current ({schema.HEAD}).\n")


@app.command()
def version(config_file: Files = None, config_dir: Folders = None, data_dir: DataFolder = None) -> None:
    """Print the version of the database's schema; `none` if it is not ours."""
    from glancetui.registry.sql import schema

    database = opened(config_file, config_dir, data_dir, create=False)
    try:
        sys.stdout.write(f"{schema.version(database) or 'none'}\n")
    finally:
        database.close()


def opened(files: list[Path] | None, dirs: list[Path] | None, data_dir: Path | None, *, create: bool) -> Database:
    """The database that the configuration names; only `create` makes one that is not there."""
    from glancetui.registry.sql import schema

    return schema.open_database(settings(files or [], dirs or [], data_dir), create=create)


def settings(files: list[Path], dirs: list[Path], data_dir: Path | None) -> DatabaseSettings:
    from glancetui.config.load import load

    loaded = load(files, dirs, {"data_dir": None if data_dir is None else str(data_dir)})
    for warning in loaded.warnings:
        sys.stderr.write(f"glancetui: warning: {warning}\n")
    return loaded.settings.database
