"""From the setting `auth` to the code that does it. Each way is imported only where it is chosen."""

from __future__ import annotations

from glancetui.config.settings import ServerSettings, Settings
from glancetui.images.quotas import UnifiedLimits
from glancetui.server.auth.base import Authenticator, IsAdmin


def authenticator(server: ServerSettings, is_admin: IsAdmin) -> Authenticator:
    """Raises ConfigError where the way that was chosen lacks what it needs."""
    if server.auth == "basic":
        from glancetui.server.auth.basic import BasicAuthentication

        return BasicAuthentication(server, is_admin)
    if server.auth == "keystone":
        from glancetui.server.auth.keystone import KeystoneAuthentication

        return KeystoneAuthentication(server, is_admin)
    if server.auth == "headers":
        from glancetui.server.auth.headers import HeaderAuthentication

        return HeaderAuthentication(server, is_admin)
    from glancetui.server.auth.none import NoAuthentication

    return NoAuthentication()


def unified_limits(settings: Settings) -> UnifiedLimits | None:
    """None: the operator does not keep to Keystone's. Raises ConfigError where [oslo_limit] is incomplete."""
    if settings.limits is None:
        return None
    from glancetui.server.auth.limits import KeystoneLimits

    return KeystoneLimits(settings.limits)
