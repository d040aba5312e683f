"""What a listing costs as a whole process: `glancetui image list` and `openstack image list` on one endpoint."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import Server


class Cost(NamedTuple):
    cpu_seconds: float
    seconds: float


class Failed(Exception):
    """The command did not succeed; the message has the end of its errors."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[Cost, str]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr[-500:]}")
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, seconds), done.stdout


def ours(server: Server, *more: str) -> tuple[Cost, str]:
    command = [sys.executable, "-m", "glancetui", "--endpoint", server.url, "image", "list", "-f", "value", *more]
    return run(command, clean_environment())


def stock(server: Server, venv: Path, *more: str) -> tuple[Cost, str]:
    access = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": server.url, "OS_IMAGE_ENDPOINT_OVERRIDE": server.url}
    command = [str(venv / "bin/openstack"), "image", "list", "-f", "value", *more]
    return run(command, clean_environment() | access)


def clean_environment() -> dict[str, str]:
    """Without OS_* variables, which would lead elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
