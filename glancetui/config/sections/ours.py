"""Options of [glancetui]: what Glance has no option for."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

GLANCETUI = Section(
    "glancetui",
    "What Glance has no option for.",
    (
        Option(
            "data_dir",
            Kind.TEXT,
            None,
            "Folder of the service's own data: SQLite database, single store, staging, cache.",
            shown_default="$GLANCETUI_DATA_DIR, else the platform's folder for user data",
        ),
        Option(
            "auth",
            Kind.TEXT,
            None,
            (
                "Who callers are: none (loopback and unix sockets only; every caller is administrator), basic "
                "(passwords in htpasswd_file), keystone (tokens), headers (identity headers of a trusted proxy). "
                "Not set: [paste_deploy] flavor decides."
            ),
            choices=("none", "basic", "keystone", "headers"),
        ),
        Option("listen", Kind.LIST, ["127.0.0.1:9292"], "Addresses to serve on: HOST:PORT, [IPv6]:PORT or unix:PATH."),
        Option("workers", Kind.INTEGER, 1, "Processes that serve requests.", minimum=1, maximum=1024),
        Option(
            "registry",
            Kind.TEXT,
            None,
            (
                "Where `serve api` reaches the registry service: unix:PATH, https://HOST:PORT, or HOST:PORT on "
                "loopback. Not set: it uses the database directly."
            ),
        ),
        Option(
            "registry_listen",
            Kind.LIST,
            [],
            (
                "Addresses of `serve registry`: unix:PATH (for its owner only), https://HOST:PORT, or HOST:PORT on "
                "loopback. A network address needs registry_secret or, with https, registry_ca_file."
            ),
            shown_default="unix:registry.sock in data_dir",
        ),
        Option("registry_workers", Kind.INTEGER, 1, "Processes of `serve registry`.", minimum=1, maximum=1024),
        Option(
            "registry_secret",
            Kind.TEXT,
            None,
            (
                "What API workers and registry service both know; each proves it to the other without sending it. On a "
                "unix socket it may be left out: only its owner, and root, reach that."
            ),
            secret=True,
        ),
        Option("registry_secret_file", Kind.TEXT, None, "A file that holds the secret instead: its first line."),
        Option(
            "registry_cert_file",
            Kind.TEXT,
            None,
            "Certificate, with its chain: of `serve registry` for https, of `serve api` where callers need one.",
        ),
        Option("registry_key_file", Kind.TEXT, None, "The key of registry_cert_file.", shown_default="in that file"),
        Option(
            "registry_ca_file",
            Kind.TEXT,
            None,
            (
                "Authorities of the other side's certificates. For `serve registry`: every caller must have one of "
                "theirs. For `serve api`: what the service's is checked against; not set: the system's."
            ),
        ),
        Option("htpasswd_file", Kind.TEXT, None, "Names and bcrypt hashes of passwords, for auth = basic."),
        Option("identity_file", Kind.TEXT, None, "Lines `user:project:role,role`, for auth = basic."),
        Option(
            "trusted_peers",
            Kind.LIST,
            [],
            ("Addresses or networks that may send identity headers, for auth = headers; unix sockets always may."),
        ),
        Option("max_header_bytes", Kind.SIZE, 65536, "Largest head of a request; beyond it 431.", minimum=4096),
        Option(
            "max_json_bytes",
            Kind.SIZE,
            1048576,
            "Largest body of a request that is no image; beyond it 413.",
            minimum=4096,
        ),
        Option("max_json_depth", Kind.INTEGER, 32, "Deepest nesting of a JSON body.", minimum=4),
        Option("max_filters", Kind.INTEGER, 64, "Most filters of a listing.", minimum=1),
        Option("max_patch_operations", Kind.INTEGER, 512, "Most operations of a PATCH.", minimum=1),
        Option(
            "max_uploads",
            Kind.INTEGER,
            64,
            "Uploads that a worker takes at once; beyond it 503 with Retry-After.",
            minimum=1,
        ),
        Option(
            "notifications_kept",
            Kind.INTEGER,
            100_000,
            "Notifications that wait for the message broker; where it is away for longer, the oldest are dropped.",
            minimum=1000,
        ),
        Option("max_jobs", Kind.INTEGER, 8, "Imports that a worker does at once; others wait.", minimum=1, maximum=256),
        Option(
            "fetch_idle_seconds",
            Kind.NUMBER,
            60.0,
            "Seconds without data after which a web-download is given up.",
            minimum=1,
        ),
        Option("fetch_most_seconds", Kind.NUMBER, 86400.0, "Seconds that a web-download may take in all.", minimum=1),
        Option("conversion_seconds", Kind.NUMBER, 14400.0, "Seconds that one conversion may take.", minimum=1),
        Option("conversion_memory", Kind.SIZE, 2 << 30, "Address space that a conversion may use.", minimum=256 << 20),
        Option("body_idle_seconds", Kind.NUMBER, 60.0, "Seconds after which a silent sender is given up.", minimum=0.1),
        Option(
            "send_idle_seconds",
            Kind.NUMBER,
            120.0,
            "Seconds after which a receiver that takes nothing is given up.",
            minimum=0.1,
        ),
        Option("drain_seconds", Kind.NUMBER, 30.0, "Seconds that running requests get after SIGTERM.", minimum=0),
        Option(
            "worker_silence_seconds",
            Kind.NUMBER,
            30.0,
            "A worker whose event loop stands still for so long is killed and replaced; 0: never. Work in threads may "
            "take as long as it likes.",
            minimum=0,
        ),
        Option(
            "upload_lease_seconds",
            Kind.NUMBER,
            60.0,
            "Seconds without a sign of life after which an upload counts as abandoned and is undone.",
            minimum=1,
        ),
        Option(
            "cache_care_seconds",
            Kind.NUMBER,
            900.0,
            "Seconds between two rounds in which the image cache is pruned, cleaned and rid of deleted images.",
            minimum=1,
        ),
        Option(
            "metadef_max_items",
            Kind.INTEGER,
            5000,
            "Most properties, objects or tags of one metadata namespace; beyond it 413.",
            minimum=1,
        ),
        Option(
            "metadef_warn",
            Kind.LIST,
            [],
            (
                "Metadata namespaces whose definitions image properties are held against as images are created and "
                "changed; what breaks one is logged. `*` stands for every public namespace that goes on images."
            ),
        ),
        Option(
            "metadef_refuse",
            Kind.LIST,
            [],
            "As metadef_warn, and the request is refused with 400. Stands above metadef_warn where both name one.",
        ),
        Option(
            "database_busy_seconds",
            Kind.NUMBER,
            30.0,
            "Longest wait for other writers: SQLite's one at a time, or a row that another locks.",
            minimum=0,
        ),
        Option(
            "upgrade",
            Kind.BOOLEAN,
            None,
            "Bring the database's schema up to date at start. Not set: only for the data folder's own SQLite.",
            shown_default="true for the data folder's own SQLite, else false",
        ),
        Option(
            "adopt",
            Kind.BOOLEAN,
            None,
            "Take over a database of Glance at start. Not set: only for the data folder's own SQLite.",
            shown_default="true for the data folder's own SQLite, else false",
        ),
    ),
)
