"""What a command is: a verb of a noun, its arguments, the function that does it.

argparse rather than Typer here: an empty Typer application, which loads pydantic, costs more CPU time than the whole of
`image list` may, and scripts run these commands in loops.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from glancetui.errors import BadRequest

if TYPE_CHECKING:
    from glancetui.cli.context import Context

FORMATS = ("table", "json", "yaml", "value", "csv")


class UsageError(BadRequest):
    """The command line makes no sense: exit code 2."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. `{self.prog} --help` lists what it takes")


class Verb:
    """One command: the function that does it and the one that declares its arguments, by name.

    Their module is imported only when the command is run, so `image list` does not pay for what `image create` needs.
    """

    def __init__(self, module: str, run: str, arguments: str | None = None, *, hidden: bool = False) -> None:
        self.module, self.hidden = module, hidden
        self._run, self._arguments = run, arguments

    def run(self, context: Context) -> int | None:
        """Do it; returns the exit code, None for 0."""
        code: int | None = self.function(context)
        return code

    @property
    def function(self) -> Callable[[Context], int | None]:
        function: Callable[[Context], int | None] = getattr(importlib.import_module(self.module), self._run)
        return function

    @property
    def help(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    def parser(self, words: Sequence[str]) -> Parser:
        """The parser of this command, which `words` (such as "image", "list") name."""
        parser = Parser(prog=" ".join(["glancetui", *words]), description=self.function.__doc__, allow_abbrev=False)
        if self._arguments:
            getattr(importlib.import_module(self.module), self._arguments)(parser)
        add_common(parser)
        return parser


class Group:
    """Verbs under a word of their own: `metadef namespace list`."""

    hidden = False

    def __init__(self, help: str, verbs: Mapping[str, Verb]) -> None:
        self.help, self.verbs = help, verbs


def add_common(parser: argparse.ArgumentParser) -> None:
    """The arguments that every command takes; they may also stand before the noun."""
    output = parser.add_argument_group("output")
    output.add_argument(
        "-f", "--format", choices=FORMATS, default="table", help="table (default), json, yaml, value, csv"
    )
    output.add_argument(
        "-c", "--column", action="append", default=[], metavar="COLUMN", help="only this; repeat for more"
    )
    output.add_argument("--no-header", action="store_true", help="table and csv without the line of names")
    output.add_argument(
        "--fit-width", action="store_true", help="cut the table to the width of the terminal, piped or not"
    )
    output.add_argument("-q", "--quiet", action="store_true", help="no messages; the answer only")
    output.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="NO_COLOR is heeded too")
    place = parser.add_argument_group("endpoint")
    place.add_argument("--endpoint", "--os-endpoint", metavar="URL", help="http://HOST:PORT, https://…, or unix:PATH")
    place.add_argument("--cloud", "--os-cloud", metavar="NAME", help="an entry of clouds.yaml (OS_CLOUD)")
    place.add_argument("--region", metavar="NAME", help="where the catalogue has several (OS_REGION_NAME)")
    place.add_argument("--interface", metavar="NAME", help="public (default), internal, admin (OS_INTERFACE)")
    place.add_argument("--os-cacert", metavar="FILE", help="who vouches for the endpoint's certificate (OS_CACERT)")
    place.add_argument("--insecure", action="store_true", help="do not check certificates; warns each time")
    place.add_argument("--timeout", type=seconds, metavar="SECONDS", help="how long to wait for an answer")
    place.add_argument("--read-only", action="store_true", help="send nothing that changes anything")
    place.add_argument("--debug", action="store_true", help="print each request and answer, secrets masked")


def seconds(text: str) -> float:
    """A duration: 90, 90s, 15m, 2h."""
    steps = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    amount, step = (text[:-1], steps[text[-1]]) if text[-1:] in steps else (text, 1)
    try:
        value = float(amount) * step
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90, 15m or 2h") from None
    if not 0 < value < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration that can be waited for")
    return value


def count(text: str) -> int:
    """How many: 0, 1, 2 …"""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of things")
    return int(text)


def key_value(text: str) -> tuple[str, str]:
    """KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text!r} must look like KEY=VALUE")
    return key, value
