"""Editing a text in the editor of the person at the terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from glancetui.cli.verbs import UsageError


def edited(text: str, suffix: str) -> str:
    """What `$VISUAL` or `$EDITOR` made of it. Raises UsageError where there is none, or where it fails."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"There is no editor {words[0] if words else ''!r}: set EDITOR")
    with tempfile.TemporaryDirectory(prefix="glancetui-") as folder:  # only its owner may enter it
        file = Path(folder) / f"edit{suffix}"
        file.write_text(text, encoding="utf-8")
        code = subprocess.run([*words, str(file)], check=False).returncode
        if code:
            raise UsageError(f"The editor {words[0]} ended with {code}, so nothing is changed")
        return file.read_text(encoding="utf-8")
