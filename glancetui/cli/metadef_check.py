"""`glancetui metadef check`: do images keep to the definitions of their properties?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from glancetui.cli.context import Context
from glancetui.cli.metadef_namespaces import metadefs_of
from glancetui.cli.output import Column, text_or_dash
from glancetui.cli.verbs import UsageError
from glancetui.client.query import ImageQuery
from glancetui.client.values import BASE_ATTRIBUTES, RemoteImage

if TYPE_CHECKING:
    from glancetui.definitions.check import Finding

COLUMNS = (
    Column("image_id", "ID"),
    Column("image", "IMAGE", text_or_dash),
    Column("kind", "KIND"),
    Column("key", "PROPERTY"),
    Column("value", "VALUE", text_or_dash),
    Column("namespace", "NAMESPACE", text_or_dash),
    Column("constraint", "CONSTRAINT"),
    Column("sentence", "WHAT IS WRONG"),
)
DEFAULT = ("image", "kind", "sentence", "namespace")


def check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="ids or names")
    parser.add_argument("--all", action="store_true", help="every image that you can see")
    parser.add_argument(
        "--namespace", action="append", default=[], metavar="NAME", help="against these only; repeat for more"
    )


def check_images(context: Context) -> int:
    """Say which properties of images break a definition, are misspelt, or need another one. Exit 1 if any does."""
    given = context.arguments
    if bool(given.images) == given.all:
        raise UsageError("Name images, or say --all")
    book = metadefs_of(context).book(context.arguments.namespace)
    if not len(book):
        raise UsageError(
            "The endpoint has no definitions for images. `glancetui db load-metadefs` loads the usual ones"
        )
    count = {"images": 0, "findings": 0}

    def rows() -> Iterator[Mapping[str, object]]:
        for image in chosen(context):
            count["images"] += 1
            for finding in book.check(image.properties, BASE_ATTRIBUTES):
                count["findings"] += 1
                yield row_of(image, finding)

    context.printer.rows(COLUMNS, rows(), DEFAULT)
    context.say(f"{count['images']} images were checked against {len(book)} definitions: {count['findings']} findings.")
    return 1 if count["findings"] else 0


def chosen(context: Context) -> Iterator[RemoteImage]:
    if context.arguments.all:
        yield from context.client.images(ImageQuery(hidden_too=True))
        return
    yield from (context.client.find_image(ref) for ref in context.arguments.images)


def row_of(image: RemoteImage, finding: Finding) -> dict[str, object]:
    return {
        "image_id": image.id,
        "image": image.name or image.id,
        "kind": finding.kind,
        "key": finding.key,
        "value": finding.value,
        "namespace": finding.namespace,
        "constraint": finding.constraint,
        "sentence": finding.sentence,
    }
