"""`image list` and `image show`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from glancetui.cli.context import Context
from glancetui.cli.image_columns import COLUMNS, DEFAULT, LONG, masked_row, print_image
from glancetui.cli.verbs import count, key_value
from glancetui.client.filters import Comparison, Filter, Plan, parse
from glancetui.client.filters import Context as FilterContext
from glancetui.client.imports import WITHOUT_DATA, failed_stores, failure
from glancetui.client.query import DEFAULT_SORT, NULLABLE, Count, ImageQuery, in_order, parse_sort
from glancetui.client.values import RemoteImage
from glancetui.errors import NotFound

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
    parser.add_argument("--limit", "--max-items", type=count, metavar="N", help="at most this many")
    parser.add_argument("--marker", metavar="IMAGE", help="begin after this one")
    parser.add_argument("--page-size", type=count, default=STREAM_PAGE, metavar="N", help="images a request")
    parser.add_argument("--count", action="store_true", help="only how many there are; exact: no if there may be more")
    parser.add_argument("--long", action="store_true", help="more columns")


def list_images(context: Context) -> None:
    """List the images that you can see."""
    given = context.arguments
    plan = asked_for(context)
    query = ImageQuery.of(plan, given.sort)
    if given.count:
        total = counted(context, plan, query)
        context.printer.item({"count": total.number, "exact": total.exact}, {"exact": "yes" if total.exact else "no"})
        return
    found = (image for image in all_images(context, query) if plan.matches(image))
    limited = islice(found, given.limit) if given.limit is not None else found
    rows = (masked_row(image) for image in limited)
    context.printer.rows(COLUMNS, rows, LONG if given.long else DEFAULT)


def counted(context: Context, plan: Plan, query: ImageQuery) -> Count:
    """By the endpoint if it can; else image by image, which is exact and takes as long as listing them."""
    given = context.arguments
    whole = not plan.local and given.limit is None and given.marker is None
    total = context.client.count(query) if whole else None
    if total is not None:
        return total
    by_time = ImageQuery(params=query.params, hidden_too=query.hidden_too)
    found = (image for image in all_images(context, query if given.marker else by_time) if plan.matches(image))
    return Count(number=sum(1 for _ in islice(found, given.limit)), exact=True)


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


def show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")


def show_image(context: Context) -> None:
    """Show one image."""
    image = context.client.find_image(context.arguments.image)
    print_image(context, image)
    why = last_failure(context, image)
    if why:
        context.say(f"its last import failed: {why}")


def last_failure(context: Context, image: RemoteImage) -> str:
    """Empty where all is well, or where the endpoint tells nobody."""
    if image.status not in WITHOUT_DATA and not failed_stores(image):
        return ""
    try:
        return failure(image, next(iter(context.client.tasks_of_image(image.id)), None))
    except NotFound:
        return ""
