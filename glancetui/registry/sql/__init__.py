"""The registry on a SQL database in Glance's schema."""

from __future__ import annotations

from glancetui.config.settings import DatabaseSettings, OwedNotifications
from glancetui.registry.sql import schema
from glancetui.registry.sql.registry import SqlRegistry

__all__ = ["SqlRegistry", "open_registry"]


def open_registry(settings: DatabaseSettings, node: str, owed: OwedNotifications | None = None) -> SqlRegistry:
    """The registry of `settings`, its schema current.

    An empty database is filled, an older one upgraded, where `settings.upgrade` allows; one of Glance's is taken over
    where `settings.adopt` does. `node` names this process tree in events; `owed` is what notifications are kept,
    None: none. Raises ConfigError for a database that needs
    an operator's decision, RegistryUnavailable for one that cannot be reached now.
    """
    schema.refuse_unopened(settings)
    database = schema.open_database(settings, create=settings.upgrade)
    try:
        schema.prepare(database, upgrade=settings.upgrade, adopt=settings.adopt)
    except BaseException:
        database.close()
        raise
    return SqlRegistry(database, node, owed=owed)
