"""Starts services of ours for many short tests: a process that has loaded the code once and forks for each.

Reads a line of JSON for each: {"start": […], "folder": …, "errors": …, "output": …} with the arguments of `glancetui`
and where it is to run and print, answered by its process id; {"stop": id}, answered by its exit code. Ends, and what it
has started with it, when nobody can ask any more.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import sys
from typing import Any

import glancetui
from glancetui.__main__ import main

ROOMS = ("server", "images", "metadefs", "registry", "stores", "cache", "config", "fetch", "formats")


def load() -> None:
    for room in ROOMS:
        for module in pkgutil.walk_packages([f"{glancetui.__path__[0]}/{room}"], f"glancetui.{room}."):
            if ".migrations.versions" not in module.name:
                importlib.import_module(module.name)


def start(asked: dict[str, Any]) -> int:
    if pid := os.fork():
        return pid
    os.chdir(asked["folder"])
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(asked["output"], os.O_WRONLY)
    errors = os.open(asked["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, opened in enumerate((null, output, errors)):
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["glancetui", *asked["start"]]
    sys.exit(main())


def stop(pid: int) -> int:
    os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def serve() -> None:
    running = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "start" in asked:
            answer = start(asked)
            running.add(answer)
        else:
            running.remove(asked["stop"])
            answer = stop(asked["stop"])
        print(answer, flush=True)
    for pid in running:
        stop(pid)


if __name__ == "__main__":
    load()
    serve()
