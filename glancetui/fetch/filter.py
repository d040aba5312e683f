"""Which URLs may be read, as [import_filtering_opts] says; and which addresses their hosts may lie at."""

from __future__ import annotations

import socket
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from glancetui.config.settings import FetchSettings
from glancetui.errors import BadRequest, FetchFailed
from glancetui.fetch.addresses import why_refused

LONGEST_URL = 4096
PORTS = {"http": 80, "https": 443}
#: What parsers disagree about, and so what lets one of them check another host than the next one connects to.
AMBIGUOUS = frozenset('\\ \t\r\n<>"{}|^`')

Resolve = Callable[..., Sequence[tuple[Any, ...]]]  # socket.getaddrinfo


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that passed the filter, in its parts. `host` is normalised; `addresses` in the resolver's order."""

    scheme: str
    host: str
    port: int
    path: str  # with the query; never empty
    addresses: tuple[str, ...] = ()

    @property
    def authority(self) -> str:
        """What a Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


class Filter:
    """Callable from many threads."""

    def __init__(self, settings: FetchSettings, resolve: Resolve = socket.getaddrinfo) -> None:
        self._settings = settings
        self._resolve = resolve
        self._allowed_hosts = frozenset(normal_host(host) for host in settings.allowed_hosts)
        self._disallowed_hosts = frozenset(normal_host(host) for host in settings.disallowed_hosts)

    def parse(self, url: str) -> Target:
        """Scheme, host and port, checked. Nothing is looked up. Raises BadRequest."""
        if len(url) > LONGEST_URL or not url.isprintable() or AMBIGUOUS & set(url):
            raise BadRequest("The URL holds characters that a URL cannot have, or is too long. Percent-encode them.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadRequest(f"The URL cannot be read: {error}.") from error
        scheme = parts.scheme.lower()
        self._check_scheme(scheme)
        if "@" in parts.netloc:
            raise BadRequest("The URL must not hold a user name. Leave out what stands before the @.")
        host = normal_host(parts.hostname or "")
        if not host or "%" in host:
            raise BadRequest("The URL names no host.")
        port = PORTS[scheme] if port is None else port
        self._check_host(host)
        self._check_port(port)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not path.isascii():
            raise BadRequest("The path of the URL must be ASCII. Percent-encode it.")
        return Target(scheme=scheme, host=host, port=port, path=path)

    def locate(self, target: Target) -> Target:
        """The target with its addresses, looked up once and all checked: one bad address among good ones is a trick.

        A host that the operator allows by name may lie anywhere. Raises BadRequest; FetchFailed for an unknown host.
        """
        try:
            found = self._resolve(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no host name"
            raise FetchFailed("unknown-host", f"The host {target.host} cannot be found: {reason}.") from error
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        if target.host not in self._allowed_hosts:
            for address in addresses:
                self._check_address(target.host, address)
        return msgspec.structs.replace(target, addresses=addresses)

    # Clients recognise a refused address by the words "pass filtering".

    def _check_address(self, host: str, address: str) -> None:
        reason = why_refused(address)
        if reason is not None:
            raise BadRequest(
                f"The host {host} does not pass filtering: it lies at an address that must not be read, {reason}. "
                "Choose a public one, or ask the operator to allow the host ([import_filtering_opts] allowed_hosts)."
            )

    def _check_scheme(self, scheme: str) -> None:
        settings = self._settings
        if scheme not in PORTS or refused(scheme, settings.allowed_schemes, settings.disallowed_schemes):
            raise BadRequest(f"URLs with the scheme {scheme[:20]!r} do not pass filtering. Use http or https.")

    def _check_host(self, host: str) -> None:
        if refused(host, self._allowed_hosts, self._disallowed_hosts):
            raise BadRequest(f"The host {host} does not pass filtering ([import_filtering_opts]). Ask the operator.")

    def _check_port(self, port: int) -> None:
        if refused(port, self._settings.allowed_ports, self._settings.disallowed_ports):
            raise BadRequest(f"Port {port} does not pass filtering ([import_filtering_opts]). Ask the operator.")


def refused(value: object, allowed: Sequence[object] | frozenset[str], disallowed: object) -> bool:
    """A list of what is allowed wins over the list of what is not."""
    return value not in allowed if allowed else value in disallowed  # type: ignore[operator]  # both are containers


def normal_host(host: str) -> str:
    """Full-width letters, digits and dots in their plain form, lower case, without a dot at the end."""
    plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower().strip("[]").removesuffix(".")
    if plain.isascii():
        return plain
    try:
        return plain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise BadRequest("The host's name cannot be written in ASCII. Check its spelling.") from error
