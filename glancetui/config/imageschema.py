"""schema-image.json: custom properties that the operator describes, beside the configuration."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from glancetui.config.ini import read_bounded
from glancetui.config.values import Values
from glancetui.errors import ConfigError

NAME = "schema-image.json"
BASE_ATTRIBUTES = frozenset(
    {
        "id", "name", "status", "visibility", "protected", "os_hidden", "checksum", "os_hash_algo", "os_hash_value",
        "owner", "size", "virtual_size", "container_format", "disk_format", "created_at", "updated_at", "tags",
        "direct_url", "min_ram", "min_disk", "self", "file", "stores", "schema", "locations",
    }
)  # fmt: skip


def extra_properties(values: Values, folders: tuple[Path, ...]) -> dict[str, Any]:
    """Arguments of ImageSettings; none where there is no such file.

    The file is flat, {name: schema}, or has `properties` and `required`.
    """
    file = next((folder / NAME for folder in folders if (folder / NAME).is_file()), None)
    if file is None:
        return {}
    try:
        text = read_bounded(file).decode("utf-8-sig")
        return described(file, text, json.loads(text))
    except json.JSONDecodeError as error:
        values.problems.append(ConfigError(f"is no JSON: {error.msg}.", file=str(file), line=error.lineno))
    except (UnicodeDecodeError, RecursionError):
        values.problems.append(ConfigError("is no JSON that can be read.", file=str(file)))
    except OSError as error:
        values.problems.append(ConfigError(f"cannot be read: {error.strerror}.", file=str(file)))
    except ConfigError as error:
        values.problems.append(error)
    return {}


def described(file: Path, text: str, document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ConfigError("must be an object of property names and their schemas.", file=str(file))
    extended = isinstance(document.get("properties"), dict) and "type" not in document["properties"]
    properties, required = (document["properties"], document.get("required", [])) if extended else (document, [])
    for name, schema in properties.items():
        if why := fault_of(name, schema):
            raise ConfigError(f"property {name[:80]!r} {why}", file=str(file), line=line_of(name, text))
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise ConfigError("`required` must be a list of property names.", file=str(file))
    return {"schema_properties": properties, "schema_required": tuple(required)}


def fault_of(name: str, schema: object) -> str | None:
    """What keeps the service from taking this property; None: nothing."""
    import jsonschema_rs  # only where there is such a file

    if name in BASE_ATTRIBUTES:
        return "is one that every image has. Remove it, or give it another name."
    if not isinstance(schema, dict) or not 0 < len(name) <= 255:
        return "must have a schema, which is an object."
    try:
        jsonschema_rs.Draft4Validator(schema, offline=True)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return f"has no valid JSON schema: {getattr(error, 'message', error)}."
    return None


def line_of(name: str, text: str) -> int | None:
    """Where the property begins; None where it is written with escapes."""
    key = re.search(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:", text)
    return text.count("\n", 0, key.start()) + 1 if key else None
