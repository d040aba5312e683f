"""`glancetui image …`"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from glancetui.cli import image_changes as changes
from glancetui.cli.context import Context
from glancetui.cli.image_columns import COLUMNS, DEFAULT, LONG, masked_row, print_image
from glancetui.cli.image_data import (
    create_arguments,
    create_image,
    save_arguments,
    save_image,
    upload_arguments,
    upload_image,
)
from glancetui.cli.targets import confirm, for_each, named
from glancetui.cli.verbs import UsageError, Verb, key_value
from glancetui.client.filters import Comparison, Filter, Plan, parse
from glancetui.client.filters import Context as FilterContext
from glancetui.client.query import DEFAULT_SORT, NULLABLE, ImageQuery, in_order, parse_sort
from glancetui.client.values import RemoteImage
from glancetui.errors import NotFound, Stale

if TYPE_CHECKING:
    from glancetui.client.query import SortKey

STREAM_PAGE = 1000


# list -----------------------------------------------------------------------------------------------------------------


def list_arguments(parser: argparse.ArgumentParser) -> None:
    seen = parser.add_mutually_exclusive_group()
    for visibility in ("public", "private", "community", "shared"):
        seen.add_argument(
            f"--{visibility}", dest="visibility", action="store_const", const=visibility, help=argparse.SUPPRESS
        )
    seen.add_argument("--all", dest="visibility", action="store_const", const="all", help="every visibility")
    parser.add_argument("--filter", default="", metavar="FILTER", help="such as 'status=active size>10G name~^u'")
    parser.add_argument("--name", help="with exactly this name")
    parser.add_argument("--status", help="in this status")
    parser.add_argument("--project", metavar="ID", help="owned by this project")
    parser.add_argument("--tag", action="append", default=[], help="with this tag; repeat for more")
    parser.add_argument(
        "--property", type=key_value, action="append", default=[], metavar="K=V", help="with this property"
    )
    parser.add_argument("--member-status", choices=("pending", "accepted", "rejected", "all"), help="of offers to us")
    parser.add_argument("--hidden", action="store_true", help="hidden images only")
    parser.add_argument("--sort", type=parse_sort, default=DEFAULT_SORT, metavar="COL[:asc|:desc],…", help="the order")
    parser.add_argument("--limit", "--max-items", type=int, metavar="N", help="at most this many")
    parser.add_argument("--marker", metavar="IMAGE", help="begin after this one")
    parser.add_argument("--page-size", type=int, default=STREAM_PAGE, metavar="N", help="images a request")
    parser.add_argument("--long", action="store_true", help="more columns")


def list_images(context: Context) -> None:
    """List the images that you can see."""
    given = context.arguments
    plan = asked_for(context)
    query = ImageQuery.of(plan, given.sort)
    found = (image for image in all_images(context, query) if plan.matches(image))
    limited = islice(found, given.limit) if given.limit is not None else found
    rows = (masked_row(image) for image in limited)
    context.printer.rows(COLUMNS, rows, LONG if given.long else DEFAULT)


def asked_for(context: Context) -> Plan:
    """The flags are terms of the filter language, so both mean the same thing."""
    given = context.arguments
    terms = [*parse(given.filter).terms]
    flags = {"name": given.name, "status": given.status, "owner": given.project, "member_status": given.member_status}
    terms += [Comparison(field, "=", (value,)) for field, value in flags.items() if value is not None]
    terms += [Comparison("tag", "=", (tag,)) for tag in given.tag]
    terms += [Comparison("prop", "=", (value,), key) for key, value in given.property]
    terms += [Comparison("hidden", "=", ("yes",))] if given.hidden else []
    wants_me = any(isinstance(term, Comparison) and term.field == "owner" and "me" in term.values for term in terms)
    project = context.client.caller().project_id if wants_me else None
    plan = Filter(tuple(terms)).plan(FilterContext(project))
    return plan if given.visibility is None else plan.with_parameter("visibility", given.visibility)


def all_images(context: Context, query: ImageQuery) -> Iterator[RemoteImage]:
    """The images in order. Endpoints lose or repeat some where they sort by what can be missing: that is done here."""
    given = context.arguments
    page_size = max(1, min(given.page_size, given.limit or STREAM_PAGE, STREAM_PAGE))
    if given.marker is not None:
        marker = context.client.find_image(given.marker).id
        return context.client.images(query, page_size=page_size, after=marker)
    if not sorts_by_missing(query.sort):
        return context.client.images(query, page_size=page_size)
    first = None if query.hidden_too else context.client.page(query, limit=STREAM_PAGE)
    if first is not None and not first.more:
        return iter(first.images)
    by_time = ImageQuery(params=query.params, hidden_too=query.hidden_too)
    return iter(in_order(query, context.client.images(by_time)))


def sorts_by_missing(sort: Iterable[SortKey]) -> bool:
    return any(key.key in NULLABLE for key in sort)


# show -----------------------------------------------------------------------------------------------------------------


def one_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")


def show_image(context: Context) -> None:
    """Show one image."""
    print_image(context, context.client.find_image(context.arguments.image))


# delete ---------------------------------------------------------------------------------------------------------------


def several_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="id or name; several are all tried")


def delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="id or name; several are all tried")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
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
    if given.dry_run:
        found = (masked_row(context.client.find_image(ref)) for ref in given.images)
        context.printer.rows(COLUMNS, found, DEFAULT)
        return 0
    if given.plan:
        planned = read_plan(given.plan)
        confirm(context, f"Delete the {len(planned)} images of {given.plan}?")
        return for_each(context, list(planned), lambda ref: delete_planned(context, planned[ref]))
    confirm(context, f"Delete {', '.join(given.images)}?")
    return for_each(context, given.images, lambda ref: delete_image(context, ref))


def delete_image(context: Context, ref: str) -> str:
    try:
        image = context.client.find_image(ref)
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


VERBS: Mapping[str, Verb] = {
    "list": Verb(list_images, list_arguments),
    "show": Verb(show_image, one_image),
    "create": Verb(create_image, create_arguments),
    "upload": Verb(upload_image, upload_arguments),
    "save": Verb(save_image, save_arguments),
    "set": Verb(changes.set_image, changes.set_arguments),
    "unset": Verb(changes.unset_image, changes.unset_arguments),
    "delete": Verb(delete_images, delete_arguments),
    "deactivate": Verb(changes.deactivate_images, several_images),
    "reactivate": Verb(changes.reactivate_images, several_images),
    "share": Verb(changes.share_image, changes.share_arguments),
    "unshare": Verb(changes.unshare_image, changes.share_arguments),
    "tag": Verb(changes.tag_image, changes.tag_arguments),
    "untag": Verb(changes.untag_image, changes.tag_arguments),
}
