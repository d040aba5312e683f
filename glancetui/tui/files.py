"""Local files, as forms need them: completing a path, recognising what a file is. Blocking: run it in the pool."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from glancetui.client.text import clean
from glancetui.tui.settings import state_folder

FIRST_BYTES = 1 << 20  # that a format is recognised from
MOST_NAMES = 2000  # of a folder, looked through for completion


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could be sent. `size` is None for what has no length, such as a pipe."""

    path: Path
    size: int | None
    disk_format: str
    container_format: str
    reason: str


def expand(typed: str) -> Path:
    return Path(os.path.expanduser(os.path.expandvars(typed)))  # noqa: PTH111  # a Path raises for an unknown ~user


def complete(typed: str) -> list[str]:
    """What `typed` could become, folders with a slash at the end; [] where nothing fits or may be read."""
    folder, _, start = typed.rpartition("/")
    where = expand(f"{folder}/") if "/" in typed else Path()
    lead = f"{folder}/" if "/" in typed else ""
    found: list[str] = []
    try:
        with os.scandir(where) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_NAMES:
                    break
                if entry.name.startswith(start) and (start.startswith(".") or not entry.name.startswith(".")):
                    found.append(lead + entry.name + ("/" if entry.is_dir() else ""))
    except OSError:
        return []
    return sorted(found)


def common(found: Sequence[str]) -> str:
    """The longest beginning that all share."""
    first, last = min(found, default=""), max(found, default="")
    return first[: next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def recognise(typed: str) -> Found:
    """What the file is, by its first bytes. Raises OSError with a sentence for what cannot be sent."""
    from glancetui.formats.guess import guess

    path = expand(typed)
    about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(f"{clean(str(path))} is a folder")
    if not stat.S_ISREG(about.st_mode):
        raise OSError(f"{clean(str(path))} is no regular file; send it with `glancetui image create NAME --file -`")
    with path.open("rb") as file:
        found = guess(file.read(FIRST_BYTES))
    return Found(
        path=path,
        size=about.st_size,
        disk_format=found.disk_format,
        container_format=found.container_format,
        reason=found.reason,
    )


def draft_file(name: str) -> Path:
    """Where a text is edited. The name comes from a server, and must not lead elsewhere."""
    folder = state_folder() / "edits"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / (re.sub(r"[^0-9A-Za-z-]", "_", name)[:64] + ".yaml")
