"""Has the endpoint bring an image's data in, and says how it goes on."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from glancetui.cli.context import Context
from glancetui.cli.progress import progress_arguments
from glancetui.cli.targets import named
from glancetui.cli.verbs import seconds
from glancetui.cli.waiting import WorkFailed, wait_for
from glancetui.client.values import RemoteImage, RemoteTask


def wait_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="until it has ended, and show how far it is")
    parser.add_argument("--wait-timeout", type=seconds, metavar="DURATION", help="90, 15m, 2h; without it, no end")
    progress_arguments(parser)


def bring_in(context: Context, image: RemoteImage, request: Mapping[str, Any]) -> None:
    """Begin an import or a copy, `request` being what the Image API takes; with --wait, until it has ended.

    Raises WorkFailed with the reason, after it has said how to try again.
    """
    known = {task.id for task in context.client.tasks_of_image(image.id)}
    context.client.begin_import(image.id, request)
    task = next((task for task in context.client.tasks_of_image(image.id) if task.id not in known), None)
    if task is None:
        context.say(f"image {named(image)} is everywhere already")
        return
    if not context.arguments.wait:
        context.say(f"task {task.id} goes on with it: `glancetui task show {task.id} --image {image.id} --wait`")
        return
    try:
        wait_for(context, lambda: task_of(context, image, task.id), image.name or image.id)
    except WorkFailed:
        after = context.client.image(image.id)
        context.say(f"image {named(image)} is {after.status}: `{again(after, request)}` tries again")
        raise


def task_of(context: Context, image: RemoteImage, task_id: str) -> RemoteTask:
    """The task as the image's own list has it, which needs no administrator."""
    return next(task for task in context.client.tasks_of_image(image.id) if task.id == task_id)


def again(image: RemoteImage, request: Mapping[str, Any]) -> str:
    """The command that does the same once more."""
    method = request["method"]
    if method["name"] == "glance-direct" and image.status == "queued":
        return shlex.join(["glancetui", "image", "stage", image.id, "--file", "FILE"])  # what was staged is gone
    verb = "copy" if method["name"] == "copy-image" else "import"
    flags = {
        "--uri": method.get("uri"),
        "--remote-region": method.get("glance_region"),
        "--remote-image": method.get("glance_image_id"),
        "--remote-interface": method.get("glance_service_interface"),
    }
    words: Sequence[str] = [word for flag, value in flags.items() if value for word in (flag, value)]
    stores = [word for store in request.get("stores", ()) for word in ("--store", store)]
    everywhere = ["--all-stores"] if request.get("all_stores") else []
    lenient = ["--allow-failure"] if request.get("all_stores_must_succeed") is False else []
    return shlex.join(["glancetui", "image", verb, image.id, *words, *stores, *everywhere, *lenient, "--wait"])
