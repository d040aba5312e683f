"""A store of other people's URLs: read, never written. Glance's http store, over the guarded fetcher.

Whoever may add a location names these addresses, so each use of one, every later read included, passes the filter of
[import_filtering_opts] and goes to an address that was checked. Nothing is asked of a URL that its range needs not.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

from glancetui.config.settings import StoreSettings
from glancetui.errors import BadRequest, ConfigError, FetchFailed, ObjectNotFound, ShortRead, StoreUnavailable
from glancetui.fetch.fetcher import Fetched, Fetcher, Method
from glancetui.fetch.filter import Filter
from glancetui.fetch.route import Proxy, Route, read_proxy
from glancetui.model import Capacity, Health, Location, StoredObject
from glancetui.stores.driver import Capabilities, Writer

SCHEMES = ("http://", "https://")
ABSENT = frozenset({404, 410})
STAT_SECONDS = 30.0
PIECE = 1 << 18  # bytes
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)", re.ASCII)


def open_store(settings: StoreSettings) -> HttpStore:
    """Raises ConfigError."""
    route = Route(tls_of(settings), proxies_of(settings))
    return HttpStore(settings.id, Fetcher(Filter(settings.fetch), settings.fetch, route))


def tls_of(settings: StoreSettings) -> ssl.SSLContext:
    authorities = settings.options.get("https_ca_certificates_file")
    if isinstance(authorities, str) and authorities:
        try:
            return ssl.create_default_context(cafile=authorities)
        except OSError as error:
            raise ConfigError(
                f"https_ca_certificates_file of store {settings.id}, {authorities}, cannot be read: {error}."
            ) from error
    context = ssl.create_default_context()
    if settings.options.get("https_insecure", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def proxies_of(settings: StoreSettings) -> dict[str, Proxy]:
    given = settings.options.get("http_proxy_information")
    return {scheme: read_proxy(text) for scheme, text in given.items()} if isinstance(given, dict) else {}


class HttpStore:
    """A `Driver` that only reads. Callable from many threads; nothing is held between calls."""

    capabilities = Capabilities(writes=False, ranges=True, lists=False)

    def __init__(self, store_id: str, fetcher: Fetcher) -> None:
        self.store_id = store_id
        self._fetcher = fetcher

    def claims(self, url: str) -> bool:
        return url.lower().startswith(SCHEMES)

    def stat(self, location: Location) -> StoredObject:
        """Raises StoreUnavailable also where the server does not tell a size."""
        size = self._size_by_head(location)
        if size is None:
            size = self._size_by_first_byte(location)
        if size is None:
            raise self._unavailable(location, "its server does not tell how long it is")
        return StoredObject(object_id=name_of(location), size=size)

    def _size_by_head(self, location: Location) -> int | None:
        """None where the server does not answer such a question, as many that sign their URLs do not."""
        with self._asked(location, {}, "HEAD", STAT_SECONDS) as answer:
            length = answer.headers.get("Content-Length", "")
            return int(length) if answer.status == 200 and is_number(length) else None

    def _size_by_first_byte(self, location: Location) -> int | None:
        with self._asked(location, {"Range": "bytes=0-0"}, "GET", STAT_SECONDS) as answer:
            self._check(location, answer, 0)
            return answer.declared_size if answer.status == 200 else range_of(answer)[1]

    @contextmanager
    def open_reader(self, location: Location, offset: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        if length == 0:
            yield iter(())
            return
        with self._asked(location, range_header(offset, length)) as answer:
            if answer.status == 416:
                yield self._beyond(location, offset, length, range_of(answer)[1])
                return
            self._check(location, answer, offset)
            yield self._chunks(location, answer, 0 if answer.status == 206 else offset, length)

    def _beyond(self, location: Location, offset: int, length: int | None, total: int | None) -> Iterator[bytes]:
        if length is not None or (total is not None and offset > total):
            raise ShortRead(self.store_id, name_of(location), 0, length or 1)
        return iter(())

    def _chunks(self, location: Location, answer: Fetched, skip: int, length: int | None) -> Iterator[bytes]:
        """`skip`: bytes that come first and were not asked for, from a server without ranges."""
        buffer = memoryview(bytearray(PIECE))
        got = 0
        while length is None or got < length:
            count = self._read(location, answer, buffer, got, length)
            if count == 0:
                break
            wanted = buffer[min(skip, count) : count][: None if length is None else length - got]
            skip -= min(skip, count)
            got += len(wanted)
            if wanted:
                yield bytes(wanted)
        if skip or (length is not None and got < length):
            raise ShortRead(self.store_id, name_of(location), got, length or got + 1)

    def _read(self, location: Location, answer: Fetched, buffer: memoryview, got: int, length: int | None) -> int:
        try:
            return answer.read_into(buffer)
        except FetchFailed as error:
            if error.code == "broken-off":
                raise ShortRead(self.store_id, name_of(location), got, length or got + 1) from error
            raise self._unavailable(location, str(error)) from error

    def _check(self, location: Location, answer: Fetched, offset: int) -> None:
        """Is this the part that was asked for? Raises StoreUnavailable."""
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._unavailable(location, "its server sends it in another encoding than it has")
        if answer.status == 200 or (answer.status == 206 and range_of(answer)[0] == offset):
            return
        raise self._unavailable(location, f"its server answered {answer.status}, not with the data")

    @contextmanager
    def _asked(
        self, location: Location, headers: Mapping[str, str], method: Method = "GET", seconds: float | None = None
    ) -> Iterator[Fetched]:
        """Raises ObjectNotFound, StoreUnavailable: also where the address may not be read (any more)."""
        with ExitStack() as stack:
            try:
                answer = stack.enter_context(self._fetcher.ask(location.url, headers, method=method, seconds=seconds))
            except (FetchFailed, BadRequest) as error:
                raise self._unavailable(location, str(error)) from error
            if answer.status in ABSENT:
                raise ObjectNotFound(self.store_id, name_of(location))
            yield answer

    def _unavailable(self, location: Location, why: str) -> StoreUnavailable:
        return StoreUnavailable(self.store_id, f"{name_of(location)}: {why.rstrip('.')}")

    # -- what a store that only reads has not --------------------------------------------------------------------------

    def open_writer(self, object_id: str, size: int | None) -> AbstractContextManager[Writer]:  # noqa: ARG002
        raise self._only_reads()

    def open_file(self, location: Location) -> BinaryIO:  # noqa: ARG002
        raise self._only_reads()

    def location_of(self, object_id: str) -> Location:  # noqa: ARG002
        raise self._only_reads()

    def _only_reads(self) -> StoreUnavailable:
        return StoreUnavailable(self.store_id, "it only reads what lies at other people's addresses")

    def delete(self, location: Location) -> None:
        """It is not ours to delete."""

    def discard(self, object_id: str) -> None:
        """Nothing was ever written here."""

    def list_objects(self) -> Iterator[StoredObject]:
        return iter(())

    def list_unfinished(self) -> Iterator[StoredObject]:
        return iter(())

    def capacity(self) -> Capacity | None:
        return None

    def probe(self) -> Health:
        """It has no address of its own that could be down."""
        return Health(ok=True, seconds=0.0)

    def close(self) -> None:
        """Nothing is held between calls."""


def name_of(location: Location) -> str:
    """The last part of the path: for people, and without what a query may hold."""
    return urlsplit(location.url).path.rpartition("/")[2] or "/"


def range_header(offset: int, length: int | None) -> dict[str, str]:
    if offset == 0 and length is None:
        return {}
    return {"Range": f"bytes={offset}-{'' if length is None else offset + length - 1}"}


def range_of(answer: Fetched) -> tuple[int | None, int | None]:
    """Where the part begins and how long the whole is; None for what is not told."""
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    begin, total = match.groups()
    return None if begin is None else int(begin), None if total == "*" else int(total)


def is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
