"""Commands that read the service's configuration: what they are made of, and the options that say which it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[Path] | None, typer.Option("--config-file", metavar="FILE", help="Read FILE; repeatable, later ones win.")
]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--config-dir", metavar="FOLDER", help="Read the *.conf files of FOLDER; repeatable."),
]
DataFolder = Annotated[Path | None, typer.Option("--data-dir", metavar="FOLDER", help="The service's own data.")]


def commands(about: str) -> typer.Typer:
    """A group of commands; `about` is its help."""
    return typer.Typer(
        help=about,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
