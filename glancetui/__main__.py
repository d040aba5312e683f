"""The `glancetui` command. What must be quick is answered before anything large is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from glancetui import __version__


def main() -> int:
    """Run the command line in `sys.argv`; the return value is the exit code."""
    open_what_is_closed()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["version"]):
        sys.stdout.write(f"glancetui {__version__}\n")
        return 0
    if "GLANCETUI_COMPLETE" in os.environ:
        from glancetui.cli import completion

        return completion.complete(arguments)
    from glancetui.cli import dispatch

    return dispatch.run(arguments, open_terminal)


def open_what_is_closed() -> None:
    """Who starts us may have closed any of the three streams (`>&-`): the next file or socket would get its number, and
    what is meant for people with it. `sys.stdin` stays None then, so that nothing takes its end for an empty image."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")


def open_terminal(arguments: Sequence[str]) -> int:
    """Run the terminal application until it is left."""
    from glancetui.app import main as run_application

    return run_application(list(arguments))


if __name__ == "__main__":
    sys.exit(main())
