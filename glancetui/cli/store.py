"""`glancetui store …`: the stores of an endpoint."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from glancetui.cli.context import Context
from glancetui.cli.output import Column, text_or_dash, yes_no
from glancetui.cli.verbs import Verb
from glancetui.errors import Forbidden, NotFound

COLUMNS = (
    Column("id", "ID", text_or_dash),
    Column("type", "TYPE", text_or_dash),
    Column("default", "DEFAULT", yes_no),
    Column("read_only", "READ_ONLY", yes_no),
    Column("weight", "WEIGHT", text_or_dash, right=True),
    Column("description", "DESCRIPTION", text_or_dash),
    Column("properties", "PROPERTIES", text_or_dash),
)
DEFAULT = ("id", "type", "default", "read_only", "weight", "description")


def show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="its id")


def list_stores(context: Context) -> None:
    """List the stores that may be named, in the order of the configuration."""
    context.printer.rows(COLUMNS, stores_of(context), DEFAULT)


def show_store(context: Context) -> None:
    """Show one store: its kind, weight and properties as far as you may know them."""
    wanted = context.arguments.store
    found = next((store for store in stores_of(context) if store["id"] == wanted), None)
    if found is None:
        raise NotFound(f"The endpoint has no store {wanted}. `glancetui store list` names them.")
    context.printer.item(found)


def stores_of(context: Context) -> Sequence[Mapping[str, object]]:
    """In detail where the endpoint tells, else what everybody is told; nothing where there is only one."""
    try:
        entries = context.client.store_documents()
    except (Forbidden, NotFound):
        return [
            {"id": store.id, "description": store.description, "default": store.default, "read_only": store.read_only}
            for store in context.client.stores()
        ]
    return [plain(entry) for entry in entries]


def plain(entry: Mapping[str, object]) -> dict[str, object]:
    """Flags are texts on the wire, there only where they are true."""
    flags = {"default": entry.get("default") == "true", "read_only": entry.get("read-only") == "true"}
    return {**{name: value for name, value in entry.items() if name != "read-only"}, **flags}


VERBS: Mapping[str, Verb] = {
    "list": Verb(__name__, "list_stores"),
    "show": Verb(__name__, "show_store", "show_arguments"),
}
