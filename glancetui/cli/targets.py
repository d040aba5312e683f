"""Commands that act on several things: all are tried, and each says how it went."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from glancetui.cli.context import Context
from glancetui.cli.failures import combined, failure_of, report
from glancetui.cli.verbs import UsageError
from glancetui.client.client import Client
from glancetui.client.text import clean
from glancetui.client.values import RemoteImage
from glancetui.errors import GlancetuiError


def for_each(context: Context, targets: Sequence[str], act: Callable[[str], str]) -> int:
    """Do `act` for every target; it returns the line to say. One failure among several does not keep the others."""
    if len(targets) == 1:
        context.say(act(targets[0]))
        return 0
    codes = []
    for target in targets:
        try:
            context.say(act(target))
            codes.append(0)
        except GlancetuiError as error:
            failure = failure_of(error)
            report(failure, as_json=context.arguments.format == "json")
            codes.append(failure.code)
    return combined(codes)


def named(image: RemoteImage) -> str:
    """How messages call an image."""
    return f"{image.id} ({image.name})" if image.name else image.id


def project_id_of(client: Client, given: str) -> str:
    """The id of a project that was named. Names are not looked up: that takes rights that few have."""
    if given == "me":
        return client.caller().project_id or "me"
    return given


def confirm(context: Context, question: str) -> None:
    """Ask before something that cannot be undone. Raises UsageError where there is nobody to ask."""
    if context.arguments.yes:
        return
    if not context.is_interactive:
        raise UsageError("This cannot be undone, and there is no terminal to ask at: say --yes")
    sys.stderr.write(f"{clean(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("Nothing was done")
