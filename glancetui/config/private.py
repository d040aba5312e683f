"""The private registry service's settings: where it is, and who may speak to it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

from glancetui.config.settings import RegistryAddress, RegistrySettings
from glancetui.config.values import Values

SECTION = "glancetui"
SHORTEST_SECRET = 16  # characters
LARGEST_SECRET = 4096  # bytes; a longer file is something else
_HOST_AND_PORT = re.compile(
    r"(?P<tls>https://)?(?:\[(?P<v6>[0-9a-fA-F:.%\w]+)\]|(?P<host>[^:/\[\]]+)):(?P<port>[0-9]{1,5})/?", re.ASCII
)


def registry_settings(values: Values, data_dir: Path) -> RegistrySettings:
    """Problems go to `values.problems`."""
    listen = [found for text in values.get(SECTION, "registry_listen") if (found := _address(values, text))]
    where: str | None = values.get(SECTION, "registry")
    cert, key, ca = (_file(values, f"registry_{name}_file") for name in ("cert", "key", "ca"))
    settings = RegistrySettings(
        address=_address(values, where, "registry") if where else None,
        listen=tuple(listen) or (RegistryAddress(path=data_dir.absolute() / "registry.sock"),),
        workers=values.get(SECTION, "registry_workers"),
        secret=_secret(values),
        ca_file=ca,
        cert_file=cert,
        key_file=key,
    )
    _check(values, settings)
    return settings


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _address(values: Values, text: str, option: str = "registry_listen") -> RegistryAddress | None:
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        if path.is_absolute():
            return RegistryAddress(path=path)
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        reason = f"has {text!r}: write unix: and an absolute path, https://HOST:PORT, or HOST:PORT on loopback"
        values.complain(SECTION, option, reason)
        return None
    found = RegistryAddress(host=match["v6"] or match["host"], port=int(match["port"]), tls=bool(match["tls"]))
    if not found.tls and not is_loopback(found.host):
        values.complain(
            SECTION, option, f"has {text!r}: without TLS the registry stays on this machine; write https://{text}"
        )
    return found


def _check(values: Values, settings: RegistrySettings) -> None:
    """That nobody can come in over a network who has not proven who he is."""
    network = [address for address in settings.listen if address.path is None]
    if any(address.tls for address in network) and settings.cert_file is None:
        values.complain(SECTION, "registry_listen", "has an https address, which needs registry_cert_file")
    if len({address.tls for address in network}) > 1:
        values.complain(
            SECTION, "registry_listen", "has network addresses with and without https; choose one of the two"
        )
    if settings.secret:
        return
    if any(not (address.tls and settings.ca_file) for address in network):
        reason = "has a network address, which needs registry_secret or, with https, registry_ca_file for callers"
        values.complain(SECTION, "registry_listen", reason)


def _secret(values: Values) -> str:
    given, file = values.get(SECTION, "registry_secret"), values.get(SECTION, "registry_secret_file")
    if file:
        if given:
            values.complain(SECTION, "registry_secret_file", "is set beside registry_secret; take one of them out")
        given = _first_line(values, Path(file))
    if given and len(given) < SHORTEST_SECRET:
        where = "registry_secret_file" if file else "registry_secret"
        values.complain(
            SECTION, where, f"holds a secret of less than {SHORTEST_SECRET} characters, which can be guessed"
        )
    return given or ""


def _first_line(values: Values, file: Path) -> str:
    try:
        if file.stat().st_mode & 0o007:
            values.complain(SECTION, "registry_secret_file", f"names {file}, which everybody may open: chmod o-rwx it")
        with file.open("rb") as opened:
            line = opened.read(LARGEST_SECRET).partition(b"\n")[0].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        values.complain(SECTION, "registry_secret_file", f"names {file}, which cannot be read: {why}")
        return ""
    if not line:
        values.complain(SECTION, "registry_secret_file", f"names {file}, whose first line is empty")
    return line


def _file(values: Values, option: str) -> Path | None:
    name: str | None = values.get(SECTION, option)
    if not name:
        return None
    file = Path(name)
    if not file.is_file():
        values.complain(SECTION, option, f"names {file}, which is no file that can be read")
    return file
