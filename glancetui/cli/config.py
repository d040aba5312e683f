"""`glancetui config`: the settings in force, checks of the configuration, the reference of all options."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glancetui.cli.configured import DataFolder, Files, Folders, commands

if TYPE_CHECKING:
    from glancetui.config.load import Examined
    from glancetui.config.show import Shown

app = commands("Look at the service's configuration.")

COLUMNS = ("section", "option", "value", "source", "effect")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    VALUE = "value"
    CSV = "csv"


@app.command()
def show(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SECTION[.OPTION]]...", help="Only these sections or options.")
    ] = None,
    config_file: Files = None,
    config_dir: Folders = None,
    data_dir: DataFolder = None,
    all_options: Annotated[bool, typer.Option("--all", help="Also options that nobody has set.")] = False,
    output: Annotated[Format, typer.Option("-f", "--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Print the settings in force and where each comes from. Passwords and keys are masked."""
    from glancetui.config.show import shown

    examined = examine(config_file, config_dir, data_dir)
    report(examined)
    if examined.loaded is None:
        raise typer.Exit(1)
    rows = shown(examined.loaded.options, only_set=not all_options and not names)
    for name in names or ():
        if not any(wanted(row, [name]) for row in rows):
            sys.stderr.write(f"glancetui: there is no section and no option {name!r}; --all shows what there is\n")
            raise typer.Exit(2)
    print_rows([row for row in rows if not names or wanted(row, names)], output)


@app.command()
def validate(config_file: Files = None, config_dir: Folders = None, data_dir: DataFolder = None) -> None:
    """Name every mistake, every unknown name and every option without effect. Exit code 1 on mistakes."""
    examined = examine(config_file, config_dir, data_dir)
    report(examined, notes=True)
    counts = (len(examined.problems), len(examined.warnings), len(examined.notes))
    sys.stderr.write("{} errors, {} warnings, {} options without effect.\n".format(*counts))
    if examined.problems:
        raise typer.Exit(1)


@app.command()
def docs() -> None:
    """Print the reference of all options as Markdown."""
    from glancetui.config.show import reference

    sys.stdout.write(reference())


def examine(files: list[Path] | None, folders: list[Path] | None, data_dir: Path | None) -> Examined:
    from glancetui.config.load import examine as examine_configuration

    return examine_configuration(files or (), folders or (), {"data_dir": None if data_dir is None else str(data_dir)})


def report(examined: Examined, *, notes: bool = False) -> None:
    for problem in examined.problems:
        sys.stderr.write(f"error: {problem}\n")
    for warning in examined.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    for note in examined.notes if notes else ():
        sys.stderr.write(f"note: {note}\n")


def wanted(row: Shown, names: Sequence[str]) -> bool:
    return any(name in {row.section, row.option, f"{row.section}.{row.option}"} for name in names)


def print_rows(rows: Sequence[Shown], output: Format) -> None:
    from glancetui.cli.output import Column, Printer, Style

    columns = [Column(name, name.upper()) for name in COLUMNS]
    shown = COLUMNS[:3] if output is Format.VALUE else COLUMNS
    documents = ({name: getattr(row, name) for name in COLUMNS} for row in rows)
    Printer(Style(format=output.value)).rows(columns, documents, shown)
