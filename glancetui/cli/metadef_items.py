"""What lies in a metadata namespace: properties, objects, tags."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glancetui.cli.context import Context
from glancetui.cli.metadef_namespaces import metadefs_of, namespace_argument
from glancetui.cli.output import Column, plain, text_or_dash, time_text
from glancetui.cli.targets import confirm, for_each
from glancetui.cli.verbs import UsageError
from glancetui.client.metadefs import ItemKind

PROPERTY_COLUMNS = (
    Column("name", "NAME"),
    Column("type", "TYPE", text_or_dash),
    Column("title", "TITLE", text_or_dash),
    Column("enum", "ONE OF", text_or_dash),
    Column("default", "DEFAULT", text_or_dash),
    Column("description", "DESCRIPTION", text_or_dash),
)
OBJECT_COLUMNS = (
    Column("name", "NAME"),
    Column("properties", "PROPERTIES", lambda value: ", ".join(value) if isinstance(value, dict) else plain(value)),
    Column("required", "REQUIRED", text_or_dash),
    Column("description", "DESCRIPTION", text_or_dash),
    Column("updated_at", "UPDATED", time_text),
)
TAG_COLUMNS = (Column("name", "NAME"),)
TYPES = ("array", "boolean", "integer", "number", "object", "string")
#: Options of a property that are one word of its definition each: option, word, reading.
WORDS: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("--title", "title", str),
    ("--description", "description", str),
    ("--default", "default", str),
    ("--pattern", "pattern", str),
    ("--min-length", "minLength", int),
    ("--max-length", "maxLength", int),
)


def list_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)


def item_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("name", metavar="NAME")


def changed_arguments(parser: argparse.ArgumentParser) -> None:
    item_arguments(parser)
    parser.add_argument("--name", dest="new_name", metavar="NAME", help="a new name")


def delete_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("names", metavar="NAME", nargs="+")
    parser.add_argument("--yes", action="store_true", help="do not ask")


# properties -----------------------------------------------------------------------------------------------------------


def list_properties(context: Context) -> None:
    """List the properties of a namespace."""
    rows = metadefs_of(context).items(context.arguments.namespace, "property")
    context.printer.rows(PROPERTY_COLUMNS, rows, ("name", "type", "title", "enum"))


def show_property(context: Context) -> None:
    """Show what a property means and which values it may have."""
    show(context, "property")


def definition_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", choices=TYPES, help="of its values")
    for option, word, reading in WORDS:
        parser.add_argument(option, dest=word, type=reading, metavar="N" if reading is int else "TEXT")
    parser.add_argument("--minimum", type=number, metavar="N")
    parser.add_argument("--maximum", type=number, metavar="N")
    parser.add_argument("--enum", action="append", metavar="VALUE", help="an allowed value; repeat for more")
    parser.add_argument("--operator", dest="operators", action="append", metavar="OP", help="such as '<or>'; repeat")
    file_argument(parser)


def file_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file", "--schema", type=Path, metavar="FILE", help="JSON or YAML; what options name stands above it"
    )


def create_property_arguments(parser: argparse.ArgumentParser) -> None:
    item_arguments(parser)
    definition_arguments(parser)


def create_property(context: Context) -> None:
    """Define a property."""
    given = context.arguments
    create(context, "property", {"title": given.name, "type": "string", **from_file(given), **words(given)})


def set_property_arguments(parser: argparse.ArgumentParser) -> None:
    changed_arguments(parser)
    definition_arguments(parser)


def set_property(context: Context) -> None:
    """Change a property's definition; what is not named stays."""
    change(context, "property", {**from_file(context.arguments), **words(context.arguments)})


def words(given: argparse.Namespace) -> dict[str, Any]:
    """What the options say of a definition."""
    names = ("type", *(word for _, word, _ in WORDS), "minimum", "maximum", "enum", "operators")
    return {name: getattr(given, name) for name in names if getattr(given, name) is not None}


def number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def delete_properties(context: Context) -> int:
    """Delete properties of a namespace."""
    return delete(context, "property")


# objects --------------------------------------------------------------------------------------------------------------


