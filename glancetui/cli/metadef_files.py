"""Metadata namespaces as documents: import, export, diff, edit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glancetui.cli.context import Context
from glancetui.cli.metadef_namespaces import metadefs_of, namespace_argument
from glancetui.cli.output import Column, plain
from glancetui.cli.targets import confirm
from glancetui.cli.verbs import UsageError
from glancetui.client.text import clean
from glancetui.errors import GlancetuiError

if TYPE_CHECKING:
    from glancetui.definitions.difference import Loading, Step

Document = dict[str, Any]
COLUMNS = (
    Column("action", "ACTION"),
    Column("kind", "KIND"),
    Column("name", "NAME"),
    Column("namespace", "NAMESPACE"),
    Column("changed", "CHANGED", plain),
)


# import, diff ---------------------------------------------------------------------------------------------------------


def files_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="JSON or YAML, or folders of such files")


def mode_arguments(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group()
    for flag, help_ in (
        ("merge", "add what a namespace lacks"),
        ("prefer-new", "as --merge, and change what differs"),
        ("overwrite", "as --prefer-new, and remove what the files lack"),
    ):
        mode.add_argument(f"--{flag}", dest="how", action="store_const", const=flag, default="new", help=help_)


def import_arguments(parser: argparse.ArgumentParser) -> None:
    files_argument(parser)
    mode_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")


def import_files(context: Context) -> None:
    """Bring namespaces out of files to the endpoint. One that is there stays as it is, unless told otherwise."""
    given = context.arguments
    metadefs = metadefs_of(context)
    documents = list(read(given.files))  # all are good, or nothing is sent
    rows: list[Mapping[str, object]] = []
    for document in documents:
        steps = leading_to(context, document, given.how)
        if not given.dry_run:
            metadefs.apply(document, steps)
        rows += [row_of(document["namespace"], step) for step in steps]
    context.printer.rows(COLUMNS, rows, ("action", "kind", "name", "namespace"))
    if not rows:
        context.say("The endpoint holds all of that already.")


def diff_arguments(parser: argparse.ArgumentParser) -> None:
    files_argument(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 where something differs")


def diff_files(context: Context) -> int:
    """Print what makes the endpoint's namespaces those of the files, and do nothing."""
    given = context.arguments
    rows = [
        row_of(document["namespace"], step)
        for document in read(given.files)
        for step in leading_to(context, document, "overwrite")
    ]
    context.printer.rows(COLUMNS, rows, ("action", "kind", "name", "namespace", "changed"))
    return int(given.exit_code and bool(rows))


def read(paths: Sequence[Path]) -> Iterator[Document]:
    """The namespaces of files and folders, checked. Raises GlancetuiError that names the file."""
    from glancetui.definitions import files

    try:
        yield from files.read_namespaces(paths)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
    except GlancetuiError as error:
        raise UsageError(str(error)) from error


def leading_to(context: Context, document: Document, how: Loading) -> list[Step]:
    from glancetui.definitions.difference import steps

    return steps(metadefs_of(context).find(document["namespace"]), document, how)


def row_of(namespace: str, step: Step) -> dict[str, object]:
    from glancetui.definitions.difference import changed_words

    return {
        "action": step.action,
        "kind": step.kind,
        "name": step.name,
        "namespace": namespace,
        "changed": list(changed_words(step)),
    }


# export ---------------------------------------------------------------------------------------------------------------


def export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("namespaces", metavar="NAMESPACE", nargs="*", help="none: all that you can see")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="a file each; not given: one namespace on stdout")
    parser.add_argument("--yaml", action="store_true", help="YAML instead of JSON")


def export_files(context: Context) -> None:
    """Write namespaces as documents that `metadef import` and `db load-metadefs` read."""
    from glancetui.definitions.difference import whole
    from glancetui.definitions.files import file_name, write

    given = context.arguments
    metadefs = metadefs_of(context)
    if given.to is None:
        if len(given.namespaces) != 1:
            raise UsageError("On stdout there is room for one namespace: name it, or say --to FOLDER")
        sys.stdout.write(text_of(whole(metadefs.namespace(given.namespaces[0])), yaml=given.yaml))
        return
    given.to.mkdir(parents=True, exist_ok=True)
    names = given.namespaces or [each["namespace"] for each in metadefs.namespaces({"sort_key": "namespace"})]
    suffix = ".yaml" if given.yaml else ".json"
    for name in names:
        write(given.to / file_name(name, suffix), whole(metadefs.namespace(name)))
    context.say(f"{len(names)} namespaces were written to {given.to}.")


def text_of(document: Document, *, yaml: bool) -> str:
    from glancetui.definitions import texts

    return texts.to_yaml(document) if yaml else texts.to_json(document)


# edit -----------------------------------------------------------------------------------------------------------------


def edit_arguments(parser: argparse.ArgumentParser) -> None:
    namespace_argument(parser)
    parser.add_argument("--json", action="store_true", help="edit JSON instead of YAML")
    parser.add_argument("--yes", action="store_true", help="send it without asking")
    parser.add_argument("--dry-run", action="store_true", help="show the difference, and send nothing")


def edit_namespace(context: Context) -> None:
    """Edit a namespace in $EDITOR. It is checked, the difference is shown, and then it is sent."""
    from glancetui.definitions.difference import steps, whole

    given = context.arguments
    metadefs = metadefs_of(context)
    before = metadefs.namespace(given.namespace)
    document = asked_until_right(context, text_of(whole(before), yaml=not given.json))
    if document["namespace"] != given.namespace:
        raise UsageError("The name is changed by `metadef namespace set --name`, not by editing")
    found = steps(before, document, "overwrite")
    if not found:
        context.say("Nothing was changed.")
        return
    context.printer.rows(
        COLUMNS, [row_of(given.namespace, step) for step in found], ("action", "kind", "name", "changed")
    )
    if not given.dry_run:
        confirm(context, f"Send {len(found)} change{'s' if len(found) > 1 else ''}?")
        metadefs.apply(document, found)


def asked_until_right(context: Context, text: str) -> Document:
    """The document that the editor leaves; where it is wrong, the editor is offered again. Raises GlancetuiError."""
    from glancetui.client.editor import edited
    from glancetui.definitions import texts
    from glancetui.definitions.files import checked

    suffix = ".json" if context.arguments.json else ".yaml"
    while True:
        text = edited(text, suffix)
        try:
            return checked(texts.decoded(text, "the text", yaml=not context.arguments.json), "the text")
        except GlancetuiError as error:
            if not context.is_interactive:
                raise
            sys.stderr.write(f"{clean(str(error))}\nEdit again? [Y/n] ")
            sys.stderr.flush()
            if sys.stdin.readline().strip().lower() in {"n", "no"}:
                raise
