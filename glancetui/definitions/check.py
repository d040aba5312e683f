"""Holding an image's properties against all definitions that apply: what is broken, misspelt, or lacks another."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from glancetui.definitions import nova
from glancetui.definitions.property import Property, normal
from glancetui.definitions.values import Broken, Judge

IMAGE = "OS::Glance::Image"
_OF_IMAGES = "OS::Glance::"  # namespaces of this kind that name no resource type are about images
_NEAR = 0.85  # how alike two names are for one to be a misspelling of the other

Document = Mapping[str, Any]  # a namespace as the API shows it
Properties = Mapping[str, str | None]


class Defined(msgspec.Struct, frozen=True, kw_only=True):
    """A property by the key under which it stands on the resource."""

    key: str
    namespace: str
    judge: Judge


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`constraint`: the word of the definition that is broken; for the other kinds, what would be right."""

    kind: Literal["broken", "unknown", "needs"]
    key: str
    value: str | None
    namespace: str | None
    constraint: str
    sentence: str


class Book:
    """The definitions of some namespaces, for one kind of resource."""

    def __init__(
        self,
        namespaces: Iterable[Document],
        resource_type: str = IMAGE,
        judge_of: Callable[[Property], Judge] = Judge,
    ) -> None:
        """Namespaces that do not go on `resource_type` are left out."""
        self._defined: dict[str, list[Defined]] = {}
        self._required: list[tuple[str, frozenset[str], tuple[str, ...]]] = []
        for namespace in namespaces:
            prefix = prefix_on(namespace, resource_type)
            if prefix is not None:
                self._take(namespace, prefix, judge_of)

    def __len__(self) -> int:
        return sum(len(each) for each in self._defined.values())

    @property
    def keys(self) -> Collection[str]:
        return self._defined.keys()

    def definitions(self, key: str) -> tuple[Defined, ...]:
        """Several where several namespaces define it; none for a key that none does."""
        return tuple(self._defined.get(key, ()))

    def _take(self, namespace: Document, prefix: str, judge_of: Callable[[Property], Judge]) -> None:
        name = str(namespace.get("namespace"))
        sets = [namespace.get("properties") or {}]
        for each in namespace.get("objects") or ():
            properties = each.get("properties") or {}
            sets.append(properties)
            keys = frozenset(prefix + key for key in properties)
            self._required.append((name, keys, tuple(prefix + key for key in each.get("required") or ())))
        for properties in sets:
            for key, document in properties.items():
                try:
                    definition = normal(msgspec.convert(document, Property))
                except msgspec.ValidationError:
                    continue  # an endpoint may be old or odd: against what is no definition nothing can be held
                defined = Defined(key=prefix + key, namespace=name, judge=judge_of(definition))
                self._defined.setdefault(defined.key, []).append(defined)

    def check(self, properties: Properties, known: Collection[str] = ()) -> list[Finding]:
        """All there is to say. `known`: names that are nobody's property, such as an image's base attributes."""
        custom = {key: value for key, value in properties.items() if key not in known}
        return [*self.broken(custom), *self._misspelt(custom), *self._lacking(custom)]

    def broken(self, properties: Properties) -> Iterator[Finding]:
        """A value is right that one of its definitions accepts: the drivers of two hypervisors may share a key.

        A definition that takes any text only describes; it does not undo what another one demands.
        """
        for key, value in properties.items():
            faults = self._faults(key, value) if value is not None else None
            if faults is not None:
                defined, first = faults
                yield Finding(
                    kind="broken",
                    key=key,
                    value=value,
                    namespace=defined.namespace,
                    constraint=first.constraint,
                    sentence=f"{key}: {first.sentence}",
                )

    def _faults(self, key: str, value: str) -> tuple[Defined, Broken] | None:
        found = None
        for defined in self._defined.get(key, ()):
            if defined.judge.takes_all:
                continue
            faults = defined.judge.faults(value)
            if not faults:
                return None
            found = found or (defined, faults[0])
        return found

    def _misspelt(self, properties: Properties) -> Iterator[Finding]:
        for key, value in properties.items():
            if key in self._defined or key in nova.OTHER_KEYS or key.startswith(nova.FREE_PREFIXES):
                continue
            near = difflib.get_close_matches(key, [*self._defined, *nova.OTHER_KEYS], n=1, cutoff=_NEAR)
            if near:
                yield Finding(
                    kind="unknown",
                    key=key,
                    value=value,
                    namespace=None,
                    constraint=near[0],
                    sentence=f"{key}: did you mean {near[0]}?",
                )

    def _lacking(self, properties: Properties) -> Iterator[Finding]:
        for key, value in properties.items():
            for need in nova.NEEDS.get(key, ()):
                other = properties.get(need.other)
                right = other in need.values if need.values else bool(other)
                if right or (other is None and key in nova.MET_BY_DEFAULT):
                    continue
                wanted = f"{need.other}={' or '.join(need.values)}" if need.values else need.other
                yield _need(key, value, None, need.other, f"{key}: needs {wanted}")
        for namespace, keys, required in self._required:
            used = sorted(keys & properties.keys())
            for other in required:
                if used and properties.get(other) is None:
                    sentence = f"{used[0]}: {namespace} asks for {other} beside it"
                    yield _need(used[0], properties[used[0]], namespace, other, sentence)


def _need(key: str, value: str | None, namespace: str | None, other: str, sentence: str) -> Finding:
    return Finding(kind="needs", key=key, value=value, namespace=namespace, constraint=other, sentence=sentence)


def prefix_on(namespace: Document, resource_type: str) -> str | None:
    """What stands before the namespace's properties on such a resource; None: they do not go there."""
    associations = namespace.get("resource_type_associations") or ()
    if not associations and resource_type == IMAGE and str(namespace.get("namespace")).startswith(_OF_IMAGES):
        return ""
    return next((each.get("prefix") or "" for each in associations if each.get("name") == resource_type), None)
