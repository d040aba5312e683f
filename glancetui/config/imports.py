"""The settings of importing: what may be fetched, what happens to it on the way, how long its traces are kept."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from glancetui.config.settings import FetchSettings, ImportSettings
from glancetui.config.values import Values

METHODS = ("glance-direct", "web-download", "glance-download", "copy-image")
PLUGINS = ("inject_image_metadata", "image_decompression", "image_conversion")
FILTERS = "import_filtering_opts"
SCHEMES = ("http", "https")


def import_methods(values: Values) -> tuple[str, ...]:
    return known(values, "DEFAULT", "enabled_import_methods", METHODS)


def import_settings(values: Values) -> ImportSettings:
    url: str | None = values.get("DEFAULT", "worker_self_reference_url")
    return ImportSettings(
        fetch=fetch_settings(values),
        plugins=plugins(values),
        conversion_format=values.get("image_conversion", "output_format").lower(),
        conversion_seconds=values.get("glancetui", "conversion_seconds"),
        conversion_memory=values.get("glancetui", "conversion_memory"),
        inject=values.get("inject_metadata_properties", "inject"),
        ignore_user_roles=tuple(role.lower() for role in values.get("inject_metadata_properties", "ignore_user_roles")),
        extra_properties=tuple(values.get("glance_download_properties", "extra_properties")),
        self_url=url.rstrip("/") if url else None,
        task_hours=values.get("task", "task_time_to_live"),
        max_jobs=values.get("glancetui", "max_jobs"),
    )


def plugins(values: Values) -> tuple[str, ...]:
    chosen = known(values, "image_import_opts", "image_import_plugins", (*PLUGINS, "no_op"))
    return tuple(name for name in dict.fromkeys(chosen) if name != "no_op")


def known(values: Values, section: str, option: str, names: Sequence[str]) -> tuple[str, ...]:
    given: list[str] = values.get(section, option)
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}" if near else f"choose from {', '.join(names)}"
            values.complain(section, option, f"names {name!r}, which is not known: {hint}")
    return tuple(given)


def fetch_settings(values: Values) -> FetchSettings:
    return FetchSettings(
        allowed_schemes=schemes(values, "allowed_schemes"),
        disallowed_schemes=schemes(values, "disallowed_schemes"),
        allowed_hosts=tuple(values.get(FILTERS, "allowed_hosts")),
        disallowed_hosts=tuple(values.get(FILTERS, "disallowed_hosts")),
        allowed_ports=ports(values, "allowed_ports"),
        disallowed_ports=ports(values, "disallowed_ports"),
        idle_seconds=values.get("glancetui", "fetch_idle_seconds"),
        most_seconds=values.get("glancetui", "fetch_most_seconds"),
    )


def schemes(values: Values, option: str) -> tuple[str, ...]:
    given = tuple(scheme.lower() for scheme in values.get(FILTERS, option))
    strange = [scheme for scheme in given if scheme not in SCHEMES]
    if strange and option == "allowed_schemes":
        values.complain(FILTERS, option, f"names {strange[0]!r}, but only http and https can be read")
    return given


def ports(values: Values, option: str) -> tuple[int, ...]:
    numbers = []
    for text in values.get(FILTERS, option):
        if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
            numbers.append(int(text))
        else:
            values.complain(FILTERS, option, f"has {text!r}, which is no port")
    return tuple(numbers)
