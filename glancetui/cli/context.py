"""What a running command has at hand: its arguments, the client, the printer, messages."""

from __future__ import annotations

import argparse
import os
import sys
from functools import cached_property

from glancetui.cli.output import Printer, Style
from glancetui.client.client import Client
from glancetui.client.clouds import LOCAL_ENDPOINT, Choice, Cloud, chosen_cloud, connect
from glancetui.client.masking import masked_headers, masked_url
from glancetui.client.text import clean
from glancetui.client.transport import Exchange, Limits

TOKEN_VARIABLE = "GLANCETUI_TOKEN_FD"  # noqa: S105  # the name of a variable
LARGEST_TOKEN = 65_536


class Context:
    """One run of one command. Nothing is connected to before `client` is used."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.printer = Printer(
            Style(
                format=arguments.format,
                columns=tuple(arguments.column),
                header=not arguments.no_header,
                fit_width=arguments.fit_width,
            )
        )

    @cached_property
    def cloud(self) -> Cloud:
        """The cloud in use; the local default where nothing is configured."""
        given = self.arguments
        choice = Choice(
            cloud=given.cloud,
            endpoint=given.endpoint,
            region=given.region,
            interface=given.interface,
            cacert=given.os_cacert,
            insecure=given.insecure,
            token=handed_token(),
        )
        return chosen_cloud(choice) or Cloud(
            name="", source="default", auth_type="none", endpoint=LOCAL_ENDPOINT, verify=not given.insecure
        )

    @cached_property
    def client(self) -> Client:
        if not self.cloud.verify:
            self.say("warning: certificates are not checked; anybody on the way can read and change what is sent.")
        timeout: float | None = self.arguments.timeout
        limits = Limits(connect=min(5.0, timeout), read=timeout, upload=timeout) if timeout else Limits()
        return connect(
            self.cloud,
            limits=limits,
            observer=show_exchange if self.arguments.debug else None,
            read_only=self.arguments.read_only,
        )

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()

    @property
    def is_interactive(self) -> bool:
        """Whether there is somebody to ask."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, message: str) -> None:
        """A message for people, on stderr; -q silences it."""
        if not self.arguments.quiet:
            sys.stderr.write(clean(message) + "\n")

    def hint_for_unreachable(self) -> str | None:
        if self.cloud.source != "default":
            return None
        return (
            "no endpoint is configured, so the local one was tried: start it with `glancetui serve`, "
            "or give --endpoint URL, --cloud NAME or OS_* variables"
        )


def handed_token() -> str | None:
    """A token that a parent process took for us: it comes through the pipe whose number GLANCETUI_TOKEN_FD holds.

    So it is neither in the arguments nor in the environment, where others could read it. The pipe is read to its end.
    """
    number = os.environ.pop(TOKEN_VARIABLE, "")
    if not number.isdecimal():
        return None
    with os.fdopen(int(number), "rb") as pipe:
        return pipe.read(LARGEST_TOKEN).decode("ascii", "replace").strip() or None


def show_exchange(exchange: Exchange) -> None:
    """Print a request and the head of its answer to stderr, secrets masked."""
    lines = [f"> {exchange.method} {masked_url(exchange.url)}"]
    lines += [f"> {name}: {value}" for name, value in masked_headers(exchange.request_headers).items()]
    lines += [f"< {exchange.status or 'no answer'} after {exchange.seconds * 1000:.0f} ms"]
    lines += [f"< {name}: {value}" for name, value in masked_headers(exchange.headers).items()]
    sys.stderr.write("".join(clean(line) + "\n" for line in lines))
