"""A definition in words: a namespace and each of the things that lie in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from rich.console import RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from glancetui.client.text import clean, cut
from glancetui.definitions.property import Property, normal
from glancetui.definitions.words import constraint
from glancetui.tui.described import Entry
from glancetui.tui.palette import Palette
from glancetui.tui.ports import Document
from glancetui.tui.shelf import Node, children, counted, prefixes, text

LABEL = 13
LONGEST = 400  # characters of a description beside a property's value
Fact = tuple[str, str]


def detail(node: Node, namespace: Document, palette: Palette) -> RenderableType:
    """`namespace`: the document of the namespace that the node lies in."""
    facts = {
        "namespace": _namespace,
        "resource type": _resource_type,
        "property": _property,
        "object": _object,
        "tag": lambda *_: (),
    }[node.kind]
    return laid_out(node, facts(node, namespace), palette)


def laid_out(node: Node, facts: Iterable[Fact], palette: Palette) -> Table:
    page = Table.grid(padding=0)
    page.add_column(width=LABEL)
    page.add_column(overflow="fold")
    page.add_row(Text(node.kind.capitalize(), palette.soft), Text(clean(node.name), palette.ink + Style(bold=True)))
    if node.kind != "namespace":
        page.add_row(Text("In", palette.soft), Text(clean(_place(node)), palette.soft))
    for label, value in facts:
        if value:
            page.add_row(Text(label, palette.soft), Text(clean(value), palette.ink))
    return page


def entry_detail(entry: Entry | None, was: str | None, note: str, palette: Palette) -> RenderableType:
    """What a property of an image means, and what is wrong with it. `note`: why there is no definition."""
    page = Text(end="")
    if entry is None:
        return page.append("No properties · a adds one", palette.soft)
    inks = {"broken": palette.bad, "unknown": palette.warn, "needs": palette.warn}
    for finding in entry.findings:
        page.append(clean(finding.sentence) + "\n", inks[finding.kind])
    if entry.changed:
        before = "it is not there now" if was is None else f"now {clean(cut(was, 60))!r}"
        renamed = f" as {clean(entry.was)}" if entry.was != entry.key else ""
        page.append(f"* not sent: {before}{renamed} · ctrl+s sends, esc drops it\n", palette.busy)
    for defined in entry.defined:
        definition = defined.judge.definition
        page.append(f"{clean(defined.namespace)}: ", palette.soft)
        page.append(f"{clean(constraint(definition))}\n", palette.ink)
    described = next((d.judge.definition.description for d in entry.defined if d.judge.definition.description), "")
    if isinstance(described, str):
        page.append(clean(cut(described, LONGEST)), palette.soft)
    if not entry.defined:
        page.append(note or "No definition describes it.", palette.soft)
    return page


def _place(node: Node) -> str:
    return f"{node.within}, an object of {node.namespace}" if node.within else node.namespace


def _namespace(node: Node, namespace: Document) -> Iterable[Fact]:
    yield "Called", node.title
    yield "Says", text(namespace.get("description"))
    yield "Visibility", text(namespace.get("visibility"))
    yield "Protected", "yes" if namespace.get("protected") is True else "no"
    yield "Owner", text(namespace.get("owner"))
    for number, (name, prefix) in enumerate(prefixes(namespace)):
        yield "" if number else "Goes on", f"{name}, as {prefix}…" if prefix else name
    yield "Holds", counted(child.kind for child in children(node)) or "nothing yet"


def _resource_type(node: Node, _: Document) -> Iterable[Fact]:
    prefix = text(node.document.get("prefix"))
    yield "Prefix", prefix or "none: keys stand there as they are defined"
    yield "For", text(node.document.get("properties_target"))


def _object(node: Node, _: Document) -> Iterable[Fact]:
    yield "Says", text(node.document.get("description"))
    required = node.document.get("required")
    yield "Required", ", ".join(map(str, required)) if isinstance(required, Sequence) else ""
    yield "Holds", counted(child.kind for child in children(node)) or "nothing yet"


def _property(node: Node, namespace: Document) -> Iterable[Fact]:
    yield "Called", node.title
    yield "Says", text(node.document.get("description"))
    for number, (name, prefix) in enumerate(prefixes(namespace)):
        yield "" if number else "Key", f"{prefix}{node.name} on {name}"
    yield from of_property(node.document)


def of_property(document: Document) -> Iterable[Fact]:
    """What a value must be. An endpoint may hold what is no definition; that is said."""
    try:
        definition = normal(msgspec.convert(document, Property))
    except msgspec.ValidationError as error:
        yield "Takes", f"unknown: this is no definition ({error})"
        return
    yield "Takes", constraint(definition)
    yield "Operators", " ".join(definition.operators) if definition.operators else ""
    if definition.default is not msgspec.UNSET:
        default = definition.default
        yield "Default", default if isinstance(default, str) else msgspec.json.encode(default).decode()
    yield "Read only", "yes" if definition.readonly is True else ""
    yield "Confidential", "yes" if definition.confidential is True else ""
