"""Sockets that the service listens on, bound once and shared by all workers."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glancetui.config.settings import RegistryAddress, ServerSettings, Settings
from glancetui.errors import ConfigError

AddressInfo = tuple[Any, ...]  # as getaddrinfo has it

BACKLOG = 1024
_HOST_AND_PORT = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.%\w]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})", re.ASCII)


def bind(settings: Settings) -> list[socket.socket]:
    """A listening socket for each address. Raises ConfigError that names the address; then none stays open."""
    server = settings.server
    sockets: list[socket.socket] = []
    try:
        for address in server.listen:
            sockets += _bind_unix(address) if address.startswith("unix:") else _bind_inet(address, server)
    except BaseException:
        close(sockets)
        raise
    return sockets


def bind_registry(settings: Settings) -> list[socket.socket]:
    """The private registry service's sockets. Raises ConfigError."""
    registry = settings.registry
    sockets: list[socket.socket] = []
    try:
        for address in registry.listen:
            if address.path is not None:
                sockets += _bind_unix(str(address))
                continue
            found = _resolved(address.host, address.port, str(address))
            if not address.tls:
                _refuse_network(found, address)
            sockets += _bind_all(found, address.port, str(address))
    except BaseException:
        close(sockets)
        raise
    return sockets


def _refuse_network(found: Sequence[AddressInfo], address: RegistryAddress) -> None:
    if not all(_is_loopback(entry[4][0]) for entry in found):
        raise ConfigError(f"Without TLS the registry stays on this machine: write https://{address}.")


def close(sockets: Sequence[socket.socket]) -> None:
    """Closes them, and removes the files of unix sockets. Idempotent."""
    for listener in sockets:
        if listener.fileno() < 0:
            continue
        path = listener.getsockname() if listener.family == socket.AF_UNIX else None
        listener.close()
        if path:
            Path(path).unlink(missing_ok=True)


def url_of(listener: socket.socket, scheme: str = "http://") -> str:
    """How a client names this address."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"{scheme}[{host}]:{port}" if ":" in host else f"{scheme}{host}:{port}"


def _bind_inet(address: str, server: ServerSettings) -> list[socket.socket]:
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise ConfigError(f"listen: {address!r} is no address. Write HOST:PORT, [IPv6]:PORT or unix:PATH.")
    host = match["v6"] or match["host"]
    found = _resolved(host, int(match["port"]), address)
    if server.auth == "none" and not all(_is_loopback(entry[4][0]) for entry in found):
        raise ConfigError(
            f"Without authentication the service listens on loopback and unix sockets only, not on {address}. "
            "Choose --auth basic, keystone or headers, or listen on 127.0.0.1."
        )
    return _bind_all(found, int(match["port"]), address)


def _resolved(host: str, port: int, address: str) -> list[AddressInfo]:
    try:
        return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"listen: the host of {address!r} cannot be resolved: {error.strerror}.") from error


def _bind_all(found: Sequence[AddressInfo], port: int, address: str) -> list[socket.socket]:
    # One name may have several addresses (localhost: 127.0.0.1 and ::1); with port 0 they would get different ports.
    wanted = found[:1] if port == 0 else found
    return [_listening(entry[0], entry[4], address) for entry in dict.fromkeys(wanted)]


def _listening(family: int, where: tuple[object, ...], address: str) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(address, error) from error
    listener.setblocking(False)
    return listener


def _bind_unix(address: str) -> list[socket.socket]:
    path = Path(address.removeprefix("unix:")).absolute()
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the file must never be open to others, not even between bind and chmod
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(address, error) from error
    finally:
        os.umask(before)
    listener.setblocking(False)
    return [listener]


def _remove_stale(path: Path) -> None:
    """Removes a socket that nobody listens on. Raises ConfigError for a live one, and for any other kind of file."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # what else is wrong with the path, bind will tell
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"listen: {path} is there and is no socket. Remove it or choose another path.")
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1)
        if probe.connect_ex(str(path)) == 0:
            raise ConfigError(f"listen: another program serves on {path}. Stop it or choose another path.")
    path.unlink(missing_ok=True)


def _refused(address: str, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"listen: another program serves on {address}. Stop it, or choose another address with --listen."
        )
    return ConfigError(f"listen: the service cannot listen on {address}: {error.strerror or error}.")


def _is_loopback(host: object) -> bool:
    return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
