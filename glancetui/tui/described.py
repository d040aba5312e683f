"""An image's properties beside their definitions, line by line. Nothing is drawn here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from glancetui.client.values import BASE_ATTRIBUTES

if TYPE_CHECKING:
    from glancetui.definitions.check import Book, Defined, Finding

NOT_DESCRIBED = "not described"
Properties = Mapping[str, str | None]


class Given(msgspec.Struct, frozen=True):
    """A property as somebody has typed it."""

    key: str
    value: str


class Heading(msgspec.Struct, frozen=True):
    """The namespace that describes the entries below it."""

    name: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One property. `was` is its key on the image, from which `key` differs where it is being renamed."""

    was: str
    key: str
    value: str | None
    changed: bool = False
    defined: tuple[Defined, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def kind(self) -> str:
        """The type that its values have; empty where nothing defines it."""
        kind = self.defined[0].judge.definition.type if self.defined else ""
        return kind if isinstance(kind, str) else ""


Line = Heading | Entry


def changed(properties: Properties, given: Mapping[str, Given]) -> dict[str, str | None]:
    """The properties once what was `given`, by the keys that the image has, is sent."""
    kept = {key: value for key, value in properties.items() if key not in given}
    return {**kept, **{each.key: each.value for each in given.values()}}


def lines(properties: Properties, given: Mapping[str, Given], book: Book | None) -> list[Line]:
    """By the namespace that defines them, undefined ones last; without definitions by key alone."""
    after = changed(properties, given)
    found: Sequence[Finding] = book.check(after, BASE_ATTRIBUTES) if book is not None else ()
    groups: dict[str, list[Entry]] = {}
    for was in sorted({*properties, *given}):
        typed = given.get(was)
        key, value = (typed.key, typed.value) if typed is not None else (was, properties[was])
        defined = book.definitions(key) if book is not None else ()
        entry = Entry(
            was=was,
            key=key,
            value=value,
            changed=typed is not None,
            defined=defined,
            findings=tuple(each for each in found if each.key == key),
        )
        groups.setdefault(defined[0].namespace if defined else NOT_DESCRIBED, []).append(entry)
    if book is None:
        return list(groups.get(NOT_DESCRIBED, ()))
    ordered = sorted(groups, key=lambda name: (name == NOT_DESCRIBED, name))
    shown: list[Line] = []
    for name in ordered:
        shown += [Heading(name), *groups[name]]
    return shown
