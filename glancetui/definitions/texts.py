"""Documents as text, JSON or YAML: strict about what would silently lose something, and about what grows in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glancetui.errors import BadRequest

LARGEST = 4 << 20  # bytes of a file
_SUFFIXES = frozenset({".json", ".yaml", ".yml"})


def read_files(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The documents of a file, or of all JSON and YAML files of a folder, by name. Raises BadRequest, OSError."""
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise BadRequest(f"The folder {path} holds neither JSON nor YAML files.")
    return ((file, read_file(file)) for file in files)


def read_file(file: Path) -> dict[str, Any]:
    """Raises BadRequest that names the file, OSError."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise BadRequest(f"{file} is longer than {LARGEST} bytes.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{file} is not UTF-8 at byte {error.start}.") from error
    return decoded(text, str(file), yaml=file.suffix.lower() != ".json")


def decoded(text: str, name: str, *, yaml: bool) -> dict[str, Any]:
    """An object. Raises BadRequest that names the text, and the line where it is broken."""
    document = _from_yaml(text, name) if yaml else _from_json(text, name)
    if not isinstance(document, dict):
        raise BadRequest(f"{name} holds no object.")
    return document


def to_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_yaml(document: object) -> str:
    import yaml

    dumped: str = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=100)
    return dumped


def _from_json(text: str, name: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise BadRequest(f"{name}:{error.lineno}: this is not JSON: {error.msg}.") from error
    except RecursionError as error:
        raise BadRequest(f"{name} is nested too deeply.") from error
    except (KeyError, ValueError) as error:  # told by the hooks below
        raise BadRequest(f"{name}: {error.args[0]}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        raise KeyError(f"{next(key for key in names if names.count(key) > 1)!r} stands in one object twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _from_yaml(text: str, name: str) -> object:
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _check_node(node, set())
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadRequest(f"{name}{line}: this is not YAML: {error.problem}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadRequest(f"{name}: this is not YAML that can be read: {error}.") from error


def _check_node(node: Any, seen: set[int]) -> None:  # noqa: ANN401 - PyYAML's nodes
    """Raises MarkedYAMLError: an alias lets a small text stand for a large one, a key twice loses its first value."""
    import yaml

    if id(node) in seen:
        raise yaml.MarkedYAMLError(problem="aliases are not taken here", problem_mark=node.start_mark)
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[object] = set()
        for key, value in node.value:
            if key.value in keys if isinstance(key, yaml.ScalarNode) else False:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark)
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            _check_node(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check_node(each, seen)
