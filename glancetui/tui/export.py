"""`:export FILE`: every row of a list in a file, in the format that its suffix names. Blocking: run it in the pool."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from glancetui.client.values import RemoteImage
from glancetui.errors import BadRequest, GlancetuiError
from glancetui.tui.ports import Query, Service
from glancetui.tui.windows import Predicate

PAGE = 1000


def images_of(service: Service, query: Query, matches: Predicate | None) -> Iterator[RemoteImage]:
    """All of them, page by page. Raises a GlancetuiError."""
    after: str | None = None
    while True:
        listing = service.page(query, after, PAGE)
        if listing is None or not listing.images:
            return
        yield from (image for image in listing.images if matches is None or matches(image))
        if not listing.more:
            return
        after = listing.images[-1].id


def write(path: Path, images: Iterator[RemoteImage], columns: Sequence[str]) -> int:
    """The number of rows. The file appears only when it is whole. Raises OSError, BadRequest for an unknown suffix."""
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise BadRequest(f"The name must end in {', '.join(WRITERS)}; that says the format.")
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as out:
            count = writer(out, images, columns)
        draft.replace(path)
    except (OSError, GlancetuiError):
        draft.unlink(missing_ok=True)
        raise
    return count


def _json(out: TextIO, images: Iterator[RemoteImage], columns: Sequence[str]) -> int:  # noqa: ARG001  # whole documents
    count = 0
    for image in images:
        out.write(("[\n" if not count else ",\n") + msgspec.json.encode(image.document).decode())
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count


def _yaml(out: TextIO, images: Iterator[RemoteImage], columns: Sequence[str]) -> int:  # noqa: ARG001
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times as fast, where libyaml is there
    count = 0
    for image in images:
        yaml.dump([dict(image.document)], out, dumper, allow_unicode=True, sort_keys=False)
        count += 1
    return count


def _csv(out: TextIO, images: Iterator[RemoteImage], columns: Sequence[str]) -> int:
    table = csv.writer(out)
    table.writerow(columns)
    count = 0
    for image in images:
        table.writerow([_cell(image, column) for column in columns])
        count += 1
    return count


ATTRIBUTES = {"format": "disk_format", "updated": "updated_at", "created": "created_at", "hash": "os_hash_value"}


def _cell(image: RemoteImage, column: str) -> str:
    """A raw value; what a spreadsheet would take for a formula begins with an apostrophe."""
    value = image.document.get(ATTRIBUTES.get(column, column.removeprefix("prop.")))
    text = "" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t"} else text


WRITERS: Mapping[str, Callable[[TextIO, Iterator[RemoteImage], Sequence[str]], int]] = {
    ".json": _json,
    ".csv": _csv,
    ".yaml": _yaml,
}
