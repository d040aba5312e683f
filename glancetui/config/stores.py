"""Which stores are configured, and the options of each, checked."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from glancetui.config.options import KINDS_OF_STORE, SECTIONS, plain_kind
from glancetui.config.settings import StoreSettings
from glancetui.config.values import Values, normal

RESERVED = "os_glance_"
MAX_NAME = 255
GLANCES_FOLDER = "/var/lib/glance/images"  # what glance_store falls back to in a backend's section


def declared_backends(values: Values) -> Mapping[str, str]:
    """Name → kind as written, of those entries of enabled_backends that can be read; the others become problems."""
    declared = values.get("DEFAULT", "enabled_backends") or {}
    return {name: kind for name, kind in declared.items() if acceptable(values, name, kind)}


def acceptable(values: Values, name: str, kind: str) -> bool:
    fixed = {normal(section.name) for section in SECTIONS} | {
        option.name for option in values.sections["DEFAULT"].options
    }
    if normal(name) in fixed or normal(name).startswith(RESERVED) or len(name) > MAX_NAME:
        values.complain(
            "DEFAULT", "enabled_backends", f"names a store {name!r}, which means something else; choose another name"
        )
        return False
    if plain_kind(kind) not in KINDS_OF_STORE:
        near = get_close_matches(kind, KINDS_OF_STORE, 1)
        hint = f"did you mean {near[0]}" if near else f"use one of {', '.join(KINDS_OF_STORE)}"
        values.complain("DEFAULT", "enabled_backends", f"gives store {name!r} the unknown kind {kind!r}: {hint}")
        return False
    return True


def configured_stores(values: Values, data_dir: Path) -> tuple[tuple[StoreSettings, ...], str, bool]:
    """The stores, the name of the default one, and whether enabled_backends is set."""
    backends = declared_backends(values)
    if backends:
        stores = tuple(backend(values, name, plain_kind(kind)) for name, kind in backends.items())
        check_distinct(values, stores)
        return stores, default_backend(values, backends), True
    return single_store(values, data_dir)


def backend(values: Values, name: str, kind: str) -> StoreSettings:
    return StoreSettings(
        id=name,
        kind=kind,
        description=values.get(name, "store_description"),
        weight=values.get(name, "weight") or 0,
        options=driver_options(values, name, kind, None),
    )


def check_distinct(values: Values, stores: Sequence[StoreSettings]) -> None:
    """Two stores in one folder would delete each other's files."""
    owners: dict[str, str] = {}
    for store in stores:
        folder = store.options.get("filesystem_store_datadir")
        if isinstance(folder, str) and owners.setdefault(folder, store.id) != store.id:
            reason = f"is the folder of store {owners[folder]!r} too"
            values.complain(store.id, "filesystem_store_datadir", reason)


def default_backend(values: Values, backends: Mapping[str, str]) -> str:
    chosen: str | None = values.get("glance_store", "default_backend")
    if chosen is not None and chosen in backends:
        return chosen
    names = ", ".join(backends)
    if chosen is not None:
        near = get_close_matches(chosen, backends, 1)
        hint = f": did you mean {near[0]}" if near else ""
        values.complain("glance_store", "default_backend", f"is not among enabled_backends ({names}){hint}")
    elif len(backends) > 1:
        values.complain(
            "DEFAULT", "enabled_backends", "has several stores: name one of them in [glance_store] default_backend"
        )
    return next(iter(backends))


def single_store(values: Values, data_dir: Path) -> tuple[tuple[StoreSettings, ...], str, bool]:
    written: str = values.get("glance_store", "default_store")
    kind = plain_kind(written)
    if kind not in KINDS_OF_STORE:
        near = get_close_matches(written, KINDS_OF_STORE, 1)
        values.complain(
            "glance_store",
            "default_store",
            f"is no kind of store: did you mean {near[0]}" if near else "is no kind of store",
        )
        kind = "file"
    others = dict.fromkeys(plain_kind(name) for name in values.get("glance_store", "stores"))
    kinds = [kind, *(other for other in others if other != kind and other in KINDS_OF_STORE)]
    options = [
        StoreSettings(id=each, kind=each, options=driver_options(values, "glance_store", each, data_dir))
        for each in kinds
    ]
    return tuple(options), kind, False


def driver_options(values: Values, section: str, kind: str, data_dir: Path | None) -> dict[str, Any]:
    """The driver's own options by glance_store's names."""
    options = {option.name: values.get(section, option.name) for option in KINDS_OF_STORE[kind].options}
    return file_options(values, section, options, data_dir) if kind == "file" else options


def file_options(values: Values, section: str, options: dict[str, Any], data_dir: Path | None) -> dict[str, Any]:
    """`filesystem_store_file_perm` becomes permission bits, `filesystem_store_datadirs` entries `/path:priority`."""
    folder, folders = options["filesystem_store_datadir"] or None, options["filesystem_store_datadirs"] or []
    if folder and folders and values.is_set(section, "filesystem_store_datadir"):
        values.complain(
            section, "filesystem_store_datadirs", "and filesystem_store_datadir are both set; keep one of them"
        )
    if not folder and not folders:
        folder = GLANCES_FOLDER if data_dir is None else str(data_dir / "images")
    return options | {
        "filesystem_store_datadir": None if folders else folder,
        "filesystem_store_datadirs": prioritised(values, section, folders),
        "filesystem_store_file_perm": permission_bits(values, section, options["filesystem_store_file_perm"]),
    }


def prioritised(values: Values, section: str, folders: Sequence[str]) -> list[str]:
    """Each with its priority, 0 where none is written. A folder named twice would have its room counted twice."""
    parsed: dict[str, str] = {}
    for entry in folders:
        path, colon, priority = entry.strip().rpartition(":")
        if not colon:
            path, priority = priority, "0"
        if not path or not (priority.isascii() and priority.isdigit()):
            values.complain(
                section, "filesystem_store_datadirs", f"has the entry {entry!r}; write /path or /path:priority"
            )
        elif path in parsed:
            values.complain(section, "filesystem_store_datadirs", f"names {path} twice")
        else:
            parsed[path] = priority
    return [f"{path}:{priority}" for path, priority in parsed.items()]


def permission_bits(values: Values, section: str, written: int | None) -> int:
    """The digits are octal, though the option is a whole number: 640 is rw-r-----."""
    digits = str(written or 0)
    if (
        set(digits) <= set(string.octdigits)
        and int(digits, 8) <= 0o777
        and (not written or int(digits, 8) & 0o600 == 0o600)
    ):
        return int(digits, 8)
    values.complain(
        section, "filesystem_store_file_perm", "must be octal digits that let the owner read and write, such as 640"
    )
    return 0
