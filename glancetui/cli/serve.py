"""`glancetui serve`: the service in the foreground.

argparse rather than Typer: the service should answer within a second of CPU time, and Typer alone takes a tenth of it.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glancetui.cli.verbs import Parser
from glancetui.errors import GlancetuiError

if TYPE_CHECKING:
    from glancetui.config.settings import Settings

ROLES = ("api", "registry", "periodic")


def parser() -> Parser:
    serve = Parser(prog="glancetui serve", description=run.__doc__, allow_abbrev=False)
    serve.add_argument(
        "role", nargs="?", choices=ROLES,
        help="one role alone: api (HTTP), registry (the database, for api workers); all of them where it is left out",
    )  # fmt: skip
    serve.add_argument(
        "--config-file", type=Path, action="append", default=[], metavar="FILE", help="repeatable, later ones win"
    )
    serve.add_argument(
        "--config-dir", type=Path, action="append", default=[], metavar="FOLDER", help="its *.conf files; repeatable"
    )
    serve.add_argument("--data-dir", metavar="FOLDER", help="the service's own data")
    serve.add_argument(
        "--listen",
        action="append",
        metavar="ADDRESS",
        help="HOST:PORT, [IPv6]:PORT or unix:PATH; repeatable; "
        "of the role registry: unix:PATH, https://HOST:PORT, or HOST:PORT on loopback",
    )
    serve.add_argument(
        "--registry", metavar="ADDRESS", help="of the role api: the registry service, unix:PATH or https://HOST:PORT"
    )
    serve.add_argument("--workers", type=positive, metavar="N", help="processes that serve requests")
    serve.add_argument("--auth", choices=("none", "basic", "keystone", "headers"), help="how callers are known")
    serve.add_argument("--debug", action="store_true", help="log each request, and more")
    return serve


def positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes; write 1 or more")
    return int(text)


def run(arguments: Sequence[str]) -> int:
    """Serve the Image API until SIGTERM. SIGHUP reads policy and logging again."""
    given = parser().parse_args(arguments)
    gc.disable()  # until all is loaded: imports leave no garbage, and looking for it takes a tenth of the start
    if given.role == "periodic":
        sys.stderr.write("glancetui: `serve periodic` is not in this version. `glancetui serve` runs everything.\n")
        return 2
    if given.registry and given.role != "api":
        sys.stderr.write("glancetui: --registry is for `serve api`, whose workers ask the registry service there.\n")
        return 2
    overrides = overrides_of(given)

    def settings() -> Settings:
        return read(given.config_file, given.config_dir, overrides)

    try:
        from glancetui.server import supervisor

        return supervisor.run(settings(), settings, given.role)
    except GlancetuiError as error:
        sys.stderr.write(f"glancetui: {error}\n")
        return 1


def overrides_of(given: argparse.Namespace) -> dict[str, object]:
    """What the command line says about options; --listen and --workers are the role's own."""
    own = "registry_" if given.role == "registry" else ""
    return {
        "data_dir": given.data_dir,
        f"{own}listen": given.listen,
        f"{own}workers": given.workers,
        "registry": given.registry,
        "auth": given.auth,
        "DEFAULT.debug": given.debug or None,
    }


def read(files: list[Path], dirs: list[Path], overrides: Mapping[str, object]) -> Settings:
    """The settings in force; warnings go to stderr."""
    from glancetui.config.load import load

    loaded = load(files, dirs, overrides)
    for warning in loaded.warnings:
        sys.stderr.write(f"glancetui: warning: {warning}\n")
    return loaded.settings
