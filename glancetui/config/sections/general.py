"""Options of [DEFAULT]: what an image may be, what the API shows, and the process itself."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

NO_SCRUB = "there is no separate scrubber: the service itself removes data when its time has come"
NO_RPC = "notifications are sent, and nothing is listened for"
NO_ENCRYPTION = "location URLs hold no secrets and are not encrypted"
NO_DEBUGGER = "there is no remote debugger"
OWN_SERVER = "the service has an HTTP server of its own; see [glancetui]"
OWN_LISTEN = "it was Glance's own server's; use [glancetui] listen and workers"
OWN_LOG = "the log goes to standard error or log_file, in one format"

DEFAULT = Section(
    "DEFAULT",
    "The service as a whole.",
    (
        Option("debug", Kind.BOOLEAN, False, "Log at level DEBUG. Re-read on SIGHUP."),
        Option(
            "log_file",
            Kind.TEXT,
            None,
            "File that the log goes to; standard error where it is not set. Relative to log_dir.",
            former=(("DEFAULT", "logfile"),),
        ),
        Option(
            "log_dir",
            Kind.TEXT,
            None,
            "Folder of the log file; alone, the file in it is called glancetui.log.",
            former=(("DEFAULT", "logdir"),),
        ),
        Option(
            "public_endpoint",
            Kind.TEXT,
            None,
            ("Address of the service as clients see it, for links in answers; else it is taken from the request."),
        ),
        Option(
            "allow_anonymous_access",
            Kind.BOOLEAN,
            False,
            "Let requests without a token read public images (only with auth keystone).",
        ),
        Option(
            "max_request_id_length",
            Kind.INTEGER,
            64,
            "Longest X-OpenStack-Request-ID that is taken over from a client.",
            minimum=0,
        ),
        Option("limit_param_default", Kind.INTEGER, 25, "Images on a page when the request names no limit.", minimum=1),
        Option("api_limit_max", Kind.INTEGER, 1000, "Most images on a page, whatever the request asks for.", minimum=1),
        Option(
            "show_image_direct_url",
            Kind.BOOLEAN,
            False,
            (
                "Show each image's first location as `direct_url`. Anyone who may see the image sees where its "
                "bytes are."
            ),
        ),
        Option(
            "show_multiple_locations",
            Kind.BOOLEAN,
            False,
            "Show all locations of an image, and let clients change them. Dangerous with untrusted users.",
        ),
        Option("hashing_algorithm", Kind.TEXT, "sha512", "Algorithm of `os_hash_value`, beside the MD5 `checksum`."),
        Option("image_size_cap", Kind.INTEGER, 1099511627776, "Largest image in bytes.", minimum=1),
        Option(
            "user_storage_quota",
            Kind.SIZE,
            0,
            (
                "Bytes that all images of one project may take together in all stores, with an optional unit (KB, "
                "MB, GB, TB); 0: no limit."
            ),
        ),
        Option("image_property_quota", Kind.INTEGER, 128, "Most custom properties of an image; negative: no limit."),
        Option("image_tag_quota", Kind.INTEGER, 128, "Most tags of an image; negative: no limit."),
        Option("image_member_quota", Kind.INTEGER, 128, "Most members of an image; negative: no limit."),
        Option("image_location_quota", Kind.INTEGER, 10, "Most locations of an image; negative: no limit."),
        Option(
            "use_keystone_limits",
            Kind.BOOLEAN,
            False,
            (
                "Keep to Keystone's unified limits: image_size_total, image_stage_total, image_count_total, "
                "image_count_uploading. See [oslo_limit]."
            ),
        ),
        Option(
            "do_secure_hash",
            Kind.BOOLEAN,
            True,
            "Read data that was registered by its location (POST …/locations) for its hash: before the image becomes "
            "active where a hash was given to compare with, else afterwards.",
        ),
        Option(
            "http_retries",
            Kind.INTEGER,
            3,
            "Attempts to read data that was registered by its location, before its hash is given up.",
            minimum=1,
        ),
        Option(
            "property_protection_file",
            Kind.TEXT,
            None,
            (
                "File that says who may create, read, update and delete which custom properties, looked for in the "
                "folders of the configuration. Re-read on SIGHUP. Not set: none is protected."
            ),
        ),
        Option(
            "property_protection_rule_format",
            Kind.TEXT,
            "roles",
            "Whether that file names roles or policies.",
            choices=("roles", "policies"),
        ),
        Option(
            "enabled_backends",
            Kind.MAPPING,
            None,
            (
                "Stores by name and kind, such as `fast:file, slow:file`. Their order is the order shown to "
                "clients. Not set: one store, described in [glance_store]."
            ),
        ),
        Option(
            "enabled_import_methods",
            Kind.LIST,
            ["glance-direct", "web-download", "copy-image"],
            "Ways of importing that clients may use: glance-direct, web-download, glance-download, copy-image.",
        ),
        Option(
            "node_staging_uri",
            Kind.TEXT,
            "file:///tmp/staging/",
            "Folder, as a file:// URL, of data before import, where there is a single store.",
        ),
        Option(
            "worker_self_reference_url",
            Kind.TEXT,
            None,
            "Address of this very node, for requests about data that is staged here; the node's name in the cache.",
        ),
        Option(
            "image_cache_dir",
            Kind.TEXT,
            None,
            "Folder of this node's image cache. Not set: there is no cache, and its API answers 404.",
        ),
        Option(
            "image_cache_driver",
            Kind.TEXT,
            "centralized_db",
            (
                "Where the cache keeps its books: in the image database, which alone can tell which nodes have an "
                "image; in a SQLite file in its folder; or in attributes of the cached files."
            ),
            choices=("centralized_db", "sqlite", "xattr"),
        ),
        Option(
            "image_cache_max_size",
            Kind.INTEGER,
            10737418240,
            "Size in bytes to which the cache is pruned, beginning with what was not read for the longest time.",
            minimum=0,
        ),
        Option(
            "image_cache_stall_time",
            Kind.INTEGER,
            86400,
            "Seconds after which an unfinished cache entry that does not grow counts as abandoned.",
            minimum=0,
        ),
        Option(
            "image_cache_sqlite_db",
            Kind.TEXT,
            "cache.db",
            "Name of the database file of the cache driver `sqlite`, in the folder of the cache.",
        ),
        Option(
            "cache_prefetcher_interval",
            Kind.INTEGER,
            300,
            "Seconds after which an image that was queued for the cache, and could not be fetched, is tried again.",
            minimum=1,
        ),
        Option("delayed_delete", Kind.BOOLEAN, False, "Keep the data of deleted images for scrub_time."),
        Option(
            "scrub_time",
            Kind.INTEGER,
            0,
            "Seconds for which the data of a deleted image, or of a removed location, is kept with delayed_delete.",
            minimum=0,
        ),
        Option("scrub_pool_size", Kind.INTEGER, 1, "Threads that remove delayed data.", no_effect=NO_SCRUB, minimum=1),
        Option(
            "wakeup_time",
            Kind.INTEGER,
            300,
            "Seconds between two runs of the scrubber.",
            no_effect=NO_SCRUB,
            minimum=0,
        ),
        Option("daemon", Kind.BOOLEAN, False, "Run the scrubber as a daemon.", no_effect=NO_SCRUB),
        Option("restore", Kind.TEXT, None, "Id of the image that the scrubber puts back.", no_effect=NO_SCRUB),
        Option(
            "disabled_notifications",
            Kind.LIST,
            [],
            "Notifications that are not sent: kinds such as image.create, or groups such as image or image.member.",
        ),
        Option(
            "default_publisher_id",
            Kind.TEXT,
            "image.localhost",
            "Name of the sender in notifications.",
        ),
        Option(
            "transport_url",
            Kind.TEXT,
            "rabbit://",
            "Address of the message broker.",
            secret=True,
        ),
        Option("control_exchange", Kind.TEXT, "glance", "Exchange of the message broker."),
        Option(
            "executor_thread_pool_size",
            Kind.INTEGER,
            64,
            "Threads for messages from the broker.",
            no_effect=NO_RPC,
            former=(("DEFAULT", "rpc_thread_pool_size"),),
        ),
        Option(
            "rpc_response_timeout",
            Kind.INTEGER,
            60,
            "Seconds to wait for an answer through the broker.",
            no_effect=NO_RPC,
        ),
        Option("rpc_ping_enabled", Kind.BOOLEAN, False, "Answer pings through the broker.", no_effect=NO_RPC),
        Option(
            "metadata_encryption_key",
            Kind.TEXT,
            None,
            "Key that encrypts location URLs in the database.",
            no_effect=NO_ENCRYPTION,
            secret=True,
        ),
        Option(
            "digest_algorithm", Kind.TEXT, "sha256", "Digest for signing.", no_effect="Glance itself no longer uses it"
        ),
        Option("pydev_worker_debug_host", Kind.TEXT, None, "Host of a remote debugger.", no_effect=NO_DEBUGGER),
        Option(
            "pydev_worker_debug_port",
            Kind.INTEGER,
            5678,
            "Port of a remote debugger.",
            no_effect=NO_DEBUGGER,
            minimum=0,
            maximum=65535,
        ),
        Option("api_paste_config", Kind.TEXT, "api-paste.ini", "Paste file of the WSGI server.", no_effect=OWN_SERVER),
        Option(
            "wsgi_log_format",
            Kind.TEXT,
            '%(client_ip)s "%(request_line)s" status: %(status_code)s  len: %(body_length)s time: %(wall_seconds).7f',
            "Format of the line for each request.",
            no_effect=OWN_SERVER,
        ),
        Option("tcp_keepidle", Kind.INTEGER, 600, "Seconds before a quiet connection is probed.", no_effect=OWN_SERVER),
        Option("wsgi_default_pool_size", Kind.INTEGER, 100, "Threads of the WSGI server.", no_effect=OWN_SERVER),
        Option("max_header_line", Kind.INTEGER, 16384, "Longest header line.", no_effect=OWN_SERVER),
        Option("wsgi_keep_alive", Kind.BOOLEAN, True, "Keep connections open between requests.", no_effect=OWN_SERVER),
        Option(
            "client_socket_timeout",
            Kind.INTEGER,
            900,
            "Seconds after which a silent client is dropped.",
            no_effect=OWN_SERVER,
        ),
        Option("wsgi_server_debug", Kind.BOOLEAN, False, "Send tracebacks to clients.", no_effect=OWN_SERVER),
        Option(
            "bind_host", Kind.TEXT, None, "Address of Glance's own server of earlier releases.", no_effect=OWN_LISTEN
        ),
        Option(
            "bind_port", Kind.INTEGER, 9292, "Port of Glance's own server of earlier releases.", no_effect=OWN_LISTEN
        ),
        Option(
            "workers", Kind.INTEGER, None, "Processes of Glance's own server of earlier releases.", no_effect=OWN_LISTEN
        ),
        Option(
            "log_config_append",
            Kind.TEXT,
            None,
            "Logging configuration file of Python's own format.",
            no_effect=OWN_LOG,
            former=(("DEFAULT", "log_config"),),
        ),
        Option(
            "log_date_format", Kind.TEXT, "%Y-%m-%d %H:%M:%S", "Format of the time in log lines.", no_effect=OWN_LOG
        ),
        Option("use_syslog", Kind.BOOLEAN, False, "Log to syslog.", no_effect=OWN_LOG),
        Option("use_journal", Kind.BOOLEAN, False, "Log to the systemd journal.", no_effect=OWN_LOG),
        Option("syslog_log_facility", Kind.TEXT, "LOG_USER", "Syslog facility.", no_effect=OWN_LOG),
        Option("use_json", Kind.BOOLEAN, False, "Log as JSON.", no_effect=OWN_LOG),
        Option("use_stderr", Kind.BOOLEAN, False, "Log to standard error too.", no_effect=OWN_LOG),
        Option("log_color", Kind.BOOLEAN, False, "Colour log lines by level.", no_effect=OWN_LOG),
        Option("log_rotate_interval", Kind.INTEGER, 1, "Time between two rotations of the log.", no_effect=OWN_LOG),
        Option(
            "log_rotate_interval_type",
            Kind.TEXT,
            "days",
            "Unit of log_rotate_interval.",
            no_effect=OWN_LOG,
            choices=("Seconds", "Minutes", "Hours", "Days", "Weekday", "Midnight"),
        ),
        Option("max_logfile_count", Kind.INTEGER, 30, "Rotated log files to keep.", no_effect=OWN_LOG),
        Option(
            "max_logfile_size_mb", Kind.INTEGER, 200, "Size of a log file at which it is rotated.", no_effect=OWN_LOG
        ),
        Option(
            "log_rotation_type",
            Kind.TEXT,
            "none",
            "What rotates the log.",
            no_effect=OWN_LOG,
            choices=("interval", "size", "none"),
        ),
        Option(
            "logging_context_format_string", Kind.TEXT, None, "Format of log lines about a request.", no_effect=OWN_LOG
        ),
        Option(
            "logging_default_format_string",
            Kind.TEXT,
            "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [-] %(instance)s%(message)s",
            "Format of other log lines.",
            no_effect=OWN_LOG,
        ),
        Option(
            "logging_debug_format_suffix",
            Kind.TEXT,
            "%(funcName)s %(pathname)s:%(lineno)d",
            "What is added to log lines at level DEBUG.",
            no_effect=OWN_LOG,
        ),
        Option(
            "logging_exception_prefix",
            Kind.TEXT,
            "%(asctime)s.%(msecs)03d %(process)d ERROR %(name)s %(instance)s",
            "What precedes each line of a traceback.",
            no_effect=OWN_LOG,
        ),
        Option(
            "logging_user_identity_format",
            Kind.TEXT,
            "%(user)s %(project)s %(domain)s %(system_scope)s %(user_domain)s %(project_domain)s",
            "Format of the user in log lines.",
            no_effect=OWN_LOG,
        ),
        Option(
            "default_log_levels",
            Kind.LIST,
            [
                "amqp=WARN",
                "boto=WARN",
                "sqlalchemy=WARN",
                "suds=INFO",
                "oslo.messaging=INFO",
                "oslo_messaging=INFO",
                "iso8601=WARN",
                "requests.packages.urllib3.connectionpool=WARN",
                "urllib3.connectionpool=WARN",
                "websocket=WARN",
                "requests.packages.urllib3.util.retry=WARN",
                "urllib3.util.retry=WARN",
                "keystonemiddleware=WARN",
                "routes.middleware=WARN",
                "stevedore=WARN",
                "taskflow=WARN",
                "keystoneauth=WARN",
                "oslo.cache=INFO",
                "oslo_policy=INFO",
                "dogpile.core.dogpile=INFO",
            ],
            "Levels of single loggers.",
            no_effect=OWN_LOG,
        ),
        Option("publish_errors", Kind.BOOLEAN, False, "Send errors as notifications.", no_effect=OWN_LOG),
        Option(
            "instance_format",
            Kind.TEXT,
            "[instance: %(uuid)s] ",
            "Format of an instance in log lines.",
            no_effect=OWN_LOG,
        ),
        Option(
            "instance_uuid_format",
            Kind.TEXT,
            "[instance: %(uuid)s] ",
            "Format of an instance's id in log lines.",
            no_effect=OWN_LOG,
        ),
        Option(
            "rate_limit_interval",
            Kind.INTEGER,
            0,
            "Seconds in which rate_limit_burst lines are let through.",
            no_effect=OWN_LOG,
        ),
        Option("rate_limit_burst", Kind.INTEGER, 0, "Most log lines in an interval.", no_effect=OWN_LOG),
        Option(
            "rate_limit_except_level",
            Kind.TEXT,
            "CRITICAL",
            "Level from which lines are never held back.",
            no_effect=OWN_LOG,
            choices=("CRITICAL", "ERROR", "INFO", "WARNING", "DEBUG"),
        ),
        Option("fatal_deprecations", Kind.BOOLEAN, False, "Stop at deprecated options.", no_effect=OWN_LOG),
    ),
)
