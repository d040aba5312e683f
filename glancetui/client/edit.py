"""An image as a text that people edit, and the JSON patch that leads from one text to another.

Every value of the text is read as the words that stand there: `version: 1.10` is no number that loses its zero.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from glancetui.client.values import RemoteImage
from glancetui.errors import BadRequest

_LINE_ENDS = re.compile("[\x85\u2028\u2029\ufeff]")
LARGEST_TEXT = 1 << 20  # characters
RESERVED = "os_glance"  # properties that only the service sets
VISIBILITIES = ("private", "shared", "community", "public")
TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
NOTES: Mapping[str, str] = {
    "visibility": "private, shared, community or public",
    "protected": "true: cannot be deleted",
    "os_hidden": "true: not in lists, unless asked for",
    "disk_format": "can be changed while there is no data",
    "container_format": "can be changed while there is no data",
    "min_disk": "GiB",
    "min_ram": "MiB",
    "properties": "name: value",
}


class EditError(BadRequest):
    """What is written makes no sense; the sentence says where."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What of an image can be edited. `min_disk` is GiB, `min_ram` MiB."""

    name: str | None = None
    visibility: str = "shared"
    protected: bool = False
    os_hidden: bool = False
    disk_format: str | None = None
    container_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = {}


def draft_of(image: RemoteImage) -> Draft:
    """A property that is null cannot be told from an empty one in the text, and is edited as such."""
    same = {name: getattr(image, name) for name in Draft.__struct_fields__ if name not in {"tags", "properties"}}
    own = {name: value for name, value in image.properties.items() if not name.startswith(RESERVED)}
    properties = {name: value or "" for name, value in sorted(own.items())}
    return Draft(**same, tags=tuple(sorted(image.tags)), properties=properties)


# As text


def spelled(draft: Draft, head: Sequence[str] = ()) -> str:
    """YAML, below `head` as comments."""

    lines = [f"# {line}" for line in head]
    for name in Draft.__struct_fields__:
        value = getattr(draft, name)
        if name in NOTES:
            lines.append(f"# {NOTES[name]}")
        shown = list(value) if isinstance(value, tuple) else "" if value is None else value
        entry = {name: dict(shown) if isinstance(shown, Mapping) else shown}
        lines.append(_dumped(entry))
    return "\n".join(lines) + "\n"


def _dumped(entry: Mapping[str, object]) -> str:
    """One field. PyYAML writes some characters as they are that it takes for ends of lines when it reads them."""
    import yaml

    text = yaml.safe_dump(entry, allow_unicode=True, width=1000, sort_keys=False)
    if _LINE_ENDS.search(text):
        text = yaml.safe_dump(entry, allow_unicode=False, width=1000, sort_keys=False)
    return text.rstrip("\n")


def read(text: str) -> Draft:
    """The text as values. Raises EditError with the line, where there is one."""
    import yaml

    if len(text) > LARGEST_TEXT:
        raise EditError(f"The text is longer than {LARGEST_TEXT:,} characters.")
    try:
        found = yaml.load(text, yaml.BaseLoader)  # noqa: S506  # it makes nothing but strings, lists and mappings
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"Line {mark.line + 1}: " if mark else ""
        raise EditError(f"{where}{getattr(error, 'problem', None) or 'this is no YAML'}.") from error
    if not isinstance(found, dict):
        raise EditError("The text must be fields and their values, as it was.")
    unknown = next((name for name in found if name not in Draft.__struct_fields__), None)
    if unknown is not None:
        raise EditError(f"There is no field {unknown!r}; own properties stand under `properties`.")
    return msgspec.convert({name: _value(name, value) for name, value in found.items()}, Draft)


