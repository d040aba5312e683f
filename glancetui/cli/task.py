"""`glancetui task …`: what the endpoint does in the background, for administrators; or of one image, for its owner."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from glancetui.cli.bringing import wait_arguments
from glancetui.cli.context import Context
from glancetui.cli.output import Column, text_or_dash, time_text
from glancetui.cli.verbs import Verb
from glancetui.cli.waiting import wait_for
from glancetui.client.values import RemoteTask

COLUMNS = (
    Column("id", "ID", text_or_dash),
    Column("type", "TYPE", text_or_dash),
    Column("status", "STATUS", text_or_dash),
    Column("image_id", "IMAGE", text_or_dash),
    Column("message", "MESSAGE", text_or_dash),
    Column("owner", "PROJECT", text_or_dash),
    Column("created_at", "CREATED", time_text),
    Column("updated_at", "UPDATED", time_text),
    Column("expires_at", "FORGOTTEN", time_text),
)
DEFAULT = ("id", "type", "status", "image_id", "updated_at")
OF_IMAGE = ("id", "type", "status", "message", "updated_at")


def list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", metavar="IMAGE", help="only its own: id or name; needs no administrator")
    parser.add_argument("--status", choices=("pending", "processing", "success", "failure"))
    parser.add_argument("--type", choices=("import", "api_image_import", "location_import"))


def show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="its id")
    parser.add_argument("--image", metavar="IMAGE", help="whose task it is; then it needs no administrator")
    wait_arguments(parser)


def list_tasks(context: Context) -> None:
    """List background work, the newest first."""
    given = context.arguments
    filters = {name: value for name in ("status", "type") if (value := getattr(given, name))}
    if given.image:
        found = context.client.tasks_of_image(context.client.find_image(given.image).id)
        wanted = (task.document for task in found if all(task.document.get(k) == v for k, v in filters.items()))
        context.printer.rows(COLUMNS, wanted, OF_IMAGE)
    else:
        context.printer.rows(COLUMNS, (task.document for task in context.client.tasks(**filters)), DEFAULT)


def show_task(context: Context) -> None:
    """Show one piece of background work; with --wait, once it has ended."""
    task_id = context.arguments.task
    if context.arguments.wait:
        wait_for(context, lambda: found(context), task_id)
    context.printer.item(found(context).document)


def found(context: Context) -> RemoteTask:
    """Raises NotFound."""
    given = context.arguments
    if not given.image:
        return context.client.task(given.task)
    image = context.client.find_image(given.image)
    own = next((task for task in context.client.tasks_of_image(image.id) if task.id == given.task), None)
    return own or context.client.task(given.task)


VERBS: Mapping[str, Verb] = {
    "list": Verb(__name__, "list_tasks", "list_arguments"),
    "show": Verb(__name__, "show_task", "show_arguments"),
}
