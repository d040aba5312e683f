"""The settings of the node's image cache."""

from __future__ import annotations

import socket
from pathlib import Path, PurePath

from glancetui.config.settings import CacheSettings
from glancetui.config.values import Values

LONGEST_NODE = 255  # characters; what Glance's column holds
GLANCES_PORT = "9292"


def cache_settings(values: Values) -> CacheSettings | None:
    """None where no image_cache_dir is set."""
    folder: str | None = values.get("DEFAULT", "image_cache_dir")
    if not folder:
        return None
    if not PurePath(folder).is_absolute():
        values.complain("DEFAULT", "image_cache_dir", "must be an absolute path")
    flavor: str = values.get("paste_deploy", "flavor") or ""
    return CacheSettings(
        folder=Path(folder),
        node=node_address(values),
        driver=values.get("DEFAULT", "image_cache_driver"),
        sqlite_name=file_name(values),
        max_size=values.get("DEFAULT", "image_cache_max_size"),
        stall_seconds=values.get("DEFAULT", "image_cache_stall_time"),
        retry_seconds=values.get("DEFAULT", "cache_prefetcher_interval"),
        care_seconds=values.get("glancetui", "cache_care_seconds"),
        # A flavor without `cach` is a chain of filters without the cache, and nothing but its API remains. Who chose
        # no flavor did not choose a chain at all.
        on_downloads=not flavor or "cach" in flavor,
        legacy_routes="cachemanagement" in flavor,
    )


def node_address(values: Values) -> str:
    """Two nodes must not share one name, or each would take the other's entries for its own: hence no address of
    several, such as public_endpoint."""
    given: str | None = values.get("DEFAULT", "worker_self_reference_url")
    if given and len(given) > LONGEST_NODE:
        values.complain("DEFAULT", "worker_self_reference_url", f"must have at most {LONGEST_NODE} characters")
    if given:
        return given
    ports = (
        address.rpartition(":")[2] for address in values.get("glancetui", "listen") if not address.startswith("unix:")
    )
    return f"http://{socket.gethostname() or 'localhost'}:{next(ports, GLANCES_PORT)}"[:LONGEST_NODE]


def file_name(values: Values) -> str:
    name: str = values.get("DEFAULT", "image_cache_sqlite_db")
    if name != PurePath(name).name or "." not in name.strip("."):
        # Without a dot it could be an image's id.
        values.complain("DEFAULT", "image_cache_sqlite_db", "must be a file's name with a dot in it, without a folder")
    return name
