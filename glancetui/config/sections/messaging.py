"""Options of the message broker, oslo.messaging's names."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

OWN_RETRY = "notifications wait in the database until they are sent"
NO_RPC = "notifications are sent, and nothing is listened for"

OSLO_MESSAGING_NOTIFICATIONS = Section(
    "oslo_messaging_notifications",
    (
        "Notifications about images, tasks and metadata definitions. They are kept in the database until the broker "
        "has them; where the registry is a service apart, `driver` must be set for both."
    ),
    (
        Option(
            "driver",
            Kind.MULTI,
            [],
            "How notifications are sent, repeatable: messagingv2, messaging, log, test, noop. Not set: none are.",
        ),
        Option(
            "transport_url",
            Kind.TEXT,
            None,
            "Address of the message broker; else [DEFAULT] transport_url. Needs the extra `notifications`.",
            secret=True,
        ),
        Option("topics", Kind.LIST, ["notifications"], "Topics that notifications go to."),
        Option("retry", Kind.INTEGER, -1, "Attempts to send one.", no_effect=OWN_RETRY),
    ),
)