def list_objects(context: Context) -> None:
    """List the objects of a namespace."""
    rows = metadefs_of(context).items(context.arguments.namespace, "object")
    context.printer.rows(OBJECT_COLUMNS, rows, ("name", "properties", "required", "description"))


def show_object(context: Context) -> None:
    """Show an object and its properties."""
    show(context, "object")


def object_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--description", metavar="TEXT")
    parser.add_argument("--required", action="append", metavar="PROPERTY", help="always needed; repeat for more")
    file_argument(parser)


def create_object_arguments(parser: argparse.ArgumentParser) -> None:
    item_arguments(parser)
    object_arguments(parser)


def create_object(context: Context) -> None:
    """Make an object; its properties come out of a file."""
    create(context, "object", {**from_file(context.arguments), **object_words(context.arguments)})


def set_object_arguments(parser: argparse.ArgumentParser) -> None:
    changed_arguments(parser)
    object_arguments(parser)


def set_object(context: Context) -> None:
    """Change an object; what is not named stays."""
    change(context, "object", {**from_file(context.arguments), **object_words(context.arguments)})


def object_words(given: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(given, name) for name in ("description", "required") if getattr(given, name) is not None}


def delete_objects(context: Context) -> int:
    """Delete objects of a namespace."""
    return delete(context, "object")


# tags -----------------------------------------------------------------------------------------------------------------


def list_tags(context: Context) -> None:
    """List the tags of a namespace."""
    context.printer.rows(TAG_COLUMNS, metadefs_of(context).tags(context.arguments.namespace), ("name",))


def show_tag(context: Context) -> None:
    """Show a tag of a namespace."""
    context.printer.item(metadefs_of(context).tag(context.arguments.namespace, context.arguments.name))


def tags_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("names", metavar="NAME", nargs="+")


def create_tags(context: Context) -> None:
    """Add tags to a namespace, all or none."""
    given = context.arguments
    metadefs_of(context).add_tags(given.namespace, given.names)
    context.say(f"added {', '.join(given.names)} to {given.namespace}")


def rename_arguments(parser: argparse.ArgumentParser) -> None:
    item_arguments(parser)
    parser.add_argument("--name", dest="new_name", metavar="NAME", required=True, help="its new name")


def rename_tag(context: Context) -> None:
    """Give a tag another name."""
    given = context.arguments
    context.printer.item(metadefs_of(context).rename_tag(given.namespace, given.name, given.new_name))


def delete_tags(context: Context) -> int:
    """Delete tags of a namespace."""
    return delete(context, "tag")


# common ---------------------------------------------------------------------------------------------------------------


def show(context: Context, kind: ItemKind) -> None:
    given = context.arguments
    context.printer.item(metadefs_of(context).item(given.namespace, kind, given.name))


def create(context: Context, kind: ItemKind, wanted: dict[str, Any]) -> None:
    given = context.arguments
    context.printer.item(metadefs_of(context).add_item(given.namespace, kind, {**wanted, "name": given.name}))


def change(context: Context, kind: ItemKind, wanted: dict[str, Any]) -> None:
    """The API replaces the whole, so what is there already is sent too."""
    given = context.arguments
    metadefs = metadefs_of(context)
    server_words = {"self", "schema", "created_at", "updated_at"}
    before = {k: v for k, v in metadefs.item(given.namespace, kind, given.name).items() if k not in server_words}
    document = {**before, **wanted, "name": given.new_name or given.name}
    context.printer.item(metadefs.change_item(given.namespace, kind, given.name, document))


def delete(context: Context, kind: str) -> int:
    given = context.arguments
    metadefs = metadefs_of(context)
    confirm(context, f"Delete {kind} {', '.join(given.names)} of {given.namespace}?")

    def act(name: str) -> str:
        metadefs.delete_item(given.namespace, kind, name)
        return f"deleted {kind} {name} of {given.namespace}"

    return for_each(context, given.names, act)


def from_file(given: argparse.Namespace) -> dict[str, Any]:
    from glancetui.definitions import texts

    if given.file is None:
        return {}
    try:
        return texts.read_file(given.file)
    except OSError as error:
        raise UsageError(f"{given.file} cannot be read: {error.strerror}") from error
