"""Views that were given a name: filter, sort and columns, for each cloud, in a file of the state folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from glancetui.errors import ConfigError
from glancetui.tui.ports import Order
from glancetui.tui.settings import state_folder


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    filter: str = ""
    order: Order = Order()
    columns: tuple[str, ...] = ()  # empty: those that a list has by itself


Clouds = dict[str, dict[str, SavedView]]


def file() -> Path:
    return state_folder() / "views.json"


def of_cloud(cloud: str) -> Mapping[str, SavedView]:
    """By name. Raises ConfigError for a file that cannot be read, OSError."""
    return _read().get(cloud, {})


def keep(cloud: str, name: str, view: SavedView) -> None:
    """Under a name; one that has it already is replaced. Raises ConfigError, OSError."""
    known = _read()
    known.setdefault(cloud, {})[name] = view
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=1))
    draft.chmod(0o600)
    draft.replace(path)


def _read() -> Clouds:
    path = file()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Clouds)
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}. It is left as it is.") from error
