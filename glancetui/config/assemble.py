"""The settings value from the values of options: defaults that depend on others, and what must agree."""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import cast

import msgspec
import platformdirs

from glancetui.config.caching import cache_settings
from glancetui.config.folders import check_folders
from glancetui.config.imageschema import extra_properties
from glancetui.config.imports import import_methods, import_settings
from glancetui.config.ini import files_of
from glancetui.config.kinds import written
from glancetui.config.private import is_loopback, registry_settings
from glancetui.config.protections import read_protections
from glancetui.config.settings import (
    AuthMode,
    BasicAuthSettings,
    DatabaseSettings,
    HealthSettings,
    ImageSettings,
    LimitSettings,
    MetadefSettings,
    NotificationSettings,
    OwedNotifications,
    PolicySettings,
    ProtectionSettings,
    ServerSettings,
    Settings,
)
from glancetui.config.stores import GLANCES_FOLDER, configured_stores
from glancetui.config.values import Values, normal
from glancetui.errors import ConfigError

HASHES = frozenset(
    {"sha512", "sha384", "sha256", "sha3_512", "sha3_384", "sha3_256", "blake2b", "blake2s", "sha224", "sha1", "md5"}
)


DIALECTS = ("sqlite", "mysql", "mariadb", "postgresql")
DATABASE_URL = re.compile(r"(?P<dialect>[a-z0-9]+)(\+[a-z0-9_]+)?://")


class Assembled(msgspec.Struct, frozen=True):
    settings: Settings | None
    warnings: tuple[str, ...]


def assemble(values: Values, *, config_files: tuple[Path, ...], config_dirs: tuple[Path, ...]) -> Assembled:
    """Problems go to `values.problems`; where there is one, there are no settings."""
    data_dir = data_folder(values)
    stores, default_store, multi_store = configured_stores(values, data_dir)
    search = search_folders(config_files, config_dirs, data_dir)
    settings = Settings(
        data_dir=data_dir,
        database=database_settings(values, data_dir),
        stores=stores,
        default_store=default_store,
        multi_store=multi_store,
        server=server_settings(values),
        registry=registry_settings(values, data_dir),
        images=image_settings(values, search),
        policy=policy_settings(values, config_files, search),
        protections=protection_settings(values, search),
        notifications=notification_settings(values),
        config_files=(*config_files, *(file for folder in config_dirs for file in files_of(folder))),
        limits=limit_settings(values),
        enabled_import_methods=import_methods(values),
        imports=import_settings(values),
        cache=cache_settings(values),
        staging_dir=staging_folder(values, data_dir),
        debug=values.get("DEFAULT", "debug"),
        log_file=log_file(values),
        upload_lease_seconds=values.get("glancetui", "upload_lease_seconds"),
        metadefs=MetadefSettings(
            max_items=values.get("glancetui", "metadef_max_items"),
            warn=tuple(values.get("glancetui", "metadef_warn")),
            refuse=tuple(values.get("glancetui", "metadef_refuse")),
        ),
    )
    check_folders(values, settings)
    warnings = tuple(single_store_warnings(values, multi_store, settings, bool(config_files or config_dirs)))
    return Assembled(None if values.problems else settings, warnings)


def data_folder(values: Values) -> Path:
    configured = values.get("glancetui", "data_dir") or values.environment.get("GLANCETUI_DATA_DIR")
    return Path(configured).expanduser() if configured else Path(platformdirs.user_data_dir("glancetui"))


def search_folders(files: tuple[Path, ...], dirs: tuple[Path, ...], data_dir: Path) -> tuple[Path, ...]:
    """Where policy.yaml and schema-image.json are: beside the configuration; without one, in the data folder."""
    folders = [*dirs, *(file.absolute().parent for file in reversed(files))]
    return tuple(dict.fromkeys(folders)) or (data_dir,)


def log_file(values: Values) -> Path | None:
    name, folder = values.get("DEFAULT", "log_file"), values.get("DEFAULT", "log_dir")
    if folder:
        return Path(folder) / (name or "glancetui.log")
    return Path(name) if name else None


def staging_folder(values: Values, data_dir: Path) -> Path:
    folder = values.get("os_glance_staging_store", "filesystem_store_datadir")
    if folder:
        return Path(folder)
    uri: str = values.get("DEFAULT", "node_staging_uri") or ""
    if values.is_set("DEFAULT", "node_staging_uri") and uri.startswith("file://"):
        return Path(uri.removeprefix("file://"))
    return data_dir / "staging"


