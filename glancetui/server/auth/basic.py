"""User names and passwords: an htpasswd file with bcrypt hashes, and a file that says who is in which project.

Both are read again when they change. Roles imply each other as in Keystone: admin, member, reader.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

import bcrypt
import msgspec
from starlette.requests import Request

from glancetui.config.settings import ServerSettings
from glancetui.errors import ConfigError, Forbidden
from glancetui.model import Caller
from glancetui.server.auth.base import Admission, IsAdmin, Memory
from glancetui.server.auth.catalog import Catalog
from glancetui.server.auth.headers import names
from glancetui.server.bridge import in_slow_thread, in_thread

log = logging.getLogger(__name__)

RIGHT_SECONDS = 60.0  # a right password is remembered so long, since checking one costs 50 ms and more
WRONG_SECONDS = 5.0  # a wrong one, too: a client that repeats it must not keep a processor busy
REMEMBERED = 4096
AT_ONCE = 4  # passwords checked side by side
BCRYPT_BYTES = 72  # bcrypt looks at no more of a password, and htpasswd cut it there
IMPLIED: Mapping[str, frozenset[str]] = {"admin": frozenset({"member", "reader"}), "member": frozenset({"reader"})}
_HASH = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}", re.ASCII)
_Signature = tuple[tuple[int, int, int], ...]


class Accounts(msgspec.Struct, frozen=True):
    """One reading of the two files. `decoy` is checked for unknown names, so that they take as long as known ones."""

    hashes: dict[str, bytes]
    identities: dict[str, Caller]
    decoy: bytes


class BasicAuthentication:
    challenge: str | None = 'Basic realm="glancetui", charset="UTF-8"'

    def __init__(self, server: ServerSettings, is_admin: IsAdmin) -> None:
        """Raises ConfigError for files that are missing or malformed."""
        htpasswd, identities = server.basic.htpasswd_file, server.basic.identity_file
        if htpasswd is None or identities is None:
            raise ConfigError("auth = basic needs htpasswd_file and identity_file in [glancetui].")
        self._files = (htpasswd, identities)
        self._signature = signature(self._files)
        self._accounts = read_accounts(htpasswd, identities)
        self._admission = Admission(is_admin, allow_anonymous=server.allow_anonymous_access)
        self._answers: Memory[bool] = Memory(REMEMBERED)
        self._checking = asyncio.Semaphore(AT_ONCE)

    async def caller(self, request: Request, request_id: str) -> Caller:
        given = credentials(request.headers.get("authorization", ""))
        if given is None:
            return self._admission.unknown("Send a user name and a password by HTTP basic authentication.", request_id)
        await self._follow_files(request)
        name, password = given
        if not await self._is_right(request, name, password):
            return self._admission.unknown("The user name or the password is wrong.", request_id)
        known = self._accounts.identities.get(name)
        if known is None:
            raise Forbidden(f"User {name} is in no project. The operator adds it to the identity file.")
        return self._admission.admit(known, request_id)

    def catalog(self, request: Request) -> Catalog:  # noqa: ARG002 - as the others have it
        """Nobody tells of other services here."""
        return Catalog(())

    async def _is_right(self, request: Request, name: str, password: bytes) -> bool:
        key = self._answers.name(name.encode(), password)
        remembered = self._answers.recall(key)
        if remembered is not None:
            return remembered
        accounts = self._accounts
        async with self._checking:
            right = await in_slow_thread(request, matches, accounts, name, password)
        if accounts is self._accounts:
            self._answers.keep(key, right, RIGHT_SECONDS if right else WRONG_SECONDS)
        return right

    async def _follow_files(self, request: Request) -> None:
        found = signature(self._files)
        if found == self._signature:
            return
        self._signature = found
        try:
            self._accounts = await in_thread(request, read_accounts, *self._files)
        except ConfigError as error:
            log.error("The accounts stay as they were: %s", error)  # noqa: TRY400 - the sentence says it all
        else:
            self._answers.forget_all()
            log.info("The accounts were read again.")


def credentials(header: str) -> tuple[str, bytes] | None:
    """Name and password of an Authorization header; None where there are none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def matches(accounts: Accounts, name: str, password: bytes) -> bool:
    """Costs the same time for a name that does not exist."""
    known = accounts.hashes.get(name)
    right = bcrypt.checkpw(password.replace(b"\0", b"?")[:BCRYPT_BYTES], known or accounts.decoy)
    return right and known is not None and b"\0" not in password


def signature(files: tuple[Path, ...]) -> _Signature:
    """Changes whenever one of the files does."""
    found = []
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116 - half of Path.stat's cost, paid at each request
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def read_accounts(htpasswd: Path, identities: Path) -> Accounts:
    """Raises ConfigError with file and line."""
    hashes = {}
    for number, line in lines(htpasswd, "htpasswd_file"):
        name, _, digest = line.partition(":")
        if not name or not _HASH.fullmatch(digest):
            raise ConfigError("A line is NAME:HASH, as `htpasswd -B` writes it.", file=str(htpasswd), line=number)
        hashes[name] = digest.encode()
    callers = {}
    for number, line in lines(identities, "identity_file"):
        parts = line.split(":")
        if len(parts) != 3 or not all(part.strip() for part in parts):
            raise ConfigError("A line is USER:PROJECT:ROLE,ROLE.", file=str(identities), line=number)
        user, project, roles = (part.strip() for part in parts)
        callers[user] = Caller(user=user, project=project, roles=with_implied(names(roles)))
    rounds = max((int(digest[4:6]) for digest in hashes.values()), default=12)
    return Accounts(hashes, callers, bcrypt.hashpw(os.urandom(16).hex().encode(), bcrypt.gensalt(rounds)))


def lines(file: Path, option: str) -> list[tuple[int, str]]:
    """Lines that say something, with their numbers."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{option}: {file} cannot be read: {error}.") from error
    numbered = enumerate((line.strip() for line in text.splitlines()), 1)
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def with_implied(roles: frozenset[str]) -> frozenset[str]:
    return roles.union(*(IMPLIED.get(role, frozenset()) for role in roles))
