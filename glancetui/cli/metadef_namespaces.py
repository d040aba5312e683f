"""Metadata namespaces and resource types: list, show, create, set, delete, associate."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import Any

from glancetui.cli import verbs
from glancetui.cli.context import Context
from glancetui.cli.output import Column, text_or_dash, time_text, yes_no
from glancetui.cli.targets import confirm, for_each
from glancetui.client.metadefs import Metadefs
from glancetui.definitions.difference import OWN

COLUMNS = (
    Column("namespace", "NAMESPACE"),
    Column("display_name", "NAME", text_or_dash),
    Column("visibility", "VISIBILITY", text_or_dash),
    Column("protected", "PROTECTED", yes_no),
    Column("owner", "OWNER", text_or_dash),
    Column("resource_types", "RESOURCE TYPES", text_or_dash),
    Column("description", "DESCRIPTION", text_or_dash),
    Column("created_at", "CREATED", time_text),
    Column("updated_at", "UPDATED", time_text),
)
DEFAULT = ("namespace", "display_name", "visibility", "resource_types")
LONG = ("namespace", "display_name", "visibility", "protected", "owner", "resource_types", "description")
TYPE_COLUMNS = (
    Column("name", "NAME"),
    Column("prefix", "PREFIX", text_or_dash),
    Column("properties_target", "TARGET", text_or_dash),
    Column("created_at", "CREATED", time_text),
)


def metadefs_of(context: Context) -> Metadefs:
    return Metadefs(context.client)


# list, show -----------------------------------------------------------------------------------------------------------


def list_arguments(parser: argparse.ArgumentParser) -> None:
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--public", dest="visibility", action="store_const", const="public", help="public ones only")
    seen.add_argument("--private", dest="visibility", action="store_const", const="private", help="private ones only")
    parser.add_argument("--resource-types", metavar="TYPE,…", help="those for any of these, such as OS::Glance::Image")
    parser.add_argument("--sort", choices=("namespace", "created_at", "updated_at"), default="namespace")
    parser.add_argument("--limit", "--max-items", type=verbs.count, metavar="N", help="at most this many")
    parser.add_argument("--long", action="store_true", help="more columns")


def list_namespaces(context: Context) -> None:
    """List the metadata namespaces that you can see."""
    given = context.arguments
    parameters = {"sort_key": given.sort, "sort_dir": "asc" if given.sort == "namespace" else "desc"}
    parameters |= {"visibility": given.visibility} if given.visibility else {}
    parameters |= {"resource_types": given.resource_types} if given.resource_types else {}
    found = metadefs_of(context).namespaces(parameters)
    limited = islice(found, given.limit) if given.limit is not None else found
    context.printer.rows(COLUMNS, (with_types(each) for each in limited), LONG if given.long else DEFAULT)


def with_types(document: dict[str, Any]) -> dict[str, Any]:
    """With the names of its resource types in one place."""
    names = [each.get("name") for each in document.get("resource_type_associations") or ()]
    return {**document, "resource_types": names}


def namespace_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("namespace", metavar="NAMESPACE", help="its name, such as OS::Compute::LibvirtImage")


def show_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("--resource-type", metavar="TYPE", help="with names as they are spelled on this kind")


def show_namespace(context: Context) -> None:
    """Show a namespace and all that lies in it."""
    given = context.arguments
    document = metadefs_of(context).namespace(given.namespace, given.resource_type)
    context.printer.item(document, for_people(document))


def for_people(document: dict[str, Any]) -> dict[str, str]:
    types = document.get("resource_type_associations") or ()
    return {
        "resource_type_associations": ", ".join(type_text(each) for each in types),
        "properties": ", ".join(sorted(document.get("properties") or {})),
        "objects": ", ".join(each.get("name", "") for each in document.get("objects", ())),
        "tags": ", ".join(each.get("name", "") for each in document.get("tags", ())),
    }  # fmt: skip


def type_text(association: dict[str, Any]) -> str:
    prefix = association.get("prefix")
    return f"{association.get('name')} ({prefix}…)" if prefix else str(association.get("name"))


# create, set, delete --------------------------------------------------------------------------------------------------


def own_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--display-name", metavar="NAME", help="what people are shown")
    parser.add_argument("--description", metavar="TEXT")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--public", dest="visibility", action="store_const", const="public", help="everybody sees it")
    seen.add_argument("--private", dest="visibility", action="store_const", const="private", help="its project sees it")
    safe = parser.add_mutually_exclusive_group()
    safe.add_argument("--protected", action="store_true", default=None, help="it cannot be deleted")
    safe.add_argument("--unprotected", dest="protected", action="store_false", help="it can be deleted")
    parser.add_argument("--project", "--owner", dest="owner", metavar="ID", help="the project that owns it")


def create_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    own_arguments(parser)
    parser.add_argument(
        "--resource-type", action="append", default=[], metavar="TYPE", help="a kind it is for; repeat for more"
    )
    parser.add_argument("--if-absent", action="store_true", help="one that is there already will do")


def create_namespace(context: Context) -> None:
    """Make an empty namespace. `metadef import` makes one with all that is in a file."""
    given = context.arguments
    metadefs = metadefs_of(context)
    found = metadefs.find(given.namespace) if given.if_absent else None
    if found is None:
        types = [{"name": name} for name in given.resource_type]
        document = {"namespace": given.namespace, **own_values(given)}
        found = metadefs.create(document | ({"resource_type_associations": types} if types else {}))
    context.printer.item(found, for_people(found))


def set_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("--name", metavar="NAMESPACE", help="a new name")
    own_arguments(parser)


def set_namespace(context: Context) -> None:
    """Change a namespace's own attributes; what is not named stays."""
    given = context.arguments
    metadefs = metadefs_of(context)
    before = metadefs.namespace(given.namespace)
    kept = {name: before[name] for name in OWN if before.get(name) is not None}
    changed = metadefs.change(
        given.namespace, {"namespace": given.name or given.namespace, **kept, **own_values(given)}
    )
    context.printer.item(changed)


