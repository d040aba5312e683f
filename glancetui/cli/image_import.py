"""`image stage`, `image import`, `image copy`: data that the endpoint brings in by itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from glancetui.cli.bringing import bring_in, wait_arguments
from glancetui.cli.context import Context
from glancetui.cli.image_columns import print_image
from glancetui.cli.image_data import give_formats, opened
from glancetui.cli.progress import progress_arguments, shown
from glancetui.cli.targets import named
from glancetui.cli.verbs import UsageError
from glancetui.client import transfer
from glancetui.errors import Conflict

METHODS = ("glance-direct", "web-download", "glance-download")


def store_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--store", metavar="STORE", action="append", default=[], help="where to; repeat for more")
    where.add_argument("--all-stores", action="store_true", help="to every store that takes images")
    parser.add_argument(
        "--allow-failure", action="store_true", help="one store is enough; the image tells which ones failed"
    )


def stage_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name of an image that is queued")
    parser.add_argument("--file", metavar="FILE", required=True, help="- is stdin")
    progress_arguments(parser)


def import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name of an image that is queued, or staged")
    parser.add_argument(
        "--method", choices=METHODS, help="by default web-download with --uri, glance-download with --remote-image"
    )
    parser.add_argument("--uri", metavar="URL", help="where the endpoint finds the data")
    parser.add_argument("--remote-region", metavar="REGION", help="of the Image API that has the image")
    parser.add_argument("--remote-image", metavar="UUID", help="its id there")
    parser.add_argument("--remote-interface", choices=("public", "internal", "admin"))
    store_arguments(parser)
    wait_arguments(parser)


def copy_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name of an active image")
    store_arguments(parser)
    wait_arguments(parser)


def stage_image(context: Context) -> None:
    """Send an image's data to where an import will find them."""
    given = context.arguments
    image = context.client.find_image(given.image)
    if image.status != "queued":
        raise Conflict(f"Image {named(image)} is {image.status}; only a queued one takes data.")
    with opened(given.file) as source:
        if source is None:
            raise UsageError("--file names what to send")
        if image.disk_format is None or image.container_format is None:
            image = give_formats(context, image, source)
        with shown(context, image.id, image.name or image.id) as report:
            transfer.upload(context.client, image.id, source, to="stage", report=report)
    print_image(context, context.client.image(image.id))


def import_image(context: Context) -> int:
    """Have the endpoint bring an image's data in: staged ones, from a web server, or from another region."""
    return begin(context, method_of(context.arguments))


def copy_image(context: Context) -> int:
    """Have the endpoint copy an image to more stores."""
    given = context.arguments
    if not given.store and not given.all_stores:
        raise UsageError("Say --store STORE or --all-stores")
    return begin(context, {"name": "copy-image"})


def begin(context: Context, method: Mapping[str, str]) -> int:
    image = context.client.find_image(context.arguments.image)
    bring_in(context, image, request_of(context.arguments, method))
    print_image(context, context.client.image(image.id))
    return 0


def method_of(given: argparse.Namespace) -> dict[str, str]:
    name = given.method or ("web-download" if given.uri else "glance-download" if given.remote_image else METHODS[0])
    method = {"name": name}
    if name == "web-download":
        if not given.uri:
            raise UsageError("web-download needs --uri")
        method["uri"] = given.uri
    if name == "glance-download":
        if not (given.remote_image and given.remote_region):
            raise UsageError("glance-download needs --remote-region and --remote-image")
        method |= {"glance_image_id": given.remote_image, "glance_region": given.remote_region}
        if given.remote_interface:
            method["glance_service_interface"] = given.remote_interface
    return method


def request_of(given: argparse.Namespace, method: Mapping[str, str]) -> dict[str, object]:
    request: dict[str, object] = {"method": method}
    if given.store:
        request["stores"] = given.store
    if given.all_stores:
        request["all_stores"] = True
    if given.allow_failure:
        request["all_stores_must_succeed"] = False
    return request
