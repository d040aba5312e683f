"""Options of the message broker, oslo.messaging's names."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

NO_NOTIFICATIONS = "this version sends no notifications"

OSLO_MESSAGING_NOTIFICATIONS = Section(
    "oslo_messaging_notifications",
    "Notifications about images.",
    (
        Option("driver", Kind.MULTI, [], "How notifications are sent, repeatable.", no_effect=NO_NOTIFICATIONS),
        Option(
            "transport_url", Kind.TEXT, None, "Address of the message broker.", no_effect=NO_NOTIFICATIONS, secret=True
        ),
        Option("topics", Kind.LIST, ["notifications"], "Topics that notifications go to.", no_effect=NO_NOTIFICATIONS),
        Option("retry", Kind.INTEGER, -1, "Attempts to send one.", no_effect=NO_NOTIFICATIONS),
    ),
)
