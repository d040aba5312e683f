"""`glancetui config`: the settings in force, checks of the configuration, the reference of all options."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from glancetui.config.load import Examined
    from glancetui.config.show import Shown

app = typer.Typer(
    help="Look at the service's configuration.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

COLUMNS = ("section", "option", "value", "source", "effect")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    VALUE = "value"
    CSV = "csv"


Files = Annotated[
    list[Path] | None, typer.Option("--config-file", metavar="FILE", help="Read FILE; repeatable, later ones win.")
]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--config-dir", metavar="FOLDER", help="Read the *.conf files of FOLDER; repeatable."),
]
DataFolder = Annotated[Path | None, typer.Option("--data-dir", metavar="FOLDER", help="The service's own data.")]


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
    cells = [[getattr(row, column) for column in COLUMNS] for row in rows]
    if output is Format.TABLE:
        print_table(cells)
    elif output is Format.VALUE:
        sys.stdout.writelines(f"{' '.join(line[:3])}\n" for line in cells)
    elif output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerows([COLUMNS, *cells])
    elif output is Format.JSON:
        json.dump([dict(zip(COLUMNS, line, strict=True)) for line in cells], sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        import yaml

        yaml.safe_dump(
            [dict(zip(COLUMNS, line, strict=True)) for line in cells], sys.stdout, allow_unicode=True, sort_keys=False
        )


def print_table(cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*COLUMNS)
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    Console(file=sys.stdout).print(table)
