"""The commands that change an image's record: set, unset, tag, untag, deactivate, reactivate, share, unshare."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from glancetui.cli.context import Context
from glancetui.cli.image_columns import print_image
from glancetui.cli.image_data import attribute_arguments, attributes_of
from glancetui.cli.targets import for_each, named, project_id_of
from glancetui.cli.verbs import UsageError
from glancetui.client.edit import pointer
from glancetui.client.values import BASE_ATTRIBUTES, RemoteImage
from glancetui.errors import Conflict, NotFound

Operation = Mapping[str, object]


# set, unset -----------------------------------------------------------------------------------------------------------


def set_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")
    parser.add_argument("--name", help="a new name")
    attribute_arguments(parser)
    state = parser.add_mutually_exclusive_group()
    state.add_argument("--deactivate", action="store_true", help="keep others from downloading it")
    state.add_argument("--activate", action="store_true", help="undo that")


def set_image(context: Context) -> None:
    """Change an image. What is already so is not sent."""
    given = context.arguments
    image = context.client.find_image(given.image)
    wanted = attributes_of(context)
    if "tags" in wanted:
        wanted["tags"] = sorted({*image.tags, *given.tag})
    operations = operations_for(image, wanted)
    if operations:
        image = context.client.patch(image.id, operations)
    if given.deactivate or given.activate:
        (context.client.deactivate if given.deactivate else context.client.reactivate)(image.id)
        image = context.client.image(image.id)
    print_image(context, image, changed=True)


def operations_for(image: RemoteImage, wanted: Mapping[str, object]) -> list[Operation]:
    """The patch that makes `wanted` true, without what is true already."""
    operations: list[Operation] = []
    for key, value in wanted.items():
        has = image.document.get(key)
        same = sorted(image.tags) == value if key == "tags" else has == value and key in image.document
        if not same:
            known = key in BASE_ATTRIBUTES or key in image.properties
            operations.append({"op": "replace" if known else "add", "path": pointer(key), "value": value})
    return operations


def unset_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")
    parser.add_argument("--tag", action="append", default=[], help="repeatable")
    parser.add_argument("--property", action="append", default=[], metavar="KEY", help="repeatable")


def unset_image(context: Context) -> None:
    """Take properties and tags from an image. What it lacks is no failure."""
    given = context.arguments
    if not given.tag and not given.property:
        raise UsageError("Name a --property or a --tag to take away")
    image = context.client.find_image(given.image)
    operations: list[Operation] = [
        {"op": "remove", "path": pointer(key)} for key in dict.fromkeys(given.property) if key in image.document
    ]
    if any(tag in image.tags for tag in given.tag):
        kept = [tag for tag in image.tags if tag not in given.tag]
        operations.append({"op": "replace", "path": "/tags", "value": kept})
    image = context.client.patch(image.id, operations) if operations else image
    print_image(context, image, changed=True)


# tag, untag -----------------------------------------------------------------------------------------------------------


def tag_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")
    parser.add_argument("tags", metavar="TAG", nargs="+")


def tag_image(context: Context) -> None:
    """Add tags to an image."""
    image = context.client.find_image(context.arguments.image)
    for tag in context.arguments.tags:
        context.client.add_tag(image.id, tag)
    context.say(f"tagged {named(image)}: {', '.join(context.arguments.tags)}")


def untag_image(context: Context) -> None:
    """Take tags from an image. What it lacks is no failure."""
    image = context.client.find_image(context.arguments.image)
    for tag in context.arguments.tags:
        if tag in image.tags:
            context.client.remove_tag(image.id, tag)
    context.say(f"untagged {named(image)}: {', '.join(context.arguments.tags)}")


# deactivate, reactivate -----------------------------------------------------------------------------------------------


def several_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="id or name; several are all tried")


def deactivate_images(context: Context) -> int:
    """Keep others from downloading images, without deleting them."""

    def act(ref: str) -> str:
        image = context.client.find_image(ref)
        context.client.deactivate(image.id)
        return f"deactivated {named(image)}"

    return for_each(context, context.arguments.images, act)


def reactivate_images(context: Context) -> int:
    """Make deactivated images active again."""

    def act(ref: str) -> str:
        image = context.client.find_image(ref)
        context.client.reactivate(image.id)
        return f"reactivated {named(image)}"

    return for_each(context, context.arguments.images, act)


# share, unshare -------------------------------------------------------------------------------------------------------


def share_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")
    parser.add_argument("projects", metavar="PROJECT", nargs="+", help="ids of projects")


def share_image(context: Context) -> int:
    """Offer a shared image to projects; each must accept it before it is in its list."""
    image = context.client.find_image(context.arguments.image)
    return for_each(context, context.arguments.projects, lambda project: add_member(context, image, project))


def add_member(context: Context, image: RemoteImage, project: str) -> str:
    """Offer an image to a project; offered already is done."""
    member = project_id_of(context.client, project)
    if image.visibility != "shared":
        how = f"`glancetui image set {image.id} --shared` makes it so"
        raise Conflict(f"Image {named(image)} is {image.visibility}; only a shared one has members: {how}.")
    try:
        added = context.client.add_member(image.id, member)
    except Conflict:
        added = context.client.member(image.id, member)  # raises if it was another conflict
    return f"shared {named(image)} with {added.member_id}: {added.status}"


def unshare_image(context: Context) -> int:
    """Withdraw an image from projects."""
    image = context.client.find_image(context.arguments.image)
    return for_each(context, context.arguments.projects, lambda project: remove_member(context, image, project))


def remove_member(context: Context, image: RemoteImage, project: str) -> str:
    """Withdraw an image from a project; one that is no member is done."""
    try:
        context.client.remove_member(image.id, project_id_of(context.client, project))
    except NotFound:
        known = [member.member_id for member in context.client.members(image.id)]
        if project in known:
            raise
    return f"{named(image)} is no longer shared with {project}"
