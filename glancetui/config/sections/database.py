"""Options of [database], oslo.db's names."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

ONE_DATABASE = "one connection serves reading and writing"
OWN_RETRY = "transactions are retried by rules of their own"
UNTIL_THERE = "a database that is away is tried again until it is there"

DATABASE = Section(
    "database",
    "The database.",
    (
        Option(
            "connection",
            Kind.TEXT,
            None,
            "SQLAlchemy URL of the database; not set: `glance.sqlite` in the data folder.",
            secret=True,
            shown_default="sqlite:///<data folder>/glance.sqlite",
        ),
        Option(
            "max_pool_size",
            Kind.INTEGER,
            8,
            "Connections that a worker keeps open; one for each of its threads for short requests by default.",
            minimum=1,
        ),
        Option("max_overflow", Kind.INTEGER, 50, "Connections that a worker may open above max_pool_size."),
        Option(
            "slave_connection",
            Kind.TEXT,
            None,
            "URL of a database for reading only.",
            no_effect=ONE_DATABASE,
            secret=True,
        ),
        Option(
            "asyncio_connection", Kind.TEXT, None, "URL for asynchronous drivers.", no_effect=ONE_DATABASE, secret=True
        ),
        Option(
            "asyncio_slave_connection",
            Kind.TEXT,
            None,
            "URL for asynchronous drivers, for reading only.",
            no_effect=ONE_DATABASE,
            secret=True,
        ),
        Option(
            "synchronous_reader", Kind.BOOLEAN, True, "Wait until a reader has seen all writes.", no_effect=ONE_DATABASE
        ),
        Option("backend", Kind.TEXT, "sqlalchemy", "Database library.", no_effect="SQLAlchemy is always used"),
        Option(
            "sqlite_synchronous",
            Kind.BOOLEAN,
            True,
            "SQLite's synchronous mode.",
            no_effect="commits that acknowledge data are always synchronous",
        ),
        Option(
            "mysql_sql_mode",
            Kind.TEXT,
            "TRADITIONAL",
            "SQL mode of MySQL sessions; STRICT_ALL_TABLES is added, lest text be cut off without an error.",
        ),
        Option(
            "mysql_wsrep_sync_wait",
            Kind.INTEGER,
            None,
            "wsrep_sync_wait of Galera sessions: 1 makes reads wait for what other nodes have committed. "
            "Not set: the server's own.",
        ),
        Option(
            "connection_recycle_time",
            Kind.INTEGER,
            3600,
            "Seconds after which a connection to a server is replaced; -1: never.",
        ),
        Option("max_retries", Kind.INTEGER, 10, "Attempts to reach the database at start.", no_effect=UNTIL_THERE),
        Option("retry_interval", Kind.INTEGER, 10, "Seconds between two such attempts.", no_effect=UNTIL_THERE),
        Option(
            "pool_timeout",
            Kind.INTEGER,
            None,
            "Seconds to wait for a connection of the pool. Not set: `database_busy_seconds` of [glancetui].",
        ),
        Option("connection_parameters", Kind.TEXT, "", "Parameters to append to the URL: `name=value&name=value`."),
        Option("use_db_reconnect", Kind.BOOLEAN, False, "Retry after a lost connection.", no_effect=OWN_RETRY),
        Option("db_retry_interval", Kind.INTEGER, 1, "Seconds between two retries.", no_effect=OWN_RETRY),
        Option("db_inc_retry_interval", Kind.BOOLEAN, True, "Lengthen the time between retries.", no_effect=OWN_RETRY),
        Option("db_max_retry_interval", Kind.INTEGER, 10, "Longest time between retries.", no_effect=OWN_RETRY),
        Option("db_max_retries", Kind.INTEGER, 20, "Most retries.", no_effect=OWN_RETRY),
        Option(
            "connection_debug",
            Kind.INTEGER,
            0,
            "Verbosity of SQL debugging.",
            no_effect="set `debug` instead",
            minimum=0,
            maximum=100,
        ),
        Option(
            "connection_trace",
            Kind.BOOLEAN,
            False,
            "Add stack traces to SQL as comments.",
            no_effect="set `debug` instead",
        ),
    ),
)