def database_settings(values: Values, data_dir: Path) -> DatabaseSettings:
    given: str | None = values.get("database", "connection")
    embedded = f"sqlite:///{data_dir / 'glance.sqlite'}"
    connection = given or embedded
    reason = url_problem(connection)
    if reason is not None:
        values.complain("database", "connection", reason)
    own = connection == embedded
    upgrade, adopt = values.get("glancetui", "upgrade"), values.get("glancetui", "adopt")
    return DatabaseSettings(
        connection=connection,
        max_pool_size=values.get("database", "max_pool_size") or 8,
        max_overflow=values.get("database", "max_overflow") or 0,
        pool_timeout=values.get("database", "pool_timeout"),
        connection_recycle_time=values.get("database", "connection_recycle_time"),
        connection_parameters=values.get("database", "connection_parameters"),
        mysql_sql_mode=values.get("database", "mysql_sql_mode"),
        mysql_wsrep_sync_wait=values.get("database", "mysql_wsrep_sync_wait"),
        busy_seconds=values.get("glancetui", "database_busy_seconds"),
        upgrade=own if upgrade is None else upgrade,
        adopt=own if adopt is None else adopt,
    )


def url_problem(connection: str) -> str | None:
    """Why this is no URL of a database; the reason never holds a part of it beyond its scheme."""
    match = DATABASE_URL.match(connection)
    if match is None:
        return "is no database URL; write one such as sqlite:////var/lib/glance/glance.sqlite"
    if match["dialect"] not in DIALECTS:
        return f"is for {match['dialect']}, which is not supported; use one of {', '.join(DIALECTS)}"
    return None


def image_settings(values: Values, search: tuple[Path, ...]) -> ImageSettings:
    algorithm: str = values.get("DEFAULT", "hashing_algorithm")
    if algorithm not in HASHES:
        values.complain("DEFAULT", "hashing_algorithm", f"must be one of {', '.join(sorted(HASHES))}")
    return ImageSettings(
        size_cap=values.get("DEFAULT", "image_size_cap"),
        storage_quota=values.get("DEFAULT", "user_storage_quota"),
        property_quota=values.get("DEFAULT", "image_property_quota"),
        tag_quota=values.get("DEFAULT", "image_tag_quota"),
        member_quota=values.get("DEFAULT", "image_member_quota"),
        location_quota=values.get("DEFAULT", "image_location_quota"),
        hashing_algorithm=algorithm,
        container_formats=tuple(values.get("image_format", "container_formats")),
        disk_formats=tuple(values.get("image_format", "disk_formats")),
        vmdk_allowed_types=tuple(values.get("image_format", "vmdk_allowed_types")),
        require_image_format_match=values.get("image_format", "require_image_format_match"),
        gpt_safety_checks_nonfatal=tuple(values.get("image_format", "gpt_safety_checks_nonfatal")),
        show_multiple_locations=values.get("DEFAULT", "show_multiple_locations"),
        show_image_direct_url=values.get("DEFAULT", "show_image_direct_url"),
        do_secure_hash=values.get("DEFAULT", "do_secure_hash"),
        http_retries=values.get("DEFAULT", "http_retries"),
        keep_deleted_seconds=(values.get("DEFAULT", "scrub_time") if values.get("DEFAULT", "delayed_delete") else None),
        limit_param_default=values.get("DEFAULT", "limit_param_default"),
        api_limit_max=values.get("DEFAULT", "api_limit_max"),
        **extra_properties(values, search),
    )


def policy_settings(values: Values, files: tuple[Path, ...], search: tuple[Path, ...]) -> PolicySettings:
    return PolicySettings(
        policy_file=values.get("oslo_policy", "policy_file"),
        policy_dirs=tuple(values.get("oslo_policy", "policy_dirs")),
        enforce_new_defaults=values.get("oslo_policy", "enforce_new_defaults"),
        enforce_scope=values.get("oslo_policy", "enforce_scope"),
        config_files=tuple(str(file) for file in files),
        config_dirs=tuple(str(folder) for folder in search),
    )


def protection_settings(values: Values, search: tuple[Path, ...]) -> ProtectionSettings | None:
    named: str = values.get("DEFAULT", "property_protection_file") or ""
    if not named:
        return None
    candidates = [folder / named for folder in search]  # an absolute one stays itself
    file = next((path for path in candidates if path.is_file()), None)
    if file is None:
        values.complain("DEFAULT", "property_protection_file", f"is no file, nor is it in {search[0]}")
        return None
    settings = ProtectionSettings(file=file, rule_format=values.get("DEFAULT", "property_protection_rule_format"))
    try:
        read_protections(settings.file, settings.rule_format)
    except ConfigError as error:
        values.problems.append(error)
    return settings


