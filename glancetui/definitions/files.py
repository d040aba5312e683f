"""Namespaces in files: read and checked, and written so that they read again to the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from glancetui.definitions import documents, texts
from glancetui.errors import BadRequest, GlancetuiError

MOST = 100_000  # of a kind in a file: an operator's own files are bounded by their size, and each service by itself
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
Document = dict[str, Any]


def read_namespaces(paths: Iterable[Path]) -> Iterator[Document]:
    """The namespaces of files and folders, checked. Raises GlancetuiError that names the file, OSError."""
    seen: dict[str, Path] = {}
    for path in paths:
        for file, document in texts.read_files(path):
            name = checked(document, str(file))["namespace"]
            if name in seen:
                raise BadRequest(f"{file}: {seen[name]} holds the namespace {name}, too. Leave one of them out.")
            seen[name] = file
            yield document


def checked(document: Document, name: str) -> Document:
    """Raises GlancetuiError that names the text, and the place in it that is wrong."""
    try:
        documents.check_schema("namespace", document)
        documents.check_namespace(document, most=MOST)
    except GlancetuiError as error:
        raise type(error)(f"{name}: {error}") from error
    return document


def file_name(namespace: str, suffix: str = ".json") -> str:
    """Differs where names differ, on any file system."""
    plain = _ODD.sub("-", namespace.replace("::", "-")).strip("-.") or "namespace"
    return f"{plain}{suffix}" if plain == namespace.replace("::", "-") else f"{plain}-{_digest(namespace)}{suffix}"


def write(file: Path, document: Mapping[str, Any]) -> None:
    """YAML or JSON, as its suffix says. The file appears only when it is whole. Raises OSError."""
    draft = file.with_name(f".{file.name}.part")
    text = texts.to_json(document) if file.suffix.lower() == ".json" else texts.to_yaml(document)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _digest(name: str) -> str:
    import hashlib

    return hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
