"""What leads from one namespace to another: the same rules for documents, and for what a database holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from glancetui.definitions.property import Property, normal

Action = Literal["add", "change", "remove"]
Kind = Literal["namespace", "resource type", "property", "object", "tag"]
#: new: only what is not there at all. merge: what is missing in it, too. prefer-new: also what differs.
#: overwrite: also removes what the new one lacks.
Loading = Literal["new", "merge", "prefer-new", "overwrite"]
Document = Mapping[str, Any]  # a namespace as the API shows it
T = TypeVar("T")
_LONGEST_SHOWN = 60  # characters of a value in a list of changes

OWN = ("display_name", "description", "visibility", "protected", "owner")
_DEFAULTS: Mapping[str, object] = {"visibility": "private", "protected": False}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`old` None: added. `new` None: removed. Both are documents."""

    action: Action
    kind: Kind
    name: str
    old: Any = None
    new: Any = None


def compared(
    old: Mapping[str, T], new: Mapping[str, T], how: Loading, same: Callable[[T, T], bool]
) -> Iterator[tuple[Action, str]]:
    """Things of one kind by name; in the order in which they can be done."""
    if how == "overwrite":
        yield from (("remove", name) for name in old if name not in new)
    for name, item in new.items():
        if name not in old:
            yield "add", name
        elif how in {"prefer-new", "overwrite"} and not same(old[name], item):
            yield "change", name


def steps(old: Document | None, new: Document, how: Loading) -> list[Step]:
    """What loading `new` over `old` does. Where nothing is there, everything is added, whatever `how` says."""
    if old is None:
        found = [Step(action="add", kind="namespace", name=new["namespace"], new=own_of(new))]
        return [*found, *_contents({}, new, "merge")]
    if how == "new":
        return []
    before, after = own_of(old), own_of(new)
    if not new.get("owner"):
        after = {**after, "owner": before.get("owner")}
    found = []
    if how in {"prefer-new", "overwrite"} and before != after:
        found = [Step(action="change", kind="namespace", name=new["namespace"], old=before, new=after)]
    return [*found, *_contents(old, new, how)]


def changed_words(step: Step) -> Iterator[str]:
    """The words that differ, where something is changed: each with what it was and what it becomes."""
    if step.action == "change":
        old, new = step.old or {}, step.new or {}
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        yield from (f"{name}: {_difference(old.get(name), new.get(name))}" for name in names)


def _difference(old: object, new: object) -> str:
    """What it was and what it becomes; of long lists, what comes and what goes."""
    if isinstance(old, list) and isinstance(new, list) and len(f"{_shown(old)}{_shown(new)}") > _LONGEST_SHOWN:
        changes = [f"+{_shown(each)}" for each in new if each not in old]
        changes += [f"-{_shown(each)}" for each in old if each not in new]
        if changes:
            return " ".join(changes)
    return f"{_shown(old)} → {_shown(new)}"


def _shown(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = ",".join(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _contents(old: Document, new: Document, how: Loading) -> Iterator[Step]:
    parts: tuple[tuple[Kind, Callable[[Document], Mapping[str, Any]]], ...] = (
        ("resource type", associations_of),
        ("property", properties_of),
        ("object", objects_of),
        ("tag", tags_of),
    )
    for kind, part in parts:
        here, there = part(old), part(new)
        for action, name in compared(here, there, how, _equal):
            yield Step(action=action, kind=kind, name=name, old=here.get(name), new=there.get(name))


def own_of(document: Document) -> dict[str, Any]:
    """The namespace's own attributes; what is not said has the value that the service gives it."""
    return {name: _DEFAULTS.get(name) if document.get(name) is None else document[name] for name in OWN}


def associations_of(document: Document) -> dict[str, dict[str, Any]]:
    words = ("name", "prefix", "properties_target")
    found = document.get("resource_type_associations") or ()
    return {each["name"]: {word: each[word] for word in words if each.get(word) is not None} for each in found}


def properties_of(document: Document) -> dict[str, dict[str, Any]]:
    return _definitions(document.get("properties"))


def objects_of(document: Document) -> dict[str, dict[str, Any]]:
    found = document.get("objects") or ()
    return {each["name"]: object_of(each) for each in found}


def object_of(document: Document) -> dict[str, Any]:
    """As it is sent: without what the service adds, and without what is empty."""
    parts = {
        "name": document["name"],
        "description": document.get("description"),
        "required": list(document.get("required") or ()),
        "properties": _definitions(document.get("properties")),
    }
    return {name: value for name, value in parts.items() if value not in (None, [], {})}


def tags_of(document: Document) -> dict[str, dict[str, Any]]:
    return {each["name"]: {"name": each["name"]} for each in document.get("tags") or ()}


def whole(document: Document) -> dict[str, Any]:
    """A namespace as a file holds it: what can be sent, and nothing that is empty."""
    parts = {
        "namespace": document["namespace"],
        **{name: document.get(name) for name in OWN},
        "resource_type_associations": list(associations_of(document).values()),
        "properties": properties_of(document),
        "objects": list(objects_of(document).values()),
        "tags": list(tags_of(document).values()),
    }
    return {name: value for name, value in parts.items() if value not in (None, [], {})}


def _definitions(documents: Mapping[str, Document] | None) -> dict[str, dict[str, Any]]:
    return {name: definition_of(document) for name, document in (documents or {}).items()}


def definition_of(document: Document) -> dict[str, Any]:
    """In normal form, so that equal ones are equal. What is no definition is equal to itself only."""
    try:
        built: dict[str, Any] = msgspec.to_builtins(normal(msgspec.convert(document, Property)))
    except msgspec.ValidationError:
        return dict(document)
    return built


def _equal(old: object, new: object) -> bool:
    return old == new