def own_values(given: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(given, name) for name in OWN if getattr(given, name) is not None}


def delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("namespaces", metavar="NAMESPACE", nargs="+")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--if-exists", action="store_true", help="one that is not there will do")


def delete_namespaces(context: Context) -> int:
    """Delete namespaces with all that lies in them."""
    given = context.arguments
    metadefs = metadefs_of(context)
    confirm(context, f"Delete {', '.join(given.namespaces)} with all that lies in it?")

    def act(name: str) -> str:
        if given.if_exists and metadefs.find(name) is None:
            return f"{name} is not there"
        metadefs.delete(name)
        return f"deleted {name}"

    return for_each(context, given.namespaces, act)


# resource types -------------------------------------------------------------------------------------------------------


def resource_types_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("namespace", metavar="NAMESPACE", nargs="?", help="those that it is for, with their prefixes")


def list_resource_types(context: Context) -> None:
    """List the kinds of resource that are known, or those that a namespace is for."""
    namespace = context.arguments.namespace
    metadefs = metadefs_of(context)
    rows = metadefs.associations(namespace) if namespace else metadefs.resource_types()
    context.printer.rows(TYPE_COLUMNS, rows, ("name", "prefix", "properties_target") if namespace else ("name",))


def associate_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("resource_type", metavar="TYPE", help="such as OS::Glance::Image or OS::Nova::Flavor")
    parser.add_argument("--prefix", help="what stands before the properties' names there, separator included")
    parser.add_argument("--properties-target", metavar="TARGET", help="which of several sets of properties is meant")


def associate(context: Context) -> None:
    """Say that a namespace's properties go on a kind of resource."""
    given = context.arguments
    parts = {"name": given.resource_type, "prefix": given.prefix, "properties_target": given.properties_target}
    document = {name: value for name, value in parts.items() if value is not None}
    context.printer.item(metadefs_of(context).associate(given.namespace, document))


def dissociate_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("types", metavar="TYPE", nargs="+")


def dissociate(context: Context) -> int:
    """Say that a namespace's properties do not go on a kind of resource any more."""
    given = context.arguments
    metadefs = metadefs_of(context)

    def act(name: str) -> str:
        metadefs.dissociate(given.namespace, name)
        return f"{given.namespace} is not for {name} any more"

    return for_each(context, given.types, act)
