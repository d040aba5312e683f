"""Metadata definitions that are a dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from glancetui.definitions.check import Book
from glancetui.definitions.difference import Step, whole
from glancetui.errors import Forbidden, NotFound, Stale

WATCHDOG: dict[str, Any] = {
    "namespace": "OS::Compute::Watchdog",
    "display_name": "Watchdog",
    "description": "What happens to a guest that hangs.",
    "visibility": "public",
    "protected": True,
    "owner": "admin",
    "updated_at": "2026-11-02T12:00:00Z",
    "resource_type_associations": [
        {"name": "OS::Glance::Image", "prefix": "hw_"},
        {"name": "OS::Nova::Flavor", "prefix": "hw:"},
    ],
    "properties": {
        "watchdog_action": {
            "title": "When it hangs",
            "description": "What the device does once the guest stops feeding it.",
            "type": "string",
            "enum": ["disabled", "reset", "poweroff", "pause", "none"],
        },
    },
    "objects": [],
    "tags": [],
}
SIZES: dict[str, Any] = {
    "namespace": "Site::Sizes",
    "display_name": "Sizes of this site",
    "description": "House rules.",
    "visibility": "private",
    "protected": False,
    "owner": "7d1c",
    "updated_at": "2026-11-02T12:00:00Z",
    "resource_type_associations": [{"name": "OS::Glance::Image"}],
    "properties": {
        "site_cores": {"title": "Cores", "type": "integer", "minimum": 1, "maximum": 8, "default": "2"},
        "site_code": {"title": "Code", "type": "string", "pattern": "^[a-z]{3}-[0-9]+$"},
        "site_large": {"title": "Large", "type": "boolean"},
    },
    "objects": [
        {
            "name": "Rack",
            "description": "Where it stands.",
            "required": ["site_row"],
            "properties": {"site_row": {"title": "Row", "type": "string", "description": "Counted from the door."}},
        }
    ],
    "tags": [{"name": "gold"}, {"name": "silver"}],
}


class DictDefinitions:
    """`fails` is raised by every call while it is set; `delay` is waited for before the answer."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.documents = {each["namespace"]: deepcopy(each) for each in documents}
        self.fails: Exception | None = None
        self.applied: list[Step] = []

    def _enter(self) -> None:
        if self.fails is not None:
            raise self.fails

    def namespaces(self) -> Iterator[dict[str, Any]]:
        self._enter()
        inside = ("properties", "objects", "tags")
        for document in list(self.documents.values()):
            yield {name: value for name, value in document.items() if name not in inside}

    def namespace(self, name: str) -> dict[str, Any]:
        self._enter()
        if name not in self.documents:
            raise NotFound(f"No namespace {name}.")
        return deepcopy(self.documents[name])

    def book(self) -> Book:
        self._enter()
        return Book(self.documents.values())

    def resource_types(self) -> Sequence[dict[str, Any]]:
        self._enter()
        return [{"name": "OS::Glance::Image"}, {"name": "OS::Nova::Flavor"}, {"name": "OS::Cinder::Volume"}]

    def unchanged(self, seen: dict[str, Any]) -> None:
        if whole(self.namespace(seen["namespace"])) != whole(seen):
            raise Stale("It has changed since it was looked at, and was left alone.")

    def apply(self, document: dict[str, Any], steps: Sequence[Step]) -> None:
        self._enter()
        self.applied += steps
        name = document["namespace"]
        kept = self.documents.get(name, {"owner": "7d1c", "updated_at": "2026-11-02T12:00:00Z"})
        empty = {"properties": {}, "objects": [], "tags": [], "resource_type_associations": []}
        self.documents[name] = {**kept, **empty, **whole(document)}

    def delete(self, name: str) -> None:
        if self.namespace(name)["protected"]:
            raise Forbidden("It is protected.")
        del self.documents[name]
