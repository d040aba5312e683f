"""`image delete`, by names or by a plan that was looked at first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import msgspec

from glancetui.cli.context import Context
from glancetui.cli.image_columns import COLUMNS, DEFAULT, masked_row
from glancetui.cli.targets import confirm, for_each, named
from glancetui.cli.verbs import UsageError
from glancetui.errors import NotFound, Stale


def delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="id or name; several are all tried")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument("--store", metavar="STORE", help="only the copy in this store; never the last one")
    parser.add_argument("--if-exists", action="store_true", help="what is not there counts as deleted")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be deleted, in any -f, and delete nothing"
    )
    parser.add_argument(
        "--plan", metavar="FILE", help="delete what a --dry-run -f json printed, where it is still as it was"
    )


def delete_images(context: Context) -> int:
    """Delete images and their data."""
    given = context.arguments
    if bool(given.images) == bool(given.plan):
        raise UsageError("Name the images to delete, or a --plan of them")
    if given.plan and given.store:
        raise UsageError("A plan deletes images whole: leave out --store")
    if given.dry_run:
        found = (masked_row(context.client.find_image(ref)) for ref in given.images)
        context.printer.rows(COLUMNS, found, DEFAULT)
        return 0
    if given.plan:
        planned = read_plan(given.plan)
        confirm(context, f"Delete the {len(planned)} images of {given.plan}?")
        return for_each(context, list(planned), lambda ref: delete_planned(context, planned[ref]))
    what = ", ".join(given.images)
    confirm(context, f"Delete the copies of {what} in store {given.store}?" if given.store else f"Delete {what}?")
    return for_each(context, given.images, lambda ref: delete_image(context, ref))


def delete_image(context: Context, ref: str) -> str:
    try:
        image = context.client.find_image(ref)
        if store := context.arguments.store:
            context.client.remove_copy(image.id, store)
            return f"deleted the copy of {named(image)} in store {store}"
        context.client.delete(image.id)
    except NotFound:
        if not context.arguments.if_exists:
            raise
        return f"{ref} is not there"
    return f"deleted {named(image)}"


class Planned(msgspec.Struct, frozen=True):
    """An image as it was when a plan was made."""

    id: str
    status: str
    updated_at: str


def read_plan(file: str) -> Mapping[str, Planned]:
    try:
        planned = msgspec.json.decode(Path(file).read_bytes(), type=list[Planned])
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{file} is no plan; `glancetui image delete … --dry-run -f json` prints one ({error})"
        ) from error
    return {each.id: each for each in planned}


def delete_planned(context: Context, planned: Planned) -> str:
    """Delete just what the plan was about. Raises Stale if it has changed since."""
    image = context.client.image(planned.id)
    if (image.status, image.document.get("updated_at")) != (planned.status, planned.updated_at):
        raise Stale(f"Image {named(image)} has changed since the plan was made; it was left alone.")
    context.client.delete(image.id)
    return f"deleted {named(image)}"
