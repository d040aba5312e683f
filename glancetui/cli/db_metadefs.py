"""`glancetui db load-metadefs | export-metadefs | unload-metadefs`: metadata definitions, straight in the database."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glancetui.cli.db import DataFolder, Files, Folders, app, settings
from glancetui.cli.verbs import UsageError

if TYPE_CHECKING:
    from glancetui.model import Viewer
    from glancetui.registry.metadefs import Loading, MetadefChange
    from glancetui.registry.sql import SqlRegistry

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@app.command("load-metadefs")
def load_metadefs(
    path: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A file or a folder of them; not given: the shipped catalogue.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Add what a namespace lacks.")] = False,
    prefer_new: Annotated[bool, typer.Option("--prefer-new", help="As --merge, and change what differs.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="As --prefer-new, and remove what the files lack.")
    ] = False,
    dry_run: DryRun = False,
    config_file: Files = None,
    config_dir: Folders = None,
    data_dir: DataFolder = None,
) -> None:
    """Bring metadata definitions into the database: the shipped ones, Glance's own files, or yours.

    Namespaces that are there already stay as they are, unless told otherwise. Done twice, the second time changes
    nothing.
    """
    from glancetui.metadefs import files
    from glancetui.registry.values import Actor

    namespaces = list(files.read(path or files.CATALOGUE))  # all are good, or nothing is written
    how = loading(merge=merge, prefer_new=prefer_new, overwrite=overwrite)
    with registry(config_file, config_dir, data_dir, create=not dry_run) as opened:
        changes = [
            (each.fields.name, change)
            for each in namespaces
            for change in opened.load_metadef_namespace(each, how, dry_run, Actor())
        ]
    if dry_run:
        for namespace, change in changes:
            sys.stdout.write(line(namespace, change) + "\n")
    sys.stdout.write(summary(len(namespaces), [change for _, change in changes], dry_run=dry_run))


@app.command("export-metadefs")
def export_metadefs(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="Is made if it is not there.")],
    config_file: Files = None,
    config_dir: Folders = None,
    data_dir: DataFolder = None,
) -> None:
    """Write each metadata namespace to a file of its own; loading them again gives the same state."""
    from glancetui.definitions.files import file_name, write
    from glancetui.metadefs import files
    from glancetui.model import Viewer

    path.mkdir(parents=True, exist_ok=True)
    everybody = Viewer(project=None, is_admin=True)
    count = 0
    with registry(config_file, config_dir, data_dir) as opened:
        for name in all_names(opened, everybody):
            document = files.document_of(opened.metadef_contents(name, everybody))
            write(path / file_name(name), document)
            count += 1
    sys.stdout.write(f"{count} namespaces were written to {path}.\n")


@app.command("unload-metadefs")
def unload_metadefs(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAMESPACE…", help="Not given: all, and the resource types.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Really: there is no way back but another load.")] = False,
    dry_run: DryRun = False,
    config_file: Files = None,
    config_dir: Folders = None,
    data_dir: DataFolder = None,
) -> None:
    """Remove metadata namespaces from the database, protected ones too."""
    from glancetui.registry.values import Actor

    if not yes and not dry_run:
        raise UsageError("This removes definitions for good: say --yes, or look first with --dry-run")
    with registry(config_file, config_dir, data_dir) as opened:
        removed = opened.unload_metadefs(names, dry_run, Actor())
    for name in removed:
        sys.stdout.write(f"{name}\n")
    sys.stderr.write(f"{len(removed)} namespaces {'would be' if dry_run else 'were'} removed.\n")


@contextmanager
def registry(
    files: list[Path] | None, dirs: list[Path] | None, data_dir: Path | None, *, create: bool = False
) -> Iterator[SqlRegistry]:
    """That of the configured database, whose schema must be current; an empty database is given one."""
    from glancetui.registry.sql import open_registry

    opened = open_registry(settings(files or [], dirs or [], data_dir, create=create), "db")
    try:
        yield opened
    finally:
        opened.close()


def all_names(registry: SqlRegistry, viewer: Viewer) -> Iterator[str]:
    from glancetui.registry.metadefs import NamespaceQuery

    marker = None
    while True:
        query = NamespaceQuery(viewer=viewer, limit=500, key="namespace", direction="asc", marker=marker)
        page = registry.metadef_namespaces(query)
        if not page:
            return
        yield from (each.name for each in page)
        marker = page[-1].name


def loading(*, merge: bool, prefer_new: bool, overwrite: bool) -> Loading:
    """Raises UsageError for flags that contradict each other."""
    if overwrite and prefer_new:
        raise UsageError("--overwrite and --prefer-new contradict each other: choose one")
    if overwrite:
        return "overwrite"
    if prefer_new:
        return "prefer-new"
    return "merge" if merge else "new"


def line(namespace: str, change: MetadefChange) -> str:
    name = "" if change.kind == "namespace" else f" {change.name}"
    return f"{change.action} {change.kind}{name} ({namespace})" if name else f"{change.action} namespace {namespace}"


def summary(count: int, changes: Sequence[MetadefChange], *, dry_run: bool) -> str:
    if not changes:
        return f"{count} namespaces were read; the database holds all that was asked for already.\n"
    done = Counter((change.action, change.kind) for change in changes)
    parts = [f"{action} {number} × {kind}" for (action, kind), number in sorted(done.items())]
    return f"{count} namespaces were read. {'Would' if dry_run else 'Did'}: {', '.join(parts)}.\n"