def notification_settings(values: Values) -> NotificationSettings | None:
    section = "oslo_messaging_notifications"
    drivers = [name for name in values.get(section, "driver") if name and name != "noop"]
    if not drivers:
        return None
    return NotificationSettings(
        drivers=tuple(drivers),
        topics=tuple(values.get(section, "topics")),
        transport_url=values.get(section, "transport_url") or values.get("DEFAULT", "transport_url"),
        publisher_id=values.get("DEFAULT", "default_publisher_id"),
        control_exchange=values.get("DEFAULT", "control_exchange"),
        owed=OwedNotifications(
            disabled=frozenset(values.get("DEFAULT", "disabled_notifications")),
            kept=values.get("glancetui", "notifications_kept"),
        ),
    )


def server_settings(values: Values) -> ServerSettings:
    auth = auth_mode(values)
    ours = {name: values.get("glancetui", name) for name in OURS_BY_SAME_NAME}
    return ServerSettings(
        auth=auth,
        listen=listen_addresses(values, auth),
        basic=basic_settings(values, auth),
        trusted_peers=networks(values, "glancetui", "trusted_peers"),
        token_cache_seconds=max(0, values.get("keystone_authtoken", "token_cache_time") or 0),
        keystone=keystone_options(values, auth),
        service_token_roles=tuple(values.get("keystone_authtoken", "service_token_roles")),
        www_authenticate_uri=values.get("keystone_authtoken", "www_authenticate_uri"),
        allow_anonymous_access=values.get("DEFAULT", "allow_anonymous_access"),
        public_endpoint=values.get("DEFAULT", "public_endpoint"),
        max_request_id_length=values.get("DEFAULT", "max_request_id_length"),
        health=health_settings(values),
        enable_proxy_headers_parsing=values.get("oslo_middleware", "enable_proxy_headers_parsing"),
        compress_json="cach" in (values.get("paste_deploy", "flavor") or ""),
        cors_allowed_origins=tuple(values.get("cors", "allowed_origin") or ()),
        cors_allow_credentials=values.get("cors", "allow_credentials"),
        cors_expose_headers=tuple(values.get("cors", "expose_headers")),
        cors_max_age=values.get("cors", "max_age"),
        cors_allow_methods=tuple(values.get("cors", "allow_methods")),
        cors_allow_headers=tuple(values.get("cors", "allow_headers")),
        **ours,
    )


def health_settings(values: Values) -> HealthSettings:
    section, known = "healthcheck", ("disable_by_file", "disable_by_files_ports", "enable_by_files")
    backends: list[str] = values.get(section, "backends")
    for name in backends:
        if name not in known:
            values.complain(section, "backends", f"has {name!r}, which is none of {', '.join(known)}")
    disable = values.get(section, "disable_by_file_path")
    return HealthSettings(
        disabled_by=Path(disable) if disable else None,
        disabled_on_port=disabled_ports(values) if "disable_by_files_ports" in backends else {},
        enabled_by=tuple(Path(name) for name in values.get(section, "enable_by_file_paths"))
        if "enable_by_files" in backends
        else (),
        networks=networks(values, section, "allowed_source_ranges"),
        ignore_proxied=values.get(section, "ignore_proxied_requests"),
    )


def disabled_ports(values: Values) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for pair in values.get("healthcheck", "disable_by_file_paths"):
        port, _, file = pair.partition(":")
        if port.isascii() and port.isdigit() and file:
            found[int(port)] = Path(file)
        else:
            values.complain("healthcheck", "disable_by_file_paths", f"has {pair!r}; write PORT:FILE")
    return found


OURS_BY_SAME_NAME = (
    "workers",
    "max_header_bytes",
    "max_json_bytes",
    "max_json_depth",
    "max_filters",
    "max_patch_operations",
    "max_uploads",
    "body_idle_seconds",
    "send_idle_seconds",
    "drain_seconds",
    "worker_silence_seconds",
)


def auth_mode(values: Values) -> AuthMode:
    chosen = values.get("glancetui", "auth")
    if chosen is not None:
        return cast("AuthMode", chosen)
    return "keystone" if "keystone" in (values.get("paste_deploy", "flavor") or "") else "none"


