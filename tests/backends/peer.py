"""Environments of what others made: real Glance, real Keystone, stock clients (`requirements/peer.lock`), and with them
the test suites written for the Image API (`requirements/suites.lock`).

Each is installed once for a lock file and shared by all checkouts of a user. `python -m tests.backends.peer` installs
the peers and prints where they lie.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


class PeerUnavailable(Exception):
    """The environment could not be installed; the reason is the message."""


def cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "glancetui"


def peer_venv() -> Path:
    """Raises PeerUnavailable."""
    ready = os.environ.get("GLANCETUI_PEER_VENV")
    return Path(ready) if ready else environment("peer")


def suites_venv() -> Path:
    """Has the peers as well. Raises PeerUnavailable."""
    return environment("suites")


def environment(name: str) -> Path:
    """The folder of what `requirements/{name}.lock` pins; installs it first where it is not there."""
    lock_file = REQUIREMENTS / f"{name}.lock"
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()[:12]
    venv = cache_dir() / f"{name}-{digest}-py{sys.version_info.major}{sys.version_info.minor}"
    if (venv / "complete").exists():
        return venv
    venv.parent.mkdir(parents=True, exist_ok=True)
    with (venv.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "complete").exists():
            install(venv, lock_file)
    return venv


def install(venv: Path, lock_file: Path) -> None:
    """Raises PeerUnavailable. An install that was cut short is done again: the mark comes last."""
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock_file)],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            tail = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise PeerUnavailable(f"{' '.join(step[1:4])}: {' '.join(tail)}")
    (venv / "complete").touch()


if __name__ == "__main__":
    try:
        print(peer_venv())
    except PeerUnavailable as error:
        sys.exit(f"peers: {error}")
