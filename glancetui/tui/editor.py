"""The operator's own editor, in place of the screen. What is typed there is kept in a file until it has been sent."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from glancetui.errors import ConfigError
from glancetui.tui.settings import state_folder

FALLBACKS = ("sensible-editor", "nano", "vim", "vi")


def command() -> list[str]:
    """`$VISUAL`, `$EDITOR`, else one that is there. Raises ConfigError."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    words = shlex.split(named) if named else [name for name in FALLBACKS if shutil.which(name)][:1]
    if not words or shutil.which(words[0]) is None:
        raise ConfigError(f"There is no editor {words[0]!r}; set EDITOR." if words else "Set EDITOR to your editor.")
    return words


def draft_file(image_id: str) -> Path:
    """Where an image is edited. The id comes from a server, and must not lead elsewhere."""
    folder = state_folder() / "edits"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / (re.sub(r"[^0-9A-Za-z-]", "_", image_id)[:64] + ".yaml")


def write(path: Path, text: str) -> None:
    """Readable by its owner only."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)


def run(words: list[str], path: Path) -> None:
    """Until the program is left; the terminal must be its own meanwhile. Raises OSError."""
    subprocess.run([*words, str(path)], check=False)
