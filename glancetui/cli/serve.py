"""`glancetui serve`: the service in the foreground."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from glancetui.config.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Role(StrEnum):
    API = "api"
    REGISTRY = "registry"
    PERIODIC = "periodic"


class Auth(StrEnum):
    NONE = "none"
    BASIC = "basic"
    KEYSTONE = "keystone"
    HEADERS = "headers"


@app.command()
def serve(
    role: Annotated[Role | None, typer.Argument(help="One role alone; all of them where it is left out.")] = None,
    config_file: Annotated[
        list[Path] | None,
        typer.Option("--config-file", metavar="FILE", help="Read FILE; repeatable, later ones win."),
    ] = None,
    config_dir: Annotated[
        list[Path] | None,
        typer.Option("--config-dir", metavar="FOLDER", help="Read the *.conf files of FOLDER; repeatable."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", metavar="FOLDER", help="The service's own data.")
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option("--listen", metavar="ADDRESS", help="HOST:PORT, [IPv6]:PORT or unix:PATH; repeatable."),
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes that serve requests.")] = None,
    auth: Annotated[Auth | None, typer.Option("--auth", help="Who callers are.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log each request, and more.")] = False,
) -> int:
    """Serve the Image API until SIGTERM. SIGHUP reads policy and logging again."""
    gc.disable()  # until all is loaded: imports leave no garbage, and looking for it takes a tenth of the start
    from glancetui.errors import GlancetuiError

    if role in (Role.REGISTRY, Role.PERIODIC):
        sys.stderr.write(f"glancetui: `serve {role}` is not in this version. `glancetui serve` runs everything.\n")
        return 2
    overrides = {
        "data_dir": None if data_dir is None else str(data_dir),
        "listen": listen or None,
        "workers": workers,
        "auth": auth.value if auth else None,
        "DEFAULT.debug": True if debug else None,
    }

    def settings() -> Settings:
        return read(config_file or [], config_dir or [], overrides)

    try:
        from glancetui.server.supervisor import run

        return run(settings(), settings)
    except GlancetuiError as error:
        sys.stderr.write(f"glancetui: {error}\n")
        return 1


def read(files: list[Path], dirs: list[Path], overrides: Mapping[str, object]) -> Settings:
    """The settings in force; warnings go to stderr."""
    from glancetui.config.load import load

    loaded = load(files, dirs, overrides)
    for warning in loaded.warnings:
        sys.stderr.write(f"glancetui: warning: {warning}\n")
    return loaded.settings
