"""schema-image.json: custom properties that the operator describes, beside the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glancetui.config.ini import read_bounded
from glancetui.config.values import Values
from glancetui.errors import ConfigError

NAME = "schema-image.json"


def extra_properties(values: Values, folders: tuple[Path, ...]) -> dict[str, Any]:
    """Arguments of ImageSettings; none where there is no such file.

    The file is flat, {name: schema}, or has `properties` and `required`.
    """
    file = next((folder / NAME for folder in folders if (folder / NAME).is_file()), None)
    if file is None:
        return {}
    try:
        return described(file, json.loads(read_bounded(file)))
    except json.JSONDecodeError as error:
        values.problems.append(ConfigError(f"is no JSON: {error.msg}.", file=str(file), line=error.lineno))
    except (UnicodeDecodeError, RecursionError):
        values.problems.append(ConfigError("is no JSON that can be read.", file=str(file)))
    except OSError as error:
        values.problems.append(ConfigError(f"cannot be read: {error.strerror}.", file=str(file)))
    except ConfigError as error:
        values.problems.append(error)
    return {}


def described(file: Path, document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ConfigError("must be an object of property names and their schemas.", file=str(file))
    extended = isinstance(document.get("properties"), dict) and "type" not in document["properties"]
    properties, required = (document["properties"], document.get("required", [])) if extended else (document, [])
    for name, schema in properties.items():
        if not isinstance(schema, dict) or not 0 < len(name) <= 255:
            raise ConfigError(f"property {name[:80]!r} must have a schema, which is an object.", file=str(file))
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise ConfigError("`required` must be a list of property names.", file=str(file))
    return {"schema_properties": properties, "schema_required": tuple(required)}
