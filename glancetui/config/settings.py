"""The settings that the service runs on: one frozen value, made by `glancetui.config.load`.

Each field's source is an option of Glance's own name, or of ours in [glancetui]; `glancetui.config.options` defines and
documents them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

AuthMode = Literal["none", "basic", "keystone", "headers"]
CacheDriver = Literal["centralized_db", "sqlite", "xattr"]


class FetchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[import_filtering_opts], and bounds of ours. A list of what is allowed wins over that of what is not."""

    allowed_schemes: tuple[str, ...] = ("http", "https")
    disallowed_schemes: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    disallowed_hosts: tuple[str, ...] = ()
    allowed_ports: tuple[int, ...] = (80, 443)
    disallowed_ports: tuple[int, ...] = ()
    idle_seconds: float = 60.0
    most_seconds: float = 86_400.0  # for the whole of one fetch


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One configured backend. `options`: the driver's own, by glance_store's names, as typed values.

    filesystem_store_file_perm is permission bits (0o640, not 640); filesystem_store_datadirs has `/path:priority`.
    `fetch`: which addresses a store of other people's URLs may read; the catalogue passes on what imports may.
    """

    id: str
    kind: str  # file, swift, rbd, vmware, http, s3, sftp, cinder
    description: str | None = None
    weight: int = 0
    options: dict[str, str | int | bool | list[str] | dict[str, str] | None] = {}
    fetch: FetchSettings = FetchSettings()


class ImageSettings(msgspec.Struct, frozen=True, kw_only=True):
    size_cap: int = 1 << 40  # image_size_cap, bytes
    storage_quota: int = 0  # user_storage_quota, bytes; 0: none
    property_quota: int = 128
    tag_quota: int = 128
    member_quota: int = 128
    location_quota: int = 10
    hashing_algorithm: str = "sha512"
    container_formats: tuple[str, ...] = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
    disk_formats: tuple[str, ...] = (
        "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop",
    )  # fmt: skip
    vmdk_allowed_types: tuple[str, ...] = ("streamOptimized", "monolithicSparse")  # [image_format] vmdk_allowed_types
    require_image_format_match: bool = True  # [image_format]
    gpt_safety_checks_nonfatal: tuple[str, ...] = ()  # [image_format]; of "mbr", "gptmbr"
    show_multiple_locations: bool = False
    show_image_direct_url: bool = False
    do_secure_hash: bool = True  # read what is registered by POST …/locations for its hash
    http_retries: int = 3  # attempts to read it
    keep_deleted_seconds: float | None = None  # delayed_delete and scrub_time; None: bytes go at once
    limit_param_default: int = 25
    api_limit_max: int = 1000
    schema_properties: dict[str, dict[str, object]] | None = None  # schema-image.json; None: the shipped ones
    schema_required: tuple[str, ...] = ()
    allow_additional_properties: bool = True


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True):
    """[oslo_policy]. `files` are looked up by oslo.policy in `config_dirs`."""

    policy_file: str = "policy.yaml"
    policy_dirs: tuple[str, ...] = ("policy.d",)
    enforce_new_defaults: bool = True
    enforce_scope: bool = True
    config_files: tuple[str, ...] = ()
    config_dirs: tuple[str, ...] = ()


class BasicAuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    htpasswd_file: Path | None = None  # name:bcrypt lines
    identity_file: Path | None = None  # user:project:role,role lines


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[healthcheck]: what /healthcheck looks at, and who may ask it."""

    disabled_by: Path | None = Path("/etc/glance/healthcheck_disable")
    disabled_on_port: dict[int, Path] = {}
    enabled_by: tuple[Path, ...] = ()
    networks: tuple[str, ...] = ()  # that may ask; empty: all
    ignore_proxied: bool = False


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    auth: AuthMode = "none"
    listen: tuple[str, ...] = ("127.0.0.1:9292",)  # HOST:PORT or unix:PATH
    workers: int = 1
    basic: BasicAuthSettings = BasicAuthSettings()
    trusted_peers: tuple[str, ...] = ()  # addresses or networks that may send identity headers; unix sockets always may
    token_cache_seconds: int = 60
    keystone: dict[str, str] = {}  # [keystone_authtoken], raw, for keystoneauth1.loading; secrets are in here
    service_token_roles: tuple[str, ...] = ("service",)
    www_authenticate_uri: str | None = None
    allow_anonymous_access: bool = False
    public_endpoint: str | None = None
    max_request_id_length: int = 64
    max_header_bytes: int = 65_536
    max_json_bytes: int = 1 << 20  # bodies of JSON routes
    max_json_depth: int = 32
    max_filters: int = 64
    max_patch_operations: int = 512
    body_idle_seconds: float = 60.0
    send_idle_seconds: float = 120.0
    drain_seconds: float = 30.0
    worker_silence_seconds: float = 30.0  # 0: never too long
    max_uploads: int = 64  # at once in a worker
    health: HealthSettings = HealthSettings()
    enable_proxy_headers_parsing: bool = False
    compress_json: bool = False  # for clients that take gzip
    cors_allowed_origins: tuple[str, ...] = ()
    cors_allow_credentials: bool = True
    cors_expose_headers: tuple[str, ...] = ()
    cors_max_age: int = 3600
    cors_allow_methods: tuple[str, ...] = ("GET", "PUT", "POST", "DELETE", "PATCH")
    cors_allow_headers: tuple[str, ...] = ()


