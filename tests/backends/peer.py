"""The peers' environment: real Glance, real Keystone, stock clients, from PyPI as `requirements/peer.lock` pins them.

Installed once for a lock file and shared by all checkouts of a user. `python -m tests.backends.peer` installs it and
prints where it lies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements" / "peer.lock"


class PeerUnavailable(Exception):
    """The environment could not be installed; the reason is the message."""


def cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "glancetui"


def peer_venv() -> Path:
    """The environment's folder; installs it first where it is not there. Raises PeerUnavailable."""
    ready = os.environ.get("GLANCETUI_PEER_VENV")
    if ready:
        return Path(ready)
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    venv = cache_dir() / f"peer-{digest}-py{sys.version_info.major}{sys.version_info.minor}"
    if (venv / "complete").exists():
        return venv
    venv.parent.mkdir(parents=True, exist_ok=True)
    with (venv.parent / "peer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "complete").exists():
            install(venv)
    return venv


def install(venv: Path) -> None:
    """Raises PeerUnavailable. An install that was cut short is done again: the mark comes last."""
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)],
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
