"""The values of options and where each comes from: oslo.config does the reading, its answers are checked here.

Strength, weakest first: default, files in their order, environment `OS_<SECTION>__<OPTION>`, command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from oslo_config import cfg
from oslo_config.types import ConfigType

from glancetui.config.ini import Assignment, Scan
from glancetui.config.kinds import Kind, parse_list, written
from glancetui.config.masking import mask_urls
from glancetui.config.option import Option, Section
from glancetui.errors import ConfigError


class Source(msgspec.Struct, frozen=True):
    """Where a value in force comes from."""

    kind: str  # "default", "file", "environment", "command line"
    file: str | None = None
    line: int | None = None
    variable: str | None = None

    def __str__(self) -> str:
        if self.file is not None:
            return f"{self.file}:{self.line}"
        return self.variable or self.kind


DEFAULT = Source("default")
COMMAND_LINE = Source("command line")


class Values:
    """Typed values by (section, option). A wrong one is noted in `problems`, and its default is used to go on."""

    def __init__(
        self,
        files: Sequence[Path],
        scan: Scan,
        environment: Mapping[str, str],
        overrides: Mapping[tuple[str, str], Any],
    ) -> None:
        self.scan = scan
        self.environment = environment
        self.overrides = overrides
        self.problems: list[ConfigError] = []
        self.sections: dict[str, Section] = {}
        self.assigned: dict[tuple[str, str], list[Assignment]] = {}
        for assignment in scan.assignments:
            self.assigned.setdefault((normal(assignment.section), assignment.name), []).append(assignment)
        self.conf = cfg.ConfigOpts()
        self.conf(args=[], project="glancetui", default_config_files=[str(file) for file in files], use_env=False)

    def register(self, section: Section) -> None:
        """Make the options of a section readable. Twice is once."""
        if normal(section.name) in self.sections:
            return
        self.sections[normal(section.name)] = section
        group = None if section.name == "DEFAULT" else cfg.OptGroup(section.name)
        self.conf.register_opts([oslo_option(option) for option in section.options], group=group)
        for option in section.options:
            self.override(section.name, option)

    def override(self, section: str, option: Option) -> None:
        """What the environment or the command line says goes before what files say."""
        key, variable = (normal(section), option.name), variable_of(section, option.name)
        if key in self.overrides:
            value, source = self.overrides[key], COMMAND_LINE
        elif variable in self.environment:
            value, source = self.environment[variable], Source("environment", variable=variable)
        else:
            return
        try:
            parsed = [*option_list(value)] if option.kind is Kind.MULTI else option.parse(value)
        except ValueError as error:
            self.problems.append(self.problem(section, option, source, value, str(error)))
            return
        self.conf.set_override(option.name, parsed, group=group_of(section))

    def get(self, section: str, name: str) -> Any:  # noqa: ANN401  # of the type of the option's kind
        """The value in force, of the type of its kind. KeyError for what is not registered."""
        option = self.option(section, name)
        try:
            return self.conf[name] if section == "DEFAULT" else self.conf[section][name]
        except (ValueError, cfg.Error):  # oslo.config's sentence names no line and may hold a secret: ours replaces it
            self.note_bad_value(section, option)
            return option.default

    def note_bad_value(self, section: str, option: Option) -> None:
        source = self.source(section, option.name)
        assignment = self.last_assignment(section, option)
        text = assignment.text if assignment else ""
        try:
            option.parse(text)
            reason = "refers to an option that does not exist; write $$ for a dollar sign"
        except ValueError as own:
            reason = str(own)
        if not any(problem.file == source.file and problem.line == source.line for problem in self.problems):
            self.problems.append(self.problem(section, option, source, text, reason))

    def problem(self, section: str, option: Option, source: Source, value: object, reason: str) -> ConfigError:
        hidden = option.secret or value is None
        shown = "" if hidden else f" = {mask_urls(written(value))[:80]!r}"
        origin = f" (from {source})" if source.file is None and source is not DEFAULT else ""
        return ConfigError(f"[{section}] {option.name}{shown}{origin} {reason}.", file=source.file, line=source.line)

    def complain(self, section: str, name: str, reason: str) -> None:
        """Note a problem with a value that parses but makes no sense."""
        option, source = self.option(section, name), self.source(section, name)
        problem = self.problem(section, option, source, self.get(section, name), reason)
        if str(problem) not in map(str, self.problems):
            self.problems.append(problem)

    def option(self, section: str, name: str) -> Option:
        option = self.sections[normal(section)].option(name)
        if option is None:
            raise KeyError(f"[{section}] {name}")
        return option

    def source(self, section: str, name: str) -> Source:
        option, variable = self.option(section, name), variable_of(section, name)
        if (normal(section), name) in self.overrides:
            return COMMAND_LINE
        if variable in self.environment:
            return Source("environment", variable=variable)
        found = self.last_assignment(section, option)
        return DEFAULT if found is None else Source("file", found.file, found.line)

    def is_set(self, section: str, name: str) -> bool:
        return self.source(section, name) is not DEFAULT

    def last_assignment(self, section: str, option: Option) -> Assignment | None:
        """oslo.config asks for the present name first and then for former ones, in each file, the last file first."""
        names = [(normal(section), option.name), *((normal(former), name) for former, name in option.former)]
        candidates = [(self.assigned[key][-1], -rank) for rank, key in enumerate(names) if key in self.assigned]
        order = {file: number for number, file in enumerate(dict.fromkeys(a.file for a in self.scan.assignments))}
        return max(candidates, key=lambda found: (order[found[0].file], found[1]), default=(None, 0))[0]


def option_list(value: object) -> Sequence[str]:
    return value.split(",") if isinstance(value, str) else parse_list(value)


def oslo_option(option: Option) -> cfg.Opt:
    former = [cfg.DeprecatedOpt(name, group=section) for section, name in option.former]
    kind = cast("ConfigType", option.parse)  # any callable serves
    if option.kind is Kind.MULTI:
        return cfg.MultiOpt(option.name, item_type=kind, default=option.default, deprecated_opts=former)
    return cfg.Opt(option.name, type=kind, default=option.default, deprecated_opts=former, secret=option.secret)


def normal(section: str) -> str:
    """Section names are compared without case, but for DEFAULT."""
    return section if section == "DEFAULT" else section.lower()


def group_of(section: str) -> str | None:
    return None if section == "DEFAULT" else section


def variable_of(section: str, name: str) -> str:
    return f"OS_{section.upper()}__{name.upper()}"
