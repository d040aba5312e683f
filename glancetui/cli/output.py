"""The answer of a command on stdout: tables for people, json, yaml, value and csv for programs.

Lists are written as they arrive. Tables show cleaned text; the other formats carry values raw, but nothing raw reaches
a terminal.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TextIO

import msgspec

from glancetui.cli.verbs import UsageError
from glancetui.client.text import cells, clean, cut, fit

FIRST_PAGE = 1000  # rows that decide the widths of a table
GAP = "  "
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


class Column(msgspec.Struct, frozen=True):
    """A column that a list can show. `key` is the API's name; `show` makes it fit for people."""

    key: str
    title: str
    show: Callable[[object], str] = str
    right: bool = False


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How to print, as the flags say."""

    format: str = "table"
    columns: tuple[str, ...] = ()
    header: bool = True
    fit_width: bool = False


class Printer:
    """Writes answers to `stream` in one style."""

    def __init__(self, style: Style, stream: TextIO | None = None) -> None:
        self.style = style
        self.stream = stream or sys.stdout
        self.to_terminal = self.stream.isatty()

    def rows(self, columns: Sequence[Column], rows: Iterable[Mapping[str, object]], default: Sequence[str]) -> None:
        """A list. `rows` are documents; `default` names the columns where -c names none."""
        chosen = self._chosen(columns, default)
        writers: Mapping[str, Callable[[Sequence[Column], Iterable[Mapping[str, object]]], None]] = {
            "table": self._table,
            "csv": self._csv,
            "value": self._values,
            "json": self._json_rows,
            "yaml": self._yaml_rows,
        }
        writers[self.style.format](chosen, rows)

    def item(
        self, document: Mapping[str, object], shown: Mapping[str, str] | None = None, *, lenient: bool = False
    ) -> None:
        """One thing. `shown` holds what people see instead, where that differs. `lenient`: a column that the document
        lacks is empty, as in a list; else UsageError."""
        picked = self._picked(document, lenient=lenient)
        kind = self.style.format
        if kind == "json":
            self._write(self._json(picked, indent=2) + "\n")
        elif kind == "yaml":
            self._write(self._yaml(picked))
        elif kind == "value":
            self._write("".join(self._line(plain(value)) + "\n" for value in picked.values()))
        elif kind == "csv":
            self._csv([Column(key, key) for key in picked], [picked])
        else:
            for_people = {key: (shown or {}).get(key) or text_or_dash(value) for key, value in picked.items()}
            self._fields(for_people)

    # Tables

    def _table(self, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> None:
        lines = ([clean(column.show(row.get(column.key))) for column in columns] for row in rows)
        first = list(itertools.islice(lines, FIRST_PAGE))
        titles = [[column.title for column in columns]] if self.style.header else []
        widths = [max(map(cells, column), default=0) for column in zip(*titles, *first, strict=True)]
        widths = widths or [0] * len(columns)
        limit = self._terminal_width() if self.to_terminal or self.style.fit_width else None
        for line in itertools.chain(titles, first, lines):
            parts = (
                cell if cells(cell) > width else fit(cell, width, right=column.right)
                for cell, width, column in zip(line, widths, columns, strict=True)
            )
            text = GAP.join(parts).rstrip()
            self._write((text if limit is None else cut(text, limit)) + "\n")

    def _fields(self, fields: Mapping[str, str]) -> None:
        names = {key: clean(key) for key in fields}
        width = max(map(cells, names.values()), default=0)
        limit = self._terminal_width() if self.style.fit_width else None
        for key, value in fields.items():
            line = f"{fit(names[key], width)}{GAP}{clean(value)}".rstrip()
            self._write((line if limit is None else cut(line, limit)) + "\n")

    def _terminal_width(self) -> int:
        try:
            return int(os.environ.get("COLUMNS") or os.get_terminal_size(self.stream.fileno()).columns) or 80
        except (OSError, ValueError):
            return 80

    # Formats for programs

    def _csv(self, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> None:
        header = [[column.key for column in columns]] if self.style.header else []
        lines = ([plain(row.get(column.key)) for column in columns] for row in rows)
        for line in itertools.chain(header, lines):
            self._write(",".join(csv_cell(self._safe(cell)) for cell in line) + "\n")

    def _values(self, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> None:
        for row in rows:
            self._write(self._line(" ".join(plain(row.get(column.key)) for column in columns)) + "\n")

    def _json_rows(self, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> None:
        separator = "[\n"
        for row in self._documents(columns, rows):
            self._write(separator + self._json(row))
            separator = ",\n"
        self._write("[]\n" if separator == "[\n" else "\n]\n")

    def _yaml_rows(self, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> None:
        empty = True
        for row in self._documents(columns, rows):
            self._write(self._yaml([row]))
            empty = False
        if empty:
            self._write("[]\n")

    def _documents(
        self, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]
    ) -> Iterator[Mapping[str, object]]:
        """Whole documents, or the columns that were asked for."""
        if not self.style.columns:
            return iter(rows)
        return ({column.key: row.get(column.key) for column in columns} for row in rows)

    def _json(self, value: object, indent: int = 0) -> str:
        encoded = msgspec.json.encode(value, enc_hook=plain)
        text = (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()
        return "".join(map(escaped, text)) if self.to_terminal and not clean_but_lines(text) else text

    def _yaml(self, value: object) -> str:
        import yaml  # only where asked for: it costs more than the request

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        built = msgspec.to_builtins(value, enc_hook=plain)
        text: str = yaml.dump(built, Dumper=dumper, allow_unicode=True, sort_keys=False, width=1 << 20)
        if self.to_terminal and not clean_but_lines(text):
            text = yaml.dump(built, Dumper=dumper, allow_unicode=False, sort_keys=False, width=1 << 20)
        return text

    # Details

    def _chosen(self, columns: Sequence[Column], default: Sequence[str]) -> list[Column]:
        by_name = {normal(name): column for column in columns for name in (column.key, column.title)}
        wanted = self.style.columns or default
        return [by_name.get(normal(name)) or Column(name, name.upper(), plain) for name in wanted]

    def _picked(self, document: Mapping[str, object], *, lenient: bool) -> Mapping[str, object]:
        if not self.style.columns:
            return document
        by_name = {normal(key): key for key in document}
        missing = [name for name in self.style.columns if normal(name) not in by_name]
        if missing and not lenient:
            raise UsageError(f"There is no column {clean(missing[0])!r} here; there are: {clean(', '.join(document))}.")
        keys = [by_name.get(normal(name), name) for name in self.style.columns]
        return {key: document.get(key) for key in keys}

    def _safe(self, text: str) -> str:
        return clean(text) if self.to_terminal else text

    def _line(self, text: str) -> str:
        return self._safe(text)

    def _write(self, text: str) -> None:
        self.stream.write(text)


def normal(name: str) -> str:
    """How names of columns are compared: "Disk Format" is disk_format."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def plain(value: object) -> str:
    """A raw value as one string: what is not set is empty, truth as JSON spells it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return msgspec.json.encode(value, enc_hook=str).decode()


def csv_cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text


def clean_but_lines(text: str) -> bool:
    """Whether everything between the line ends may go to a terminal as it is."""
    return all(clean(line) == line for line in text.split("\n"))


def escaped(character: str) -> str:
    """JSON's own escape for what must not reach a terminal."""
    if character == "\n" or clean(character) == character:
        return character
    return "".join(f"\\u{unit:04x}" for unit in utf16_units(character))


def utf16_units(character: str) -> Iterator[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[index : index + 2], "big") for index in range(0, len(data), 2))


# Values for people ----------------------------------------------------------------------------------------------------


def size_text(value: object) -> str:
    """Bytes as 612.5 MiB."""
    if not isinstance(value, int) or isinstance(value, bool):
        return "—"
    amount, unit = float(value), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return (
        f"{value} B" if unit == 0 else f"{amount:.1f} {UNITS[unit]}" if amount < 100 else f"{amount:.0f} {UNITS[unit]}"
    )


def time_text(value: object) -> str:
    """An ISO time without its T and zone."""
    return value.replace("T", " ").removesuffix("Z")[:19] if isinstance(value, str) else plain(value)


def text_or_dash(value: object) -> str:
    return plain(value) or "—"


def yes_no(value: object) -> str:
    return "yes" if value is True else "no"
