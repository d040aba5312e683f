"""The file of property protections: which custom properties whom may create, read, update and delete.

INI as Glance reads it: a section's name is a regular expression, which is searched anywhere in a property's name; the
first that is found decides.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Literal

import msgspec

from glancetui.config.ini import read_bounded
from glancetui.errors import ConfigError

Action = Literal["create", "read", "update", "delete"]
ACTIONS: tuple[Action, ...] = ("create", "read", "update", "delete")
EVERYBODY, NOBODY = "@", "!"


class Protection(msgspec.Struct, frozen=True):
    """One section. `allowed`: roles in lower case, or the name of one policy rule; `@` is everybody, `!` nobody."""

    pattern: str
    line: int
    allowed: dict[Action, tuple[str, ...]]


def read_protections(file: Path, rule_format: str) -> tuple[Protection, ...]:
    """In their order. Raises ConfigError with file and line."""
    try:
        text = read_bounded(file).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"The property protections cannot be read: {error.strerror}.", file=str(file)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("The property protections are not UTF-8.", file=str(file)) from error
    parser = configparser.ConfigParser(interpolation=None, default_section="")  # DEFAULT is a name like any other
    try:
        parser.read_string(text)
    except configparser.Error as error:
        reason = f"This is no list of protections: {_reason(error)}."
        raise ConfigError(reason, file=str(file), line=_line(error)) from error
    return tuple(_protection(file, parser[name], line_of(text, name), rule_format) for name in parser.sections())


def line_of(text: str, section: str) -> int:
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.rstrip().startswith(f"[{section}]")), 1)


def _protection(file: Path, section: configparser.SectionProxy, line: int, rule_format: str) -> Protection:
    def fault(reason: str) -> ConfigError:
        return ConfigError(f"[{section.name}] {reason}.", file=str(file), line=line)

    try:
        re.compile(section.name)
    except re.error as error:
        raise fault(f"is no regular expression: {error}") from error
    allowed: dict[Action, tuple[str, ...]] = {}
    for action in ACTIONS:
        if action not in section:
            raise fault(f"does not say who may {action} such a property; write `{action} = !` for nobody")
        words = tuple(word.strip() for word in section[action].split(",") if word.strip())
        if rule_format == "policies" and len(words) > 1:
            raise fault(f"names several policies for {action}; name one, and combine them in the policy file")
        if EVERYBODY in words and NOBODY in words:
            raise fault(f"lets everybody (@) and nobody (!) {action}; choose one")
        allowed[action] = words if rule_format == "policies" else tuple(word.lower() for word in words)
    return Protection(section.name, line, allowed)


def _line(error: configparser.Error) -> int | None:
    if isinstance(error, configparser.MissingSectionHeaderError):
        return error.lineno
    if isinstance(error, configparser.ParsingError):
        return error.errors[0][0] if error.errors else None
    return getattr(error, "lineno", None)


def _reason(error: configparser.Error) -> str:
    if isinstance(error, configparser.DuplicateSectionError):
        return f"section [{error.section}] is there twice"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"[{error.section}] has {error.option} twice"
    if isinstance(error, configparser.MissingSectionHeaderError):
        return "a section in brackets must come first"
    return "this line is neither a section nor an option"
