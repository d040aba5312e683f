"""What database servers have in common: pools of connections in autocommit, and what an address says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError
from glancetui.registry.sql.dialect import Dialect


class ServerDialect(Dialect):
    """A database on a server, reached by a driver of Python."""

    drivername: ClassVar[str]
    port: ClassVar[int]

    def __init__(self, url: sa.URL, settings: DatabaseSettings) -> None:
        super().__init__(settings)
        if not url.database:
            raise ConfigError(f"[database] connection names no database: end it with /glance ({self.kind}).")
        parameters = sa.make_url(f"x://?{settings.connection_parameters}").query
        self._url = url.set(drivername=self.drivername).update_query_dict(dict(parameters))
        self.name = f"{url.database} at {self._place(url)}"

    def _place(self, url: sa.URL) -> str:
        socket = url.query.get("unix_socket") or url.query.get("host")
        return str(socket or f"{url.host or 'localhost'}:{url.port or self.port}")

    def pooled(self, on_connect: Callable[[Any], None], **options: Any) -> sa.Engine:  # Any: the drivers' own types
        """Raises ConfigError for a URL that the driver does not understand."""
        settings = self.settings
        try:
            engine = sa.create_engine(
                pool_size=settings.max_pool_size,
                max_overflow=settings.max_overflow,
                pool_timeout=settings.busy_seconds if settings.pool_timeout is None else settings.pool_timeout,
                pool_recycle=settings.connection_recycle_time,
                pool_use_lifo=True,  # those above the usual number grow old and are closed
                pool_reset_on_return=None,  # `Database` ends each transaction itself
                isolation_level="AUTOCOMMIT",
                skip_autocommit_rollback=True,
                paramstyle="format",
                **options,
            )
        except (sa.exc.ArgumentError, ImportError) as error:
            raise ConfigError(f"[database] connection cannot be used: {error}.") from error
        sa.event.listen(engine, "do_connect", _connect)
        sa.event.listen(engine, "connect", lambda connection, _record: on_connect(connection))
        return engine


def _connect(dialect: sa.Dialect, _record: object, words: list[Any], named: dict[str, Any]) -> object:
    try:
        return dialect.connect(*words, **named)
    except TypeError as error:  # a parameter of the URL that the driver does not know
        raise ConfigError(f"[database] connection cannot be used: {error}.") from error
