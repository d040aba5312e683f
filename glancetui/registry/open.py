"""The registry that the settings name: the database itself, or the service that has it."""

from __future__ import annotations

from typing import cast

from glancetui.config.settings import RegistryAddress, RegistrySettings, Settings
from glancetui.registry import late
from glancetui.registry.interface import Registry


def open_database(settings: Settings, node: str) -> Registry:
    """`node` names this process tree in events. One that is down is tried again in the background: until then its
    methods raise RegistryUnavailable. Raises ConfigError for what an operator must put right."""
    from glancetui.registry.sql import open_registry  # SQLAlchemy, which a worker beside a service does without

    owed = settings.notifications.owed if settings.notifications else None
    return late.opened(lambda: open_registry(settings.database, node, owed))


def open_remote(
    address: RegistryAddress, settings: RegistrySettings, node: str, patience: float | None = None
) -> Registry:
    """Nothing is connected yet. `patience`: seconds for which calls wait for a service that is away.

    Raises ConfigError for certificates that cannot be loaded.
    """
    from glancetui.registry.service.operations import operations_of
    from glancetui.registry.service.remote import PATIENCE, Remote

    seconds = PATIENCE if patience is None else patience
    return cast("Registry", Remote(operations_of(Registry), address, settings, node, seconds))


def open_any(settings: Settings, node: str) -> Registry:
    """Raises ConfigError."""
    if settings.registry.address is not None:
        return open_remote(settings.registry.address, settings.registry, node)
    return open_database(settings, node)
