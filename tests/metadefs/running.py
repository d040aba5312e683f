"""`glancetui db …` on a data folder, in this process: starting one for each command takes longer than the command."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from glancetui.cli.dispatch import run


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def db(data_dir: Path, *words: str) -> str:
    """What it prints; its data folder is made, and so is the database. Fails the test where it fails."""
    data_dir.mkdir(exist_ok=True)
    if words[0] != "upgrade" and not (data_dir / "glance.sqlite").exists():
        db(data_dir, "upgrade")
    done = run_db(data_dir, *words)
    assert done.code == 0, done.err
    return done.out


def run_db(data_dir: Path, *words: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["db", *words, "--data-dir", str(data_dir)], lambda _: 1)
    return Ran(code, out.getvalue(), err.getvalue())