class ImportSettings(msgspec.Struct, frozen=True, kw_only=True):
    fetch: FetchSettings = FetchSettings()
    plugins: tuple[str, ...] = ()  # [image_import_opts] image_import_plugins, in the order of their running
    conversion_format: str = "raw"  # [image_conversion] output_format
    conversion_seconds: float = 14_400.0
    conversion_memory: int = 2 << 30  # bytes of address space of qemu-img
    inject: dict[str, str] = {}  # [inject_metadata_properties]
    ignore_user_roles: tuple[str, ...] = ("admin",)
    extra_properties: tuple[str, ...] = ("hw_", "trait:", "os_distro", "os_secure_boot", "os_type")
    self_url: str | None = None  # worker_self_reference_url, without a slash at its end
    task_hours: int = 48  # [task] task_time_to_live
    max_jobs: int = 8  # at once in a worker


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The image cache of this node."""

    folder: Path  # image_cache_dir
    node: str  # as the other nodes know it: worker_self_reference_url, else made of the host's name and the port
    driver: CacheDriver = "centralized_db"
    sqlite_name: str = "cache.db"
    max_size: int = 10 << 30  # bytes
    stall_seconds: float = 86_400.0
    retry_seconds: float = 300.0  # cache_prefetcher_interval
    care_seconds: float = 900.0
    on_downloads: bool = True  # downloads fill it and are served from it
    legacy_routes: bool = False  # /v2/cached_images, /v2/queued_images


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    connection: str  # SQLAlchemy URL; may hold a password: never shown whole
    max_pool_size: int = 8
    max_overflow: int = 10
    pool_timeout: float | None = None  # seconds to wait for a connection of the pool; None: busy_seconds
    connection_recycle_time: int = 3600  # seconds after which a connection to a server is replaced
    connection_parameters: str = ""  # appended to the URL's
    mysql_sql_mode: str = "TRADITIONAL"
    mysql_wsrep_sync_wait: int | None = None
    busy_seconds: float = 30.0  # bounded wait for other writers
    upgrade: bool = False
    adopt: bool = False


class MetadefSettings(msgspec.Struct, frozen=True, kw_only=True):
    max_items: int = 5000  # properties, objects or tags of one namespace
    warn: tuple[str, ...] = ()  # namespaces whose broken constraints are logged; * stands for every public one
    refuse: tuple[str, ...] = ()  # namespaces whose broken constraints are refused


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[oslo_limit]: the account that asks Keystone for limits, and the endpoint that they are registered for."""

    keystone: dict[str, str]  # raw, for keystoneauth1.loading; secrets are in here
    endpoint_id: str | None = None  # else the endpoint is found by what follows
    service_type: str | None = None
    service_name: str | None = None
    region: str | None = None
    interface: str = "public"


class ProtectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    file: Path  # property_protection_file
    rule_format: Literal["roles", "policies"] = "roles"


class OwedNotifications(msgspec.Struct, frozen=True, kw_only=True):
    """Which notifications the registry keeps for the broker."""

    disabled: frozenset[str] = frozenset()  # disabled_notifications: kinds, or what comes before a dot of them
    kept: int = 100_000  # rows; older ones are dropped

    def wants(self, kind: str) -> bool:
        words = kind.split(".")
        return self.disabled.isdisjoint(".".join(words[:count]) for count in range(1, len(words) + 1))


class NotificationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[oslo_messaging_notifications], and where oslo.messaging finds the options of its own."""

    drivers: tuple[str, ...]
    topics: tuple[str, ...] = ("notifications",)
    transport_url: str | None = None  # may hold a password; None: what oslo.messaging makes of the files
    publisher_id: str = "image.localhost"
    control_exchange: str = "glance"
    owed: OwedNotifications = OwedNotifications()


class RegistryAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a registry service listens: on a unix socket (`path`), or on `host` and `port`."""

    path: Path | None = None
    host: str = ""
    port: int = 0
    tls: bool = False

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https://' if self.tls else ''}{host}:{self.port}"


class RegistrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The private registry service, from both sides. Certificate and key are one's own, the CA is for the other's."""

    address: RegistryAddress | None = None  # where it is; None: the database directly
    listen: tuple[RegistryAddress, ...] = ()  # where it is to listen
    workers: int = 1
    secret: str = ""  # shown nowhere; empty: none
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    data_dir: Path
    database: DatabaseSettings
    stores: tuple[StoreSettings, ...]
    default_store: str
    multi_store: bool = False  # enabled_backends is set
    server: ServerSettings = ServerSettings()
    registry: RegistrySettings = RegistrySettings()
    images: ImageSettings = ImageSettings()
    metadefs: MetadefSettings = MetadefSettings()
    protections: ProtectionSettings | None = None  # None: custom properties are not protected
    notifications: NotificationSettings | None = None  # None: none are wanted
    limits: LimitSettings | None = None  # None: Keystone's unified limits are not kept to
    policy: PolicySettings = PolicySettings()
    config_files: tuple[Path, ...] = ()  # for libraries that read sections of their own
    enabled_import_methods: tuple[str, ...] = ()  # announced on create
    imports: ImportSettings = ImportSettings()
    cache: CacheSettings | None = None  # None: there is none
    staging_dir: Path | None = None  # data before import; None only in tests
    debug: bool = False
    log_file: Path | None = None
    upload_lease_seconds: float = 60.0  # an upload whose worker gives no sign of life for so long is undone
