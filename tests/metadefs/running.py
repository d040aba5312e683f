"""`glancetui db …` as a process, on a data folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.serving import clean_environment


def db(data_dir: Path, *words: str) -> str:
    """What it prints; its data folder is made, and so is the database. Fails the test where it fails."""
    data_dir.mkdir(exist_ok=True)
    if words[0] != "upgrade" and not (data_dir / "glance.sqlite").exists():
        db(data_dir, "upgrade")
    done = run_db(data_dir, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_db(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glancetui", "db", *words, "--data-dir", str(data_dir)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=clean_environment(), cwd=data_dir
    )
