"""Secrets, taken out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "***"
SECRET_HEADERS = frozenset(
    {
        "x-auth-token", "authorization", "x-subject-token", "x-service-token", "x-storage-token", "cookie",
        "set-cookie", "proxy-authorization",
    }
)  # fmt: skip
SECRET_QUERY = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:sig|signature|token|secret|password|credential|apikey|key))=)[^&;#\s]+"
)
# The secret key of an S3 location may itself hold slashes.
USER_INFO = re.compile(r"((?:\bs3|\bs3\+https?)://)[^?#\s@]*@|(://)[^/?#\s]*@")


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: MASK if name.lower() in SECRET_HEADERS else masked_url(value) for name, value in headers.items()}


def masked_url(url: str) -> str:
    """A URL without the user, password, signature or token in it; other text comes back as it is."""
    return (
        SECRET_QUERY.sub(rf"\g<1>{MASK}", USER_INFO.sub(rf"\g<1>\g<2>{MASK}@", url))
        if "=" in url or "@" in url
        else url
    )


def masked_document(value: object) -> object:
    """An image's document with credentials in its locations masked, at any depth."""
    if isinstance(value, dict):
        return {key: masked_location(key, item) for key, item in value.items()}
    return [masked_document(item) for item in value] if isinstance(value, list) else value


def masked_location(key: str, value: object) -> object:
    if key in {"direct_url", "url"} and isinstance(value, str):
        return masked_url(value)
    return masked_document(value) if key in {"locations", "metadata"} else value
