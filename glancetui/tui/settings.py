"""The terminal's own settings: `tui.toml` in the user's configuration folder.

A file that cannot be read or has a wrong value is named, with its line where the parser tells it, and the rest works on
defaults. It is never written by this program.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    theme: str = "dark"
    mouse: bool = True
    motion: bool = True
    ascii: bool | None = None  # None: by the locale and the terminal
    page_size: int = 200
    transfers: int = 2  # at a time
    keys: Mapping[str, str] = {}


def config_folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "glancetui"


def state_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "glancetui"


def load(path: Path) -> tuple[Settings, list[str]]:
    """The settings, and one sentence for each thing in the file that was left out."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings(), []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Settings(), [f"{path}: {error}; every setting has its default."]
    return _known(table, path)


def _known(table: dict[str, object], path: Path) -> tuple[Settings, list[str]]:
    settings, complaints = Settings(), []
    flat = {name: value for name, value in table.items() if name not in {"views", "clouds"}}
    for name, value in flat.items():
        try:
            one = msgspec.convert({name: value}, Settings)
        except msgspec.ValidationError as error:
            complaints.append(f"{path}: {name}: {error}; it has its default.")
            continue
        settings = msgspec.structs.replace(settings, **{name: getattr(one, name)})
    return _sound(settings, complaints, path)


def _sound(settings: Settings, complaints: list[str], path: Path) -> tuple[Settings, list[str]]:
    if not 10 <= settings.page_size <= 1000:
        complaints.append(f"{path}: page_size: {settings.page_size} is not between 10 and 1000; it has its default.")
        settings = msgspec.structs.replace(settings, page_size=200)
    if not 1 <= settings.transfers <= 16:
        complaints.append(f"{path}: transfers: {settings.transfers} is not between 1 and 16; it has its default.")
        settings = msgspec.structs.replace(settings, transfers=2)
    return settings, complaints