def _value(name: str, value: object) -> object:
    if name == "tags":
        return tuple(sorted({_word(name, item) for item in _list(name, value)}))
    if name == "properties":
        pairs = {} if value == "" else value
        if not isinstance(pairs, dict):
            raise EditError("properties must be lines of `name: value`, indented.")
        return {_word(name, key): _word(key, item) for key, item in sorted(pairs.items())}
    word = _word(name, value)
    if name in {"protected", "os_hidden"}:
        if word.lower() not in TRUTHS:
            raise EditError(f"{name} is true or false, not {word!r}.")
        return TRUTHS[word.lower()]
    if name in {"min_disk", "min_ram"}:
        if not word.isdecimal():
            raise EditError(f"{name} is a whole number, not {word!r}.")
        return int(word)
    if name == "visibility" and word not in VISIBILITIES:
        raise EditError(f"visibility is one of {', '.join(VISIBILITIES)}, not {word!r}.")
    return word or None


def _word(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise EditError(f"{name}: one value is wanted here, not several.")
    return value


def _list(name: str, value: object) -> Sequence[object]:
    if value == "":
        return ()
    if not isinstance(value, list):
        raise EditError(f"{name} must be a list: [one, two].")
    return value


# From one to another


def operations(before: Draft, after: Draft) -> list[dict[str, object]]:
    """The JSON patch; empty where nothing differs."""
    found: list[dict[str, object]] = []
    for name in Draft.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if name == "properties":
            found += _property_operations(old, new)
        elif old != new:
            found.append({"op": "replace", "path": f"/{name}", "value": list(new) if name == "tags" else new})
    return found


def _property_operations(old: Mapping[str, str], new: Mapping[str, str]) -> list[dict[str, object]]:
    removed: list[dict[str, object]] = [{"op": "remove", "path": pointer(name)} for name in old if name not in new]
    return removed + [
        {"op": "replace" if name in old else "add", "path": pointer(name), "value": value}
        for name, value in new.items()
        if old.get(name) != value
    ]


def pointer(name: str) -> str:
    """A property's name as a JSON pointer."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def differences(before: Draft, after: Draft) -> list[tuple[str, str]]:
    """What differs, for people: the field, and `old → new`."""
    found = []
    for name in Draft.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if name == "properties":
            changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
            found += [(key, f"{_shown(old.get(key))} → {_shown(new.get(key))}") for key in changed]
        elif old != new:
            found.append((name, f"{_shown(old)} → {_shown(new)}"))
    return found


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(value) or "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "—" if value is None or value == "" else str(value)


# The same change for several


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """Tags and properties to set and to take away."""

    add_tags: frozenset[str] = frozenset()
    drop_tags: frozenset[str] = frozenset()
    set_properties: Mapping[str, str] = {}
    drop_properties: frozenset[str] = frozenset()

    def applied(self, draft: Draft) -> Draft:
        tags = {*draft.tags, *self.add_tags} - self.drop_tags
        kept = {name: value for name, value in draft.properties.items() if name not in self.drop_properties}
        return msgspec.structs.replace(
            draft, tags=tuple(sorted(tags)), properties=dict(sorted((kept | dict(self.set_properties)).items()))
        )


def amendment(typed: str) -> Amendment:
    """`+tag -tag name=value -name=`, quoted as in a shell. Raises EditError."""
    try:
        words = shlex.split(typed)
    except ValueError as error:
        raise EditError(f"{error}.") from error
    add: set[str] = set()
    drop: set[str] = set()
    dropped: set[str] = set()
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = (word[1:] if word[:1] in {"+", "-"} else word).partition("=")
        if not name:
            raise EditError(f"{word!r} names nothing.")
        if word.startswith("-"):
            (dropped if equals else drop).add(name)
        elif equals:
            given[name] = value
        elif word.startswith("+"):
            add.add(name)
        else:
            raise EditError(f"{word!r} is neither +tag, -tag, name=value nor -name=.")
    return Amendment(
        add_tags=frozenset(add), drop_tags=frozenset(drop), set_properties=given, drop_properties=frozenset(dropped)
    )
