"""The calls on metadata definitions. What they answer stays a document, as the API shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

from msgspec import UNSET

from glancetui.client.cancel import CancelToken
from glancetui.client.client import PAGE_SIZE, Client, path_part
from glancetui.client.problems import ServerFault
from glancetui.definitions.difference import Step, whole
from glancetui.errors import NotFound, Stale

if TYPE_CHECKING:
    from glancetui.definitions.check import Book

Document = dict[str, Any]  # JSON
ItemKind = Literal["property", "object"]
PLURAL: Mapping[str, str] = {"property": "properties", "object": "objects", "tag": "tags"}
_ROOT = "/v2/metadefs/namespaces"


class Metadefs:
    """Of one endpoint, ours or a stock Glance. Every method may raise a GlancetuiError; see `client.problems`."""

    def __init__(self, client: Client, token: CancelToken | None = None) -> None:
        """`token` ends every request that runs."""
        self._client, self._token = client, token

    def _ask(
        self, method: str, target: str, value: object = UNSET, *, headers: Mapping[str, str] | None = None
    ) -> Document:
        return self._client.ask_document(method, target, value, headers=headers, token=self._token)

    # Namespaces

    def namespaces(self, parameters: Mapping[str, str] | None = None) -> Iterator[Document]:
        """All that the endpoint finds, page by page, without what lies in them."""
        marker: str | None = None
        while True:
            query = {"limit": str(PAGE_SIZE), **(parameters or {}), **({"marker": marker} if marker else {})}
            found = self._ask("GET", f"{_ROOT}?{urlencode(query, quote_via=quote)}")
            page = _documents(found, "namespaces")
            yield from page
            last = page[-1].get("namespace") if page else None
            if not isinstance(found.get("next"), str) or not isinstance(last, str) or last == marker:
                return
            marker = last

    def namespace(self, name: str, resource_type: str | None = None) -> Document:
        """Everything in it. Raises NotFound."""
        query = f"?{urlencode({'resource_type': resource_type})}" if resource_type else ""
        return self._ask("GET", _path(name) + query)

    def find(self, name: str) -> Document | None:
        """As `namespace`; None where there is none."""
        try:
            return self.namespace(name)
        except NotFound:
            return None

    def book(self, names: Sequence[str] = ()) -> Book:
        """The definitions for images: of the namespaces that are named, else of all."""
        from glancetui.definitions.check import IMAGE, Book, prefix_on

        wanted = names or [str(each["namespace"]) for each in self.namespaces() if prefix_on(each, IMAGE) is not None]
        return Book(self.namespace(name) for name in wanted)

    def create(self, document: Mapping[str, Any]) -> Document:
        """With all that lies in it."""
        return self._ask("POST", _ROOT, document)

    def change(self, name: str, document: Mapping[str, Any]) -> Document:
        """The namespace's own attributes as a whole."""
        return self._ask("PUT", _path(name), document)

    def delete(self, name: str) -> None:
        """Raises NotFound, Forbidden (protected)."""
        self._ask("DELETE", _path(name))

    # Resource types

    def resource_types(self) -> list[Document]:
        return _documents(self._ask("GET", "/v2/metadefs/resource_types"), "resource_types")

    def associations(self, namespace: str) -> list[Document]:
        answer = self._ask("GET", _path(namespace, "resource_types"))
        return _documents(answer, "resource_type_associations")

    def associate(self, namespace: str, document: Mapping[str, Any]) -> Document:
        return self._ask("POST", _path(namespace, "resource_types"), document)

    def dissociate(self, namespace: str, resource_type: str) -> None:
        self._ask("DELETE", _path(namespace, "resource_types", resource_type))

    # What lies in a namespace

    def items(self, namespace: str, kind: ItemKind) -> list[Document]:
        """Properties get their names, which the API has for keys."""
        answer = self._ask("GET", _path(namespace, PLURAL[kind]))
        if kind == "object":
            return _documents(answer, "objects")
        found = answer.get("properties")
        if not isinstance(found, dict):
            raise ServerFault("The endpoint answered a list of properties without properties.")
        return [{"name": name, **each} for name, each in found.items()]

    def item(self, namespace: str, kind: ItemKind, name: str) -> Document:
        return self._ask("GET", _path(namespace, PLURAL[kind], name))

    def add_item(self, namespace: str, kind: ItemKind, document: Mapping[str, Any]) -> Document:
        return self._ask("POST", _path(namespace, PLURAL[kind]), document)

    def change_item(self, namespace: str, kind: ItemKind, name: str, document: Mapping[str, Any]) -> Document:
        return self._ask("PUT", _path(namespace, PLURAL[kind], name), document)

    def delete_item(self, namespace: str, kind: str, name: str) -> None:
        """Of any kind, tags included."""
        self._ask("DELETE", _path(namespace, PLURAL[kind], name))

    def tags(self, namespace: str) -> list[Document]:
        return _documents(self._ask("GET", _path(namespace, "tags")), "tags")

    def tag(self, namespace: str, name: str) -> Document:
        return self._ask("GET", _path(namespace, "tags", name))

    def add_tags(self, namespace: str, names: Sequence[str]) -> None:
        """Beside those that are there."""
        body = {"tags": [{"name": name} for name in names]}
        self._ask("POST", _path(namespace, "tags"), body, headers={"X-Openstack-Append": "true"})

    def rename_tag(self, namespace: str, name: str, new_name: str) -> Document:
        return self._ask("PUT", _path(namespace, "tags", name), {"name": new_name})

    # Whole documents

    def apply(self, document: Mapping[str, Any], steps: Sequence[Step]) -> None:
        """Take the steps that lead to `document`. A namespace that is not there is made in one call; otherwise each
        step is a call of its own, and what was done before one that fails stays done.

        Where something is removed from a protected namespace, protection is lifted for as long as that takes.
        """
        if not steps:
            return
        if (steps[0].action, steps[0].kind) == ("add", "namespace"):
            self.create(whole(document))
            return
        name = str(document["namespace"])
        before = self.namespace(name)
        lift = bool(before.get("protected")) and any(_removes(step) for step in steps)
        if lift:
            self.change(name, _own(before) | {"protected": False})
        try:
            for step in steps:
                if step.kind != "namespace":
                    self._take(name, step)
        finally:
            own = next((step.new for step in steps if step.kind == "namespace"), None)
            if own is not None or lift:
                self.change(name, {"namespace": name, **_set(own)} if own is not None else _own(before))

    def unchanged(self, seen: Mapping[str, Any]) -> None:
        """Raises Stale where the namespace is not as it was seen, NotFound."""
        if whole(self.namespace(str(seen["namespace"]))) != whole(seen):
            raise Stale(f"{seen['namespace']} has changed since it was looked at, and was left alone.")

    def _take(self, namespace: str, step: Step) -> None:
        if step.kind == "resource type":
            if step.action != "add":
                self.dissociate(namespace, step.name)
            if step.action != "remove":
                self.associate(namespace, step.new)
        elif step.action == "remove":
            self.delete_item(namespace, step.kind, step.name)
        elif step.kind == "tag":
            self.add_tags(namespace, [step.name])
        else:
            kind: ItemKind = "property" if step.kind == "property" else "object"
            sent = {"name": step.name, **step.new}
            if step.action == "add":
                self.add_item(namespace, kind, sent)
            else:
                self.change_item(namespace, kind, step.name, sent)


def _removes(step: Step) -> bool:
    return step.action == "remove" or (step.action == "change" and step.kind == "resource type")


def _own(document: Mapping[str, Any]) -> Document:
    names = ("namespace", "display_name", "description", "visibility", "protected", "owner")
    return _set({name: document.get(name) for name in names})


def _set(document: Mapping[str, Any]) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def _path(namespace: str, *rest: str) -> str:
    return "/".join([_ROOT, *(path_part(part) for part in (namespace, *rest))])


def _documents(answer: Mapping[str, object], name: str) -> list[Document]:
    found = answer.get(name)
    if not isinstance(found, list):
        raise ServerFault(f"The endpoint answered a list of {name} without {name}. Is it an Image API?")
    return [each for each in found if isinstance(each, dict)]
