"""Namespaces in files: the catalogue that ships with us, Glance's own files, what was exported from a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from glancetui.definitions import documents, texts
from glancetui.definitions import property as definitions
from glancetui.definitions.files import MOST
from glancetui.errors import GlancetuiError
from glancetui.metadefs.documents import OWNER, namespace_of
from glancetui.registry.metadefs import Association, MetadefObject, NamespaceContents, NewNamespace

CATALOGUE = Path(__file__).parent / "catalogue"


def read(path: Path) -> Iterator[NewNamespace]:
    """The namespaces of a file or a folder, checked. Raises GlancetuiError that names the file, OSError."""
    for file, document in texts.read_files(path):
        try:
            documents.check_schema("namespace", document)
            yield namespace_of(document, OWNER, MOST)
        except GlancetuiError as error:
            raise type(error)(f"{file}: {error}") from error


def document_of(found: NamespaceContents) -> dict[str, Any]:
    """What `read` makes the same namespace of. Raises msgspec.DecodeError for a definition that is none."""
    namespace = found.namespace
    document: dict[str, Any] = {
        "namespace": namespace.name,
        "display_name": namespace.display_name,
        "description": namespace.description,
        "visibility": namespace.visibility,
        "protected": namespace.protected,
        "owner": namespace.owner,
        "resource_type_associations": [_association(each) for each in namespace.associations],
        "properties": {
            each.name: definitions.document_of(definitions.decoded(each.definition)) for each in found.properties
        },
        "objects": [_object(each) for each in found.objects],
        "tags": [{"name": tag.name} for tag in reversed(found.tags)],
    }
    return {name: value for name, value in document.items() if value not in (None, [], {})}


def _association(found: Association) -> dict[str, str]:
    parts = {"name": found.name, "prefix": found.prefix, "properties_target": found.properties_target}
    return {name: value for name, value in parts.items() if value is not None}


def _object(found: MetadefObject) -> dict[str, Any]:
    properties = definitions.decoded_all(found.properties)
    document = {
        "name": found.name,
        "description": found.description,
        "required": list(found.required) or None,
        "properties": {name: msgspec.to_builtins(each) for name, each in properties.items()},
    }
    return {name: value for name, value in document.items() if value is not None}
