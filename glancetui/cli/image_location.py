"""`image location …`: where an image's copies lie, as URLs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import msgspec

from glancetui.cli.bringing import task_of, wait_arguments
from glancetui.cli.context import Context
from glancetui.cli.image_columns import print_image
from glancetui.cli.output import Column, text_or_dash
from glancetui.cli.targets import confirm, named
from glancetui.cli.verbs import UsageError, key_value
from glancetui.cli.waiting import wait_for
from glancetui.client.masking import masked_url
from glancetui.client.values import RemoteImage, RemoteLocation
from glancetui.errors import BadRequest, Forbidden, NotFound

COLUMNS = (
    Column("url", "URL", text_or_dash),
    Column("store", "STORE", text_or_dash),
    Column("metadata", "METADATA", text_or_dash),
)


def list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name; of a queued image this becomes its data")
    parser.add_argument("url", metavar="URL", help="where the data lies")
    parser.add_argument("--hash", metavar="ALGO:HEX", help="such as sha256:9f86…; what the data must be")
    parser.add_argument(
        "--metadata", metavar="K=V", type=key_value, action="append", default=[],
        help="of the location; the endpoint must let clients change locations (show_multiple_locations)",
    )  # fmt: skip
    wait_arguments(parser)


def remove_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")
    parser.add_argument("url", metavar="URL", help="as `image location list -f value -c url` prints it")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def list_locations(context: Context) -> None:
    """List where an image's copies lie. Secrets in URLs are masked."""
    image = context.client.find_image(context.arguments.image)
    rows = ({**row, "url": masked_url(str(row["url"]))} for row in map(row_of, locations_of(context, image)))
    context.printer.rows(COLUMNS, rows, ("url", "store", "metadata"))


def row_of(location: RemoteLocation) -> dict[str, object]:
    metadata = dict(location.metadata)
    return {"url": location.url, "store": metadata.pop("store", None), "metadata": metadata}


def locations_of(context: Context, image: RemoteImage) -> Sequence[RemoteLocation]:
    """As a service is told, else as the image shows them. Raises what refused the first where it shows none."""
    try:
        return context.client.locations(image.id)
    except (BadRequest, Forbidden, NotFound):  # the first of an endpoint that has no such call
        shown = image.document.get("locations")
        if isinstance(shown, list):
            return msgspec.convert(shown, list[RemoteLocation])
        raise


def add_location(context: Context) -> None:
    """Add a location: the data of a queued image, or another copy of an active one."""
    given = context.arguments
    image = context.client.find_image(given.image)
    said = said_of(given.hash)
    if given.metadata or image.status != "queued":
        validation = {"validation_data": said} if said else {}
        value = {"url": given.url, "metadata": dict(given.metadata), **validation}
        changed = context.client.patch(image.id, [{"op": "add", "path": "/locations/-", "value": value}])
        print_image(context, changed, changed=True)
        return
    known = {task.id for task in context.client.tasks_of_image(image.id)}
    context.client.add_location(image.id, {"url": given.url, **({"validation_data": said} if said else {})})
    task = next((task for task in context.client.tasks_of_image(image.id) if task.id not in known), None)
    if task is not None and given.wait:
        wait_for(context, lambda: task_of(context, image, task.id), image.name or image.id)
    elif task is not None:
        context.say(f"task {task.id} goes on with it: `glancetui task show {task.id} --image {image.id} --wait`")
    print_image(context, context.client.image(image.id), changed=True)


def said_of(text: str | None) -> Mapping[str, str]:
    if text is None:
        return {}
    algorithm, colon, value = text.partition(":")
    if not colon or not value:
        raise UsageError("--hash must look like sha256:9f86d0…")
    return {"os_hash_algo": algorithm, "os_hash_value": value}


def remove_location(context: Context) -> None:
    """Remove one location, and the bytes there if the endpoint put them there. Never the last one."""
    given = context.arguments
    image = context.client.find_image(given.image)
    shown = image.document.get("locations")
    if not isinstance(shown, list):
        raise Forbidden("This endpoint does not let locations be changed (show_multiple_locations is off there).")
    urls = [entry.get("url") for entry in shown if isinstance(entry, dict)]
    if given.url not in urls:
        raise NotFound(f"Image {named(image)} has no location {masked_url(given.url)}.")
    confirm(context, f"Remove the location {masked_url(given.url)} of {named(image)}?")
    # Its number is that of the image as it was seen: on a server of ours another image is refused.
    operation = {"op": "remove", "path": f"/locations/{urls.index(given.url)}"}
    context.client.patch(image.id, [operation], etag=context.client.unchanged(image).etag)
    context.say(f"removed {masked_url(given.url)} from {named(image)}")
