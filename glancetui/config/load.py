"""From files, environment and command line to the settings in force."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from glancetui.config.assemble import assemble
from glancetui.config.ini import Assignment, files_of, scan
from glancetui.config.option import Option, Section
from glancetui.config.options import SECTIONS, SECTIONS_OF_LIBRARIES, backend_section, plain_kind
from glancetui.config.sections.access import KEYSTONE_AUTHTOKEN, OSLO_LIMIT
from glancetui.config.settings import Settings
from glancetui.config.stores import declared_backends
from glancetui.config.values import Source, Values, normal
from glancetui.errors import ConfigError

Overrides = Mapping[str, Any]


class Setting(msgspec.Struct, frozen=True):
    """One option in force."""

    section: str
    option: Option
    value: Any
    source: Source


class Loaded(msgspec.Struct, frozen=True):
    """`warnings`: what the operator should look at. `notes`: options that are set and have no effect, and why."""

    settings: Settings
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    options: tuple[Setting, ...]


class Examined(msgspec.Struct, frozen=True):
    """What `examine` finds: all problems at once, and the settings only where there is none."""

    problems: tuple[ConfigError, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    loaded: Loaded | None = None


def load(
    files: Sequence[Path] = (),
    dirs: Sequence[Path] = (),
    overrides: Overrides | None = None,
    env: Mapping[str, str] | None = None,
) -> Loaded:
    """The settings in force.

    `files` are read in their order, then the `*.conf` files of each of `dirs`; later ones win. `env` is os.environ
    where not given. `overrides` is what the command line says: `section.option` or, for [glancetui], just `option`;
    None is no word.
    Raises ConfigError for the first problem, with file and line where a file is to blame.
    """
    examined = examine(files, dirs, overrides, env)
    if examined.loaded is None:
        raise first_of(examined.problems)
    return examined.loaded


def examine(
    files: Sequence[Path] = (),
    dirs: Sequence[Path] = (),
    overrides: Overrides | None = None,
    env: Mapping[str, str] | None = None,
) -> Examined:
    """As `load`, but names every problem instead of stopping at the first."""
    try:
        every_file = [*files, *(file for folder in dirs for file in files_of(folder))]
        found = scan(every_file)
    except ConfigError as error:
        return Examined((error,))
    values = Values(every_file, found, os.environ if env is None else env, keyed(overrides or {}))
    register_all(values)
    assembled = assemble(values, config_files=tuple(files), config_dirs=tuple(dirs))
    options = tuple(settings_of(values))  # reads every option, so that a bad value is found wherever it stands
    warnings = (*unknown_names(values), *former_names(values), *assembled.warnings)
    notes = (*ignored(options), *overruled(values))
    if assembled.settings is None or values.problems:
        return Examined(tuple(values.problems), warnings, notes)
    return Examined((), warnings, notes, Loaded(assembled.settings, warnings, notes, options))


def first_of(problems: Sequence[ConfigError]) -> ConfigError:
    if len(problems) == 1:
        return problems[0]
    more = f"{problems[0]} {len(problems) - 1} more: `glancetui config validate` names them all."
    error = ConfigError(more)
    error.file, error.line = problems[0].file, problems[0].line
    return error


def keyed(overrides: Overrides) -> dict[tuple[str, str], Any]:
    pairs = ((name.rpartition("."), value) for name, value in overrides.items() if value is not None)
    return {(normal(section or "glancetui"), name): value for (section, _, name), value in pairs}


def register_all(values: Values) -> None:
    for section in SECTIONS:
        values.register(section)
    for name, kind in declared_backends(values).items():
        values.register(backend_section(name, plain_kind(kind)))
    for section in (KEYSTONE_AUTHTOKEN, OSLO_LIMIT):
        elsewhere = values.get(section.name, "auth_section")
        if elsewhere:
            values.register(Section(elsewhere, "Options of the authentication plug-in.", section.options))


def settings_of(values: Values) -> Sequence[Setting]:
    return [
        Setting(section.name, option, values.get(section.name, option.name), values.source(section.name, option.name))
        for section in values.sections.values()
        for option in section.options
    ]


def ignored(options: Sequence[Setting]) -> Sequence[str]:
    return [
        f"{setting.source}: [{setting.section}] {setting.option.name} has no effect here, "
        f"because {setting.option.no_effect}."
        for setting in options
        if setting.option.no_effect is not None and setting.source.kind != "default"
    ]


def overruled(values: Values) -> Sequence[str]:
    """With enabled_backends, [glance_store] describes no store: each backend's own section does."""
    if not values.get("DEFAULT", "enabled_backends"):
        return []
    return [
        f"{values.source('glance_store', option.name)}: [glance_store] {option.name} has no effect here, "
        "because enabled_backends is set: it belongs in a backend's own section."
        for option in values.sections["glance_store"].options
        if option.no_effect is None and option.name != "default_backend" and values.is_set("glance_store", option.name)
    ]


def unknown_names(values: Values) -> Sequence[str]:
    """A warning for each name that nobody defined, not a stop: operators keep other programs' sections in the file."""
    warnings = []
    for heading in values.scan.headings:
        if normal(heading.section) in values.sections or heading.section in SECTIONS_OF_LIBRARIES:
            continue
        known = [section.name for section in values.sections.values()]
        warnings.append(
            f"{heading.file}:{heading.line}: unknown section [{heading.section}]{nearest(heading.section, known)}."
        )
    for assignment in values.scan.assignments:
        section = values.sections.get(normal(assignment.section))
        if section is not None and not known_name(values, section, assignment):
            warnings.append(unknown_option(values, section, assignment))
    return [*dict.fromkeys(warnings), *unknown_variables(values)]


def known_name(values: Values, section: Section, assignment: Assignment) -> bool:
    return section.option(assignment.name) is not None or formerly(values, assignment) is not None


def unknown_option(values: Values, section: Section, assignment: Assignment) -> str:
    elsewhere = [other.name for other in values.sections.values() if other.option(assignment.name) is not None]
    near = nearest(assignment.name, [option.name for option in section.options])
    hint = near or (f"; it belongs in [{elsewhere[0]}]" if elsewhere else "")
    return f"{assignment.file}:{assignment.line}: unknown option {assignment.name} in [{section.name}]{hint}."


def unknown_variables(values: Values) -> Sequence[str]:
    """Only for sections of ours: other programs have variables of this form too."""
    warnings = []
    for variable in sorted(values.environment):
        group, separator, name = variable.removeprefix("OS_").partition("__")
        section = values.sections.get("DEFAULT" if group == "DEFAULT" else group.lower())
        if (
            not variable.startswith("OS_")
            or not separator
            or section is None
            or section.option(name.lower()) is not None
        ):
            continue
        known = [option.name.upper() for option in section.options]
        warnings.append(f"{variable}: unknown option in [{section.name}]{nearest(name, known)}.")
    return warnings


def nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, 1, 0.6)
    return f": did you mean {close[0]}" if close else ""


def former_names(values: Values) -> Sequence[str]:
    renamed = ((assignment, formerly(values, assignment)) for assignment in values.scan.assignments)
    return [
        f"{assignment.file}:{assignment.line}: [{assignment.section}] {assignment.name} is a former name; "
        f"write [{present[0]}] {present[1]}."
        for assignment, present in renamed
        if present is not None
    ]


def formerly(values: Values, assignment: Assignment) -> tuple[str, str] | None:
    """The present section and name, where the assignment uses a former one."""
    for section in values.sections.values():
        for option in section.options:
            if (assignment.section, assignment.name) in option.former:
                return section.name, option.name
    return None
