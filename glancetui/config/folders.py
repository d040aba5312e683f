"""Are the folders usable? Nothing is created here: that is for the parts that own them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from glancetui.config.settings import Settings
from glancetui.config.values import Values


def check_folders(values: Values, settings: Settings) -> None:
    """Every folder that the service writes to exists and is writable, or can be made."""
    for section, name, folder in folders(values, settings):
        reason = why_unusable(folder)
        if reason is not None:
            values.complain(section, name, f"means the folder {folder}, which {reason}")


def folders(values: Values, settings: Settings) -> Iterator[tuple[str, str, Path]]:
    yield "glancetui", "data_dir", settings.data_dir
    database = sqlite_file(settings.database.connection)
    if database is not None:
        yield "database", "connection", database.parent
    if settings.log_file is not None:
        yield "DEFAULT", "log_dir" if values.is_set("DEFAULT", "log_dir") else "log_file", settings.log_file.parent
    if settings.cache is not None:
        yield "DEFAULT", "image_cache_dir", settings.cache.folder
    for store in settings.stores:
        section = store.id if settings.multi_store else "glance_store"
        single, several = store.options.get("filesystem_store_datadir"), store.options.get("filesystem_store_datadirs")
        if isinstance(single, str):
            yield section, "filesystem_store_datadir", Path(single)
        for entry in several if isinstance(several, list) else []:
            yield section, "filesystem_store_datadirs", Path(entry.rpartition(":")[0])


def sqlite_file(connection: str) -> Path | None:
    """The file of an SQLite URL; None for other databases and for those in memory."""
    path = connection.partition("?")[0].removeprefix("sqlite:///")
    return Path(path) if connection.startswith("sqlite:///") and path not in ("", ":memory:") else None


def why_unusable(folder: Path) -> str | None:
    """The end of a sentence, or None."""
    try:
        existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    except OSError as error:
        return f"cannot be reached: {error.strerror}"
    if not existing.is_dir():
        return f"is not a folder: {existing} is a file"
    if not os.access(existing, os.R_OK | os.W_OK | os.X_OK):
        what = "is not readable and writable" if existing == folder.absolute() else f"cannot be made in {existing}"
        return f"{what} for this user"
    return None
