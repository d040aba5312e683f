"""Metadata definitions as a tree: what is in it, what of it is in sight, what a search finds. Nothing is drawn here.

A namespace holds resource types, properties, objects and tags; an object holds properties.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from glancetui.tui.ports import Document

Kind = Literal["namespace", "resource type", "property", "object", "tag"]
NodeId = tuple[str, str, str, str]  # namespace, kind, object that it lies in, name


class Node(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    namespace: str
    name: str
    document: Document
    within: str = ""  # the object that a property lies in; empty: the namespace itself

    @property
    def id(self) -> NodeId:
        return (self.namespace, self.kind, self.within, self.name)

    @property
    def opens(self) -> bool:
        return self.kind in {"namespace", "object"}

    @property
    def depth(self) -> int:
        return 0 if self.kind == "namespace" else 2 if self.within else 1

    @property
    def title(self) -> str:
        """What it is called for people."""
        return text(self.document.get("display_name")) or text(self.document.get("title"))

    @property
    def parent(self) -> NodeId | None:
        if self.kind == "namespace":
            return None
        kind, name = ("object", self.within) if self.within else ("namespace", self.namespace)
        return (self.namespace, kind, "", name)


def text(value: object) -> str:
    """A member of an endpoint's document that is shown only if it is a text."""
    return value if isinstance(value, str) else ""


def namespace_node(document: Document) -> Node:
    name = text(document.get("namespace"))
    return Node(kind="namespace", namespace=name, name=name, document=document)


def children(node: Node) -> Iterator[Node]:
    """What lies right in it."""
    if node.kind == "namespace":
        yield from _listed(node, "resource type", "resource_type_associations")
        yield from _properties(node)
        yield from _listed(node, "object", "objects")
        yield from _listed(node, "tag", "tags")
    elif node.kind == "object":
        yield from _properties(node, within=node.name)


def _properties(node: Node, within: str = "") -> Iterator[Node]:
    found = node.document.get("properties")
    for name, document in sorted(found.items()) if isinstance(found, Mapping) else ():
        if isinstance(document, Mapping):
            yield Node(kind="property", namespace=node.namespace, name=name, document=document, within=within)


def _listed(node: Node, kind: Kind, member: str) -> Iterator[Node]:
    found = node.document.get(member)
    for document in found if isinstance(found, Sequence) and not isinstance(found, str) else ():
        if isinstance(document, Mapping):
            yield Node(kind=kind, namespace=node.namespace, name=text(document.get("name")), document=document)


def prefixes(namespace: Document) -> list[tuple[str, str]]:
    """Each resource type that the namespace goes on, and what stands before its properties there."""
    return [(node.name, text(node.document.get("prefix"))) for node in _types(namespace)]


def _types(namespace: Document) -> Iterator[Node]:
    return _listed(namespace_node(namespace), "resource type", "resource_type_associations")


def rows(namespaces: Iterable[Document], opened: Collection[NodeId], sought: str = "") -> list[Node]:
    """The nodes in sight. With `sought`, those that it finds and what they lie in, whatever is open."""
    words = sought.lower().split()
    found: list[Node] = []
    for document in namespaces:
        node = namespace_node(document)
        found += _found(node, words, _starts(document)) if words else _in_sight(node, opened)
    return found


def _in_sight(node: Node, opened: Collection[NodeId]) -> Iterator[Node]:
    yield node
    if node.id in opened:
        for child in children(node):
            yield from _in_sight(child, opened)


def _found(node: Node, words: Sequence[str], starts: Collection[str]) -> list[Node]:
    below = [found for child in children(node) for found in _found(child, words, starts)]
    return [node, *below] if below or _matches(node, words, starts) else []


def _starts(namespace: Document) -> Collection[str]:
    return {"", *(prefix for _, prefix in prefixes(namespace))}


def _matches(node: Node, words: Sequence[str], starts: Collection[str]) -> bool:
    """Every word is in its key as some resource spells it, in its title, or in its description."""
    keys = [start + node.name for start in starts] if node.kind == "property" else [node.name]
    searched = "\n".join([*keys, node.title, text(node.document.get("description"))]).lower()
    return all(word in searched for word in words)


def counted(kinds: Iterable[str]) -> str:
    """`["tag", "property", "tag"]` in words: "1 property, 2 tags"; empty for none, and of what is not counted."""
    counts = Counter(kinds)
    return ", ".join(
        f"{counts[one]} {one if counts[one] == 1 else many}" for one, many in _PLURALS.items() if counts[one]
    )


_PLURALS = {"property": "properties", "object": "objects", "tag": "tags", "resource type": "resource types"}