def listen_addresses(values: Values, auth: AuthMode) -> tuple[str, ...]:
    addresses: list[str] = values.get("glancetui", "listen")
    for address in addresses:
        reason = listen_problem(address, auth)
        if reason is not None:
            values.complain("glancetui", "listen", f"has {address!r}: {reason}")
    if not addresses:
        values.complain("glancetui", "listen", "names no address; write HOST:PORT or unix:PATH")
    return tuple(addresses)


def listen_problem(address: str, auth: AuthMode) -> str | None:
    """Why the service cannot, or must not, listen there."""
    if address.startswith("unix:"):
        return None if address.removeprefix("unix:").startswith("/") else "write unix: and an absolute path"
    host, colon, port = address.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        return "write HOST:PORT, [IPv6]:PORT or unix:PATH"
    if auth == "none" and not is_loopback(host.strip("[]")):
        return (
            "with auth = none everybody who reaches the service is its administrator; "
            "listen on loopback or a unix socket, or choose another auth"
        )
    return None


def networks(values: Values, section: str, name: str) -> tuple[str, ...]:
    """A list of addresses and networks."""
    given: list[str] = values.get(section, name)
    for each in given:
        try:
            ip_network(each, strict=False)
        except ValueError:
            values.complain(section, name, f"has {each!r}, which is no address or network")
    return tuple(given)


def basic_settings(values: Values, auth: AuthMode) -> BasicAuthSettings:
    section, name = "glancetui", "htpasswd_file"
    if not values.is_set(section, name) and values.is_set("oslo_middleware", "http_basic_auth_user_file"):
        section, name = "oslo_middleware", "http_basic_auth_user_file"
    passwords, identities = values.get(section, name), values.get("glancetui", "identity_file")
    if auth == "basic":
        for where, option, path in ((section, name, passwords), ("glancetui", "identity_file", identities)):
            if not path:
                values.complain(where, option, "must name a file, because auth = basic")
            elif not os.access(path, os.R_OK):
                values.complain(where, option, "cannot be read")
    return BasicAuthSettings(
        htpasswd_file=Path(passwords) if passwords else None,
        identity_file=Path(identities) if identities else None,
    )


def keystone_options(values: Values, auth: AuthMode) -> dict[str, str]:
    section = "keystone_authtoken"
    options = account_options(values, section)
    if auth == "keystone" and not options.get("auth_url"):
        values.complain(section, "auth_url", "must give Keystone's address, because auth = keystone")
    return options


def limit_settings(values: Values) -> LimitSettings | None:
    if not values.get("DEFAULT", "use_keystone_limits"):
        return None
    section = "oslo_limit"
    options = account_options(values, section)
    if not options.get("auth_url"):
        values.complain(section, "auth_url", "must give Keystone's address, because use_keystone_limits is set")
    named = [values.get(section, name) for name in ("endpoint_service_type", "endpoint_service_name")]
    if not values.get(section, "endpoint_id") and not any(named):
        values.complain(
            section,
            "endpoint_id",
            "must name the image endpoint that limits are registered for; or endpoint_service_type",
        )
    return LimitSettings(
        keystone=options,
        endpoint_id=values.get(section, "endpoint_id"),
        service_type=named[0],
        service_name=named[1],
        region=values.get(section, "endpoint_region_name"),
        interface=values.get(section, "endpoint_interface").removesuffix("URL"),
    )


def account_options(values: Values, section: str) -> dict[str, str]:
    """What is set in the section, and in the one that its auth_section names, for keystoneauth's loaders."""
    elsewhere = values.get(section, "auth_section")
    return options_set(values, section) | (options_set(values, elsewhere) if elsewhere else {})


def options_set(values: Values, section: str) -> dict[str, str]:
    return {
        option.name: written(values.get(section, option.name))
        for option in values.sections[normal(section)].options
        if option.no_effect is None and values.is_set(section, option.name)
    }


def single_store_warnings(values: Values, multi_store: bool, settings: Settings, has_files: bool) -> list[str]:
    """Choices that an operator of Glance may not expect."""
    if multi_store or not has_files:
        return []
    section = "glance_store"
    if settings.default_store != "file" or any(
        values.is_set(section, name) for name in ("filesystem_store_datadir", "filesystem_store_datadirs")
    ):
        return []
    ours = settings.data_dir / "images"
    return [f"[{section}] filesystem_store_datadir is not set: images go to {ours}, not to {GLANCES_FOLDER}."]
