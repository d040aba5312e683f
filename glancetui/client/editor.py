"""The operator's own editor, for a text in a file."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from glancetui.errors import ConfigError

FALLBACKS = ("sensible-editor", "nano", "vim", "vi")


def command() -> list[str]:
    """`$VISUAL`, `$EDITOR`, else one that is there. Raises ConfigError."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    words = shlex.split(named) if named else [name for name in FALLBACKS if shutil.which(name)][:1]
    if not words or shutil.which(words[0]) is None:
        raise ConfigError(f"There is no editor {words[0]!r}; set EDITOR." if words else "Set EDITOR to your editor.")
    return words


def write(path: Path, text: str) -> None:
    """Readable by its owner only."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)


def run(words: list[str], path: Path) -> int:
    """Until the program is left; the terminal must be its own meanwhile. Its exit code. Raises OSError."""
    return subprocess.run([*words, str(path)], check=False).returncode


def edited(text: str, suffix: str) -> str:
    """What the editor made of it. Raises ConfigError where there is none, or where it fails."""
    words = command()
    with tempfile.TemporaryDirectory(prefix="glancetui-") as folder:  # only its owner may enter it
        file = Path(folder) / f"edit{suffix}"
        write(file, text)
        code = run(words, file)
        if code:
            raise ConfigError(f"The editor {words[0]} ended with {code}, so nothing is changed")
        return file.read_text(encoding="utf-8")
