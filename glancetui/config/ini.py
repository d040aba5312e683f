"""Where each assignment of a configuration file stands: oslo.config's grammar, with the lines that it does not keep."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from oslo_config.iniparser import BaseParser, ParseError

from glancetui.errors import ConfigError

MAX_FILE_BYTES = 8 << 20  # a configuration is some kilobytes; a disk image given by mistake must not fill memory


class Assignment(msgspec.Struct, frozen=True):
    section: str
    name: str
    text: str
    file: str
    line: int


class Heading(msgspec.Struct, frozen=True):
    section: str
    file: str
    line: int


class Scan(msgspec.Struct, frozen=True):
    """All files in the order of reading; of two assignments to one name the later one counts."""

    assignments: tuple[Assignment, ...]
    headings: tuple[Heading, ...]


class LineKeeper(BaseParser):
    """Collects assignments and headings with the line on which each begins."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.section = ""
        self.begun = 0
        self.assignments: list[Assignment] = []
        self.headings: list[Heading] = []

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        if not self.section:
            raise ParseError("A section such as [DEFAULT] must begin before the first assignment", self.lineno, line)
        self.begun = self.lineno  # `assignment` is called only when the next one begins
        key, value = super()._split_key_value(line)
        return key, value

    def assignment(self, key: str, value: list[str]) -> None:
        self.assignments.append(Assignment(self.section, key, "\n".join(value), self.file, self.begun))

    def new_section(self, section: str) -> None:
        self.section = section
        self.headings.append(Heading(section, self.file, self.lineno))


def scan(files: Sequence[Path]) -> Scan:
    """Raises ConfigError for a file that cannot be read or parsed."""
    parsers = [parse(file) for file in files]
    return Scan(
        tuple(assignment for parser in parsers for assignment in parser.assignments),
        tuple(heading for parser in parsers for heading in parser.headings),
    )


def parse(file: Path) -> LineKeeper:
    parser = LineKeeper(str(file))
    try:
        parser.parse(lines_of(file))
    except ParseError as error:
        raise ConfigError(f"{error.msg[0].lower()}{error.msg[1:]}.", file=str(file), line=error.lineno) from None
    return parser


def lines_of(file: Path) -> Iterator[str]:
    try:
        if not file.is_file():  # a folder, a pipe or a device would fail later, or never end
            raise ConfigError("is no file; give a configuration file that exists.", file=str(file))
        content = read_bounded(file)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}.", file=str(file)) from error
    try:
        return io.StringIO(content.decode(), newline=None)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text.", file=str(file), line=line) from None


def read_bounded(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"is larger than {MAX_FILE_BYTES >> 20} MiB: this is no configuration file.", file=str(file))
    return content


def files_of(folder: Path) -> list[Path]:
    """The `*.conf` files of a folder, by name. Raises ConfigError."""
    try:
        return sorted(entry for entry in folder.iterdir() if entry.suffix == ".conf")
    except OSError as error:
        raise ConfigError(f"the folder cannot be read: {error.strerror}.", file=str(folder)) from error
