"""`glancetui member …`: who sees a shared image, and answering an offer."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from glancetui.cli.context import Context
from glancetui.cli.image_changes import add_member, remove_member
from glancetui.cli.output import Column, text_or_dash, time_text
from glancetui.cli.targets import for_each, named
from glancetui.cli.verbs import UsageError, Verb
from glancetui.client.values import RemoteMember

COLUMNS = (
    Column("image_id", "IMAGE", text_or_dash),
    Column("member_id", "PROJECT", text_or_dash),
    Column("status", "STATUS", text_or_dash),
    Column("created_at", "CREATED", time_text),
    Column("updated_at", "UPDATED", time_text),
)
DEFAULT = ("image_id", "member_id", "status", "updated_at")


def image_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")


def member_argument(parser: argparse.ArgumentParser) -> None:
    image_argument(parser)
    parser.add_argument("project", metavar="PROJECT", help="its id")


def members_argument(parser: argparse.ArgumentParser) -> None:
    image_argument(parser)
    parser.add_argument("projects", metavar="PROJECT", nargs="+", help="ids of projects")


def answer_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="ids; an open offer has no name here")
    parser.add_argument("--project", metavar="ID", help="the member that answers; by default your own project")


def set_arguments(parser: argparse.ArgumentParser) -> None:
    member_argument(parser)
    parser.add_argument("--status", required=True, choices=("accepted", "rejected", "pending"))


def list_members(context: Context) -> None:
    """List the projects that an image was offered to."""
    image = context.client.find_image(context.arguments.image)
    context.printer.rows(COLUMNS, (member.document for member in context.client.members(image.id)), DEFAULT)


def show_member(context: Context) -> None:
    """Show one offer."""
    image = context.client.find_image(context.arguments.image)
    print_member(context, context.client.member(image.id, context.arguments.project))


def add_members(context: Context) -> int:
    """Offer a shared image to projects."""
    image = context.client.find_image(context.arguments.image)
    return for_each(context, context.arguments.projects, lambda project: add_member(context, image, project))


def remove_members(context: Context) -> int:
    """Withdraw an image from projects."""
    image = context.client.find_image(context.arguments.image)
    return for_each(context, context.arguments.projects, lambda project: remove_member(context, image, project))


def set_member(context: Context) -> None:
    """Give a project's answer."""
    given = context.arguments
    image = context.client.find_image(given.image)
    print_member(context, context.client.answer_offer(image.id, given.project, given.status))


def accept(context: Context) -> int:
    """Accept images that were offered: they are in your list from then on."""
    return answer(context, "accepted")


def reject(context: Context) -> int:
    """Refuse images that were offered."""
    return answer(context, "rejected")


def postpone(context: Context) -> int:
    """Take an answer back: the offer is open again."""
    return answer(context, "pending")


def answer(context: Context, status: str) -> int:
    project = context.arguments.project or context.client.caller().project_id
    if not project:
        raise UsageError("Which project answers is not known here: say --project ID")

    def act(ref: str) -> str:
        image = context.client.find_image(ref)
        context.client.answer_offer(image.id, project, status)
        return f"{status} {named(image)} for {project}"

    return for_each(context, context.arguments.images, act)


def print_member(context: Context, member: RemoteMember) -> None:
    context.printer.item(member.document)


VERBS: Mapping[str, Verb] = {
    "list": Verb(__name__, "list_members", "image_argument"),
    "show": Verb(__name__, "show_member", "member_argument"),
    "add": Verb(__name__, "add_members", "members_argument"),
    "remove": Verb(__name__, "remove_members", "members_argument"),
    "accept": Verb(__name__, "accept", "answer_argument"),
    "reject": Verb(__name__, "reject", "answer_argument"),
    "pending": Verb(__name__, "postpone", "answer_argument"),
    "set": Verb(__name__, "set_member", "set_arguments"),
    "create": Verb(__name__, "add_members", "members_argument", hidden=True),  # openstackclient's words for the same
    "delete": Verb(__name__, "remove_members", "members_argument", hidden=True),
}
