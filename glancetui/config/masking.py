"""No password leaves through a message or a table."""

from __future__ import annotations

import re

MASK = "***"
URL_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):\S*@")  # to the last @: a password may hold one
QUERY_SECRET = re.compile(r"(?i)([?&;](?:password|passwd|passphrase|secret|token|key|sslpassword)=)[^&;\s]+")


def mask_urls(text: str) -> str:
    """Without the passwords of URLs, wherever they stand in the text."""
    return QUERY_SECRET.sub(rf"\g<1>{MASK}", URL_PASSWORD.sub(rf"\g<1>:{MASK}@", text))
