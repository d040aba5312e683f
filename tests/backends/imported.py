"""Commands of the peers' environment without the second that each takes to import what it needs.

A process that has imported it forks another for each command. That one runs the installed script itself, with an
environment, arguments, streams and an end of its own. `python -P imported.py TEXT` is the one that forks.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import runpy
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


class Ran(NamedTuple):
    code: int
    out: str
    err: str


class Imported:
    """Commands of one environment, one after the other."""

    def __init__(self, venv: Path, process: subprocess.Popen[bytes]) -> None:
        self._bin, self._process = venv / "bin", process

    def run(self, program: str, arguments: Sequence[str], environment: Mapping[str, str], seconds: float = 110) -> Ran:
        """`program`: a script of the environment's, or `python` (then arguments are `-c`, the text, more).

        Raises TimeoutError; nothing runs here after that.
        """
        script = [] if program == "python" else [str(self._bin / program)]
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            words = [*script, *arguments]
            code = self._ask(
                {"words": words, "environment": dict(environment), "streams": [out.name, err.name]}, seconds
            )
            return Ran(code, out.read().decode(), err.read().decode())

    def _ask(self, command: Mapping[str, object], seconds: float) -> int:
        told, heard = self._process.stdin, self._process.stdout
        assert told is not None
        assert heard is not None
        told.write(json.dumps(command).encode() + b"\n")
        told.flush()
        if not select.select([heard], [], [], seconds)[0]:
            self._process.kill()
            raise TimeoutError(f"{command['words']} took more than {seconds:g} s")
        return int(heard.readline())


@contextmanager
def imported(venv: Path, text: str) -> Iterator[Imported]:
    """`text`: Python that imports what the commands need. What it leaves out is imported by each of them, as ever."""
    with started(venv, text) as process:  # ends with its stdin
        yield Imported(venv, process)


@functools.cache
def shared(venv: Path, text: str) -> Imported:
    """As `imported`, for as long as this process lives: the other one ends when nobody can ask it any more."""
    return Imported(venv, started(venv, text))


def started(venv: Path, text: str) -> subprocess.Popen[bytes]:
    command = [str(venv / "bin/python"), "-P", __file__, text]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def main() -> None:
    exec(sys.argv[1], {})
    gc.freeze()  # or every child would look through all of it, and so copy it, when it ends
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(command: Mapping[str, Any]) -> None:
    """Returns, or raises, as the program does."""
    for number, path in enumerate([os.devnull, *command["streams"]]):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = command["words"]
    if sys.argv[0] == "-c":
        exec(sys.argv.pop(1), {"__name__": "__main__"})
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
