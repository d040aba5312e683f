"""What stands between the network and the API: browsers, health, proxies."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

NO_TRACES = "the service sends no traces; see /metrics"
OWN_THREADS = "the service has thread pools of its own"
NO_LOCK_FILES = "locks between processes are rows with leases in the database"

CORS = Section(
    "cors",
    "Which web pages may call the service.",
    (
        Option("allowed_origin", Kind.LIST, None, "Origins that may; none where this is not set."),
        Option("allow_credentials", Kind.BOOLEAN, True, "Let them send credentials."),
        Option(
            "expose_headers",
            Kind.LIST,
            ["X-Image-Meta-Checksum", "X-Auth-Token", "X-Subject-Token", "X-Service-Token", "X-OpenStack-Request-ID"],
            "Headers of answers that they may read.",
        ),
        Option("max_age", Kind.INTEGER, 3600, "Seconds for which a browser may keep this."),
        Option("allow_methods", Kind.LIST, ["GET", "PUT", "POST", "DELETE", "PATCH"], "Methods that they may use."),
        Option(
            "allow_headers",
            Kind.LIST,
            [
                "Content-MD5",
                "X-Image-Meta-Checksum",
                "X-Storage-Token",
                "Accept-Encoding",
                "X-Auth-Token",
                "X-Identity-Status",
                "X-Roles",
                "X-Service-Catalog",
                "X-User-Id",
                "X-Tenant-Id",
                "X-OpenStack-Request-ID",
            ],
            "Headers that they may send.",
        ),
    ),
)

HEALTHCHECK = Section(
    "healthcheck",
    "What /healthcheck answers.",
    (
        Option(
            "disable_by_file_path",
            Kind.TEXT,
            "/etc/glance/healthcheck_disable",
            "While this file exists, /healthcheck answers 503, so that a balancer takes the node out.",
        ),
        Option(
            "backends",
            Kind.LIST,
            [],
            (
                "Further checks: disable_by_files_ports, enable_by_files. That for disable_by_file_path always runs; "
                "/readyz asks registry and store."
            ),
        ),
        Option(
            "detailed",
            Kind.BOOLEAN,
            False,
            "Answer with details.",
            no_effect="it would tell of the machine; see /readyz",
        ),
        Option("allowed_source_ranges", Kind.LIST, [], "Networks that may ask, others get 403. Empty: everybody may."),
        Option("ignore_proxied_requests", Kind.BOOLEAN, False, "Answer 403 to requests that came through a proxy."),
        Option(
            "disable_by_file_paths",
            Kind.LIST,
            [],
            "Pairs PORT:FILE for the check disable_by_files_ports: while the file exists, that port answers 503.",
        ),
        Option(
            "enable_by_file_paths", Kind.LIST, [], "Files for the check enable_by_files: while one is missing, 503."
        ),
    ),
)

OSLO_MIDDLEWARE = Section(
    "oslo_middleware",
    "Filters in front of the API.",
    (
        Option(
            "enable_proxy_headers_parsing",
            Kind.BOOLEAN,
            False,
            "Believe Forwarded, or else X-Forwarded-Proto and -Host, and -Prefix; only where a proxy sets them always.",
        ),
        Option(
            "http_basic_auth_user_file",
            Kind.TEXT,
            "/etc/htpasswd",
            "Passwords (htpasswd, bcrypt) for auth = basic; [glancetui] htpasswd_file goes before it.",
        ),
        Option(
            "max_request_body_size",
            Kind.INTEGER,
            114688,
            "Largest body of a request that is no image.",
            no_effect="[glancetui] max_json_bytes bounds it",
        ),
    ),
)

OSLO_MIDDLEWARE_TRACING = Section(
    "oslo_middleware_tracing",
    "OpenTelemetry.",
    (
        Option("enabled", Kind.BOOLEAN, False, "Send traces.", no_effect=NO_TRACES),
        Option("otlp_endpoint", Kind.TEXT, "http://localhost:4318", "Where to.", no_effect=NO_TRACES),
        Option(
            "otlp_protocol", Kind.TEXT, "http/protobuf", "How.", no_effect=NO_TRACES, choices=("http/protobuf", "grpc")
        ),
        Option("service_name", Kind.TEXT, None, "Name of the service in traces.", no_effect=NO_TRACES),
        Option(
            "sampling_rate",
            Kind.NUMBER,
            1.0,
            "Part of the requests that is traced.",
            no_effect=NO_TRACES,
            minimum=0.0,
            maximum=1.0,
        ),
        Option("insecure", Kind.BOOLEAN, False, "Do not check the collector's certificate.", no_effect=NO_TRACES),
    ),
)

WSGI = Section(
    "wsgi",
    "Glance under a WSGI server.",
    (
        Option(
            "task_pool_threads",
            Kind.INTEGER,
            16,
            "Threads for background work in each worker.",
            no_effect=OWN_THREADS,
            minimum=1,
        ),
        Option(
            "python_interpreter",
            Kind.TEXT,
            None,
            "Interpreter that a worker starts helpers with.",
            no_effect=OWN_THREADS,
        ),
    ),
)

OSLO_CONCURRENCY = Section(
    "oslo_concurrency",
    "Locks between processes.",
    (
        Option("lock_path", Kind.TEXT, None, "Folder of lock files.", no_effect=NO_LOCK_FILES),
        Option(
            "disable_process_locking", Kind.BOOLEAN, False, "Use no locks between processes.", no_effect=NO_LOCK_FILES
        ),
    ),
)
