"""The operator's message broker, through oslo.messaging, which is imported only where notifications are wanted.

Its Notifier logs what it cannot send and goes on, so messages are handed to the transport as its drivers do, and a
failure stays one: the notification waits in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from glancetui.config.settings import NotificationSettings
from glancetui.errors import ConfigError, Unavailable
from glancetui.registry.interface import Notification

log = logging.getLogger(__name__)

#: Drivers that go through the transport, and the version of their format.
ENVELOPES: Mapping[str, float] = {"messaging": 1.0, "messagingv2": 2.0}
OTHERS = ("log", "noop", "test")
MISSING = (
    "[oslo_messaging_notifications] driver is set, and oslo.messaging is not installed. "
    "Install it: pip install 'glancetui[notifications]'."
)


class OsloBroker:
    """Implements `images.notifications.Broker`. Connects when there is something to send."""

    def __init__(self, settings: NotificationSettings, config_files: Sequence[Path]) -> None:
        """`config_files`: where oslo.messaging finds options of its own.

        Raises ConfigError where a driver is unknown, or oslo.messaging is missing or cannot read its options.
        """
        try:
            import oslo_messaging
            from oslo_config import cfg
        except ImportError as error:
            raise ConfigError(MISSING) from error
        unknown = [name for name in settings.drivers if name not in ENVELOPES and name not in OTHERS]
        if unknown:
            known = ", ".join([*ENVELOPES, *OTHERS])
            raise ConfigError(f"[oslo_messaging_notifications] driver {unknown[0]!r} is none of {known}.")
        self._messaging: Any = oslo_messaging
        self._settings = settings
        conf = cfg.ConfigOpts()
        files = [str(file) for file in config_files]
        conf([], project="glancetui", default_config_files=files, default_config_dirs=[])
        oslo_messaging.set_transport_defaults(settings.control_exchange)
        try:
            self._transport: Any = oslo_messaging.get_notification_transport(conf, url=settings.transport_url)
        except (oslo_messaging.MessagingException, ValueError, ImportError) as error:
            # The exception may hold the URL, and with it a password.
            reason = "the message broker's address or driver makes no sense to oslo.messaging"
            raise ConfigError(f"[oslo_messaging_notifications] transport_url: {reason}.") from error
        conf.set_override("control_exchange", settings.control_exchange)

    def send(self, notification: Notification) -> None:
        """To every topic, by every driver. Raises Unavailable."""
        message = self._message(notification)
        for driver in self._settings.drivers:
            if driver in ENVELOPES:
                self._send(message, notification.priority, ENVELOPES[driver])
            elif driver == "log":
                shown = msgspec.json.encode(message).decode()
                logging.getLogger(f"oslo.messaging.notification.{notification.kind}").info("%s", shown)

    def close(self) -> None:
        self._transport.cleanup()

    def _message(self, notification: Notification) -> dict[str, Any]:
        return {
            "message_id": notification.message_id,
            "publisher_id": self._settings.publisher_id,
            "event_type": notification.kind,
            "priority": notification.priority,
            "payload": msgspec.json.decode(notification.payload),
            "timestamp": notification.created_at.isoformat(" "),
        }

    def _send(self, message: dict[str, Any], priority: str, version: float) -> None:
        for topic in self._settings.topics:
            target = self._messaging.Target(topic=f"{topic}.{priority.lower()}")
            try:
                # No retries of its own: a broker that is away is met again by the outbox, in order.
                self._transport._send_notification(target, {}, message, version=version, retry=0)
            except Exception as error:  # of whatever library carries it: to us they are all the same
                log.debug("The message broker failed.", exc_info=True)
                raise Unavailable(f"the message broker does not take them ({type(error).__name__}).") from error
