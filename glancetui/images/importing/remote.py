"""glance-download: an image of another Image API, read with the token of who asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from glancetui.config.settings import FetchSettings, Settings
from glancetui.errors import JobFailed
from glancetui.fetch.fetcher import Fetcher
from glancetui.fetch.filter import PORTS, Filter, normal_host
from glancetui.images.properties import RESERVED_PREFIX
from glancetui.images.source import ByteSource
from glancetui.registry.jobs import Facts, ImportSpec

LARGEST_DOCUMENT = 4 << 20  # bytes


class RemoteGlance:
    """The image that a job is to bring. The endpoint is the catalogue's, so the operator's: it may lie anywhere."""

    def __init__(self, spec: ImportSpec, token: str | None, settings: Settings) -> None:
        if token is None:
            raise JobFailed("token-lost", "The worker that knew your token is gone. Ask for the import once more.")
        self._token = token
        self._settings = settings
        if spec.remote_endpoint is None:
            raise JobFailed(
                "unknown-region",
                "Your catalogue names no Image API in that region with that interface. Check how they are spelled.",
            )
        endpoint = spec.remote_endpoint.rstrip("/")
        self._endpoint = endpoint if endpoint.endswith("/v2") else f"{endpoint}/v2"
        self._image = spec.remote_image or ""
        limits = only_there(self._endpoint, settings.imports.fetch)
        self._fetcher = Fetcher(Filter(limits), limits)

    def image(self) -> Facts:
        """What comes along: formats and the configured properties. Raises JobFailed, FetchFailed."""
        with self._fetcher.open(self._url(""), self._headers()) as answer:
            text = answer.read_all(LARGEST_DOCUMENT)
        try:
            document = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise JobFailed("no-image", "The other Image API answered what is no image.") from error
        if document.get("status") != "active":
            raise JobFailed(
                "not-active", f"The image is {document.get('status')} there; only an active one can be had."
            )
        return Facts(
            disk_format=text_of(document, "disk_format"),
            container_format=text_of(document, "container_format"),
            properties={name: value for name, value in document.items() if self._comes_along(name, value)},
        )

    @contextmanager
    def open(self) -> Iterator[ByteSource]:
        """Its data."""
        with self._fetcher.open(self._url("/file"), self._headers()) as answer:
            yield answer

    def _comes_along(self, name: str, value: object) -> bool:
        wanted = name.startswith(self._settings.imports.extra_properties)
        return wanted and isinstance(value, str) and not name.startswith(RESERVED_PREFIX)

    def _url(self, rest: str) -> str:
        return f"{self._endpoint}/images/{quote(self._image, safe='')}{rest}"

    def _headers(self) -> dict[str, str]:
        return {"X-Auth-Token": self._token, "Accept": "application/json, application/octet-stream"}


def text_of(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) else None


def only_there(endpoint: str, settings: FetchSettings) -> FetchSettings:
    """The bounds of fetching, with this one place allowed and no other: a redirect cannot take the token away."""
    parts = urlsplit(endpoint)
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not parts.hostname:
        raise JobFailed("bad-endpoint", "The catalogue's address of the other Image API is not http or https.")
    return msgspec.structs.replace(
        settings,
        allowed_schemes=(scheme,),
        allowed_hosts=(normal_host(parts.hostname),),
        allowed_ports=(parts.port or PORTS[scheme],),
    )
