"""Finds the module of the noun that was typed and runs it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

SERVICE_NOUNS = ("serve", "db", "config")


def run(arguments: Sequence[str]) -> int:
    """Run `arguments` and return the exit code."""
    if arguments and arguments[0] in SERVICE_NOUNS:
        return run_service_command(arguments[0], arguments[1:])
    if not arguments and sys.stdin.isatty() and sys.stdout.isatty():
        from glancetui.app import main as start_terminal

        return start_terminal() or 0
    sys.stderr.write("glancetui: no terminal here; run `glancetui serve`, or a command such as `glancetui image list`.\n")
    return 2


def run_service_command(noun: str, arguments: Sequence[str]) -> int:
    """Run a Typer application that belongs to the service; its libraries are loaded only here."""
    module = importlib.import_module(f"glancetui.cli.{noun}")
    code = module.app(args=list(arguments), prog_name=f"glancetui {noun}", standalone_mode=False)
    return int(code or 0)
